"""Tensor names of the original Wan for those of diffusers and transformers.

Written from the tables of the specification, in the direction opposite to the program's own renaming,
so that neither can hide a mistake of the other.
"""
import re

BRANCH = [
    (r"^condition_embedder\.text_embedder\.linear_1\.", "text_embedding.0."),
    (r"^condition_embedder\.text_embedder\.linear_2\.", "text_embedding.2."),
    (r"^condition_embedder\.time_embedder\.linear_1\.", "time_embedding.0."),
    (r"^condition_embedder\.time_embedder\.linear_2\.", "time_embedding.2."),
    (r"^condition_embedder\.time_proj\.", "time_projection.1."),
    (r"^proj_out\.", "head.head."),
    (r"^scale_shift_table$", "head.modulation"),
    (r"\.scale_shift_table$", ".modulation"),
    (r"\.attn1\.", ".self_attn."),
    (r"\.attn2\.", ".cross_attn."),
    (r"\.to_([qkv])\.", r".\1."),
    (r"\.to_out\.0\.", ".o."),
    (r"\.norm2\.", ".norm3."),
    (r"\.ffn\.net\.0\.proj\.", ".ffn.0."),
    (r"\.ffn\.net\.2\.", ".ffn.2."),
]
RESIDUAL = [
    (r"\.norm1\.", ".residual.0."), (r"\.conv1\.", ".residual.2."), (r"\.norm2\.", ".residual.3."),
    (r"\.conv2\.", ".residual.6."), (r"\.conv_shortcut\.", ".shortcut."),
]
VAE = [
    (r"^quant_conv\.", "conv1."), (r"^post_quant_conv\.", "conv2."),
    (r"coder\.conv_in\.", "coder.conv1."), (r"\.norm_out\.", ".head.0."), (r"\.conv_out\.", ".head.2."),
    (r"\.mid_block\.attentions\.0\.", ".middle.1."),
    (r"\.mid_block\.resnets\.0\.", ".middle.0."), (r"\.mid_block\.resnets\.1\.", ".middle.2."),
    (r"^encoder\.down_blocks\.", "encoder.downsamples."),
]
TEXT = [
    (r"^shared\.", "token_embedding."), (r"^encoder\.final_layer_norm\.", "norm."),
    (r"^encoder\.block\.", "blocks."), (r"\.layer\.0\.layer_norm\.", ".norm1."),
    (r"\.layer\.1\.layer_norm\.", ".norm2."),
    (r"\.layer\.0\.SelfAttention\.relative_attention_bias\.", ".pos_embedding.embedding."),
    (r"\.layer\.0\.SelfAttention\.", ".attn."), (r"\.layer\.1\.DenseReluDense\.wi_0\.", ".ffn.gate.0."),
    (r"\.layer\.1\.DenseReluDense\.wi_1\.", ".ffn.fc1."), (r"\.layer\.1\.DenseReluDense\.wo\.", ".ffn.fc2."),
]


def rename(name, rules):
    for pattern, to in rules:
        name = re.sub(pattern, to, name)
    return name


def number_decoder(names):
    """Position of each layer of the decoder's grouped blocks in the original's one flat list."""
    layers = set()
    for name in names:
        if m := re.match(r"decoder\.up_blocks\.(\d+)\.(resnets|upsamplers)\.(\d+)\.", name):
            layers.add((int(m[1]), m[2], int(m[3])))
    return {layer: i for i, layer in enumerate(sorted(layers))}


def rename_vae(name, numbers):
    if m := re.match(r"decoder\.up_blocks\.(\d+)\.(resnets|upsamplers)\.(\d+)\.", name):
        index = numbers[int(m[1]), m[2], int(m[3])]
        name = f"decoder.upsamples.{index}.{name[m.end():]}"
    name = rename(name, VAE)
    return rename(name, RESIDUAL) if re.search(r"downsamples|upsamples|middle\.[02]", name) else name


def to_original(state, part):
    """{name of diffusers or transformers: tensor} -> {name of the original Wan: tensor}."""
    if part == "vae":
        numbers = number_decoder(state)
        return {rename_vae(name, numbers): value for name, value in state.items()}
    rules = TEXT if part == "text_encoder" else BRANCH
    return {rename(name, rules): value for name, value in state.items()}
