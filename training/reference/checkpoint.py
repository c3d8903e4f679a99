"""Random models of the Vera architecture, and their checkpoints on disk.

Weights are drawn so that mistakes show: attention is peaked, the time modulation is of the order of
one, biases and norms are random, and no tensor is too small to change the output.
"""
import dataclasses
import json
import math

import torch
from safetensors.torch import save_file

import names
from network import BRANCHES

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F8_E4M3": torch.float8_e4m3fn}
WAN_MEAN = [-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
            0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921]
WAN_STD = [2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
           3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160]


def branch_config(heads, head_dim, layers, channels, text_dim, ffn_dim, freq_dim=32):
    return {"patch_size": [1, 2, 2], "num_attention_heads": heads, "attention_head_dim": head_dim,
            "in_channels": channels, "out_channels": channels, "text_dim": text_dim, "freq_dim": freq_dim,
            "ffn_dim": ffn_dim, "num_layers": layers, "cross_attn_norm": True,
            "qk_norm": "rms_norm_across_heads", "eps": 1e-6, "rope_max_seq_len": 1024}


def vae_config(base, mult, blocks, temporal, mean, std):
    return {"base_dim": base, "z_dim": len(mean), "dim_mult": mult, "num_res_blocks": blocks,
            "attn_scales": [], "temperal_downsample": temporal, "latents_mean": mean, "latents_std": std}


def text_config(vocab, width, heads, head_dim, ffn_dim, layers):
    return {"vocab_size": vocab, "d_model": width, "d_kv": head_dim, "num_heads": heads, "d_ff": ffn_dim,
            "num_layers": layers, "feed_forward_proj": "gated-gelu", "dropout_rate": 0.0}


@dataclasses.dataclass
class Model:
    """Modules in float32, as the checkpoint holds them once read."""
    branches: dict
    vae: torch.nn.Module
    text_encoder: torch.nn.Module
    layers: dict


def draw(name, shape, generator):
    """One random tensor of the size that its role asks for."""
    values = torch.randn(shape, generator=generator)
    if "norm_q" in name or "norm_k" in name:
        return values * 0.5 + 1.8
    if "norm" in name or "gamma" in name:
        return values * 0.3 + (0 if name.endswith("bias") else 1)
    if name.endswith("bias"):
        return values * (1.0 if "to_q." in name or "to_k." in name else 0.3)
    if "scale_shift_table" in name:
        return values * 0.6
    if "relative_attention_bias" in name or "shared" in name or "embed_tokens" in name:
        return values
    scale = 1.2
    if any(part in name for part in ("to_q.", "to_k.", "to_qkv")):
        scale = 2.0
    elif any(part in name for part in (".q.", ".k.")):
        scale = 1.4
    elif "time_proj" in name:
        scale = 0.6
    elif "decoder.conv_out" in name:
        scale = 0.3
    return values * scale / math.sqrt(math.prod(shape[1:]))


def randomise(module, generator):
    for name, parameter in module.named_parameters():
        parameter.data = draw(name, parameter.shape, generator)
    return module.eval().requires_grad_(False)


def make_layers(config, generator):
    dim = config["num_attention_heads"] * config["attention_head_dim"]
    patch = (dim, config["in_channels"], *config["patch_size"])
    out = {}
    for name in ("source_patch", "mask_patch"):
        out[f"{name}.weight"] = torch.randn(patch, generator=generator) / math.sqrt(math.prod(patch[1:]))
        out[f"{name}.bias"] = torch.randn(dim, generator=generator) * 0.3
    for name in ("alpha_embedding", "composite_embedding"):
        out[name] = torch.randn(dim, generator=generator) * 0.5
    return out


def make_branch(config, generator):
    from diffusers import WanTransformer3DModel
    return randomise(WanTransformer3DModel(**config), generator)


def make_model(seed, branch, vae=None, text=None):
    """branch, vae and text are configurations; a part without one is left out."""
    from diffusers import AutoencoderKLWan
    from transformers import UMT5Config, UMT5EncoderModel
    g = torch.Generator().manual_seed(seed)
    return Model(
        branches={name: make_branch(branch, g) for name in BRANCHES},
        vae=randomise(AutoencoderKLWan(**vae), g) if vae else None,
        text_encoder=randomise(UMT5EncoderModel(UMT5Config(**text)), g) if text else None,
        layers=make_layers(branch, g))


def get_dtype(name, value, dtype):
    """8-bit files keep what is one-dimensional, and the modulation, wider."""
    is_small = value.ndim < 2 or "scale_shift_table" in name or "gamma" in name
    return torch.bfloat16 if dtype == "F8_E4M3" and is_small else DTYPES[dtype]


def round_module(module, dtype):
    """Leaves in the module the values that a file of @dtype holds."""
    for name, parameter in module.named_parameters():
        parameter.data = parameter.data.to(get_dtype(name, parameter, dtype)).float()
    return module


def get_state(module):
    return {k: v for k, v in module.state_dict().items() if k != "encoder.embed_tokens.weight"}


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def write_shards(folder, stem, state, n_shards):
    """One file, or as many as asked with their index, tensors dealt out in turn."""
    if n_shards == 1:
        save_file(state, folder / f"{stem}.safetensors")
        return
    where = {}
    for i in range(n_shards):
        file = f"{stem}-{i + 1:05}-of-{n_shards:05}.safetensors"
        part = {k: v for j, (k, v) in enumerate(state.items()) if j % n_shards == i}
        where |= dict.fromkeys(part, file)
        save_file(part, folder / file)
    size = sum(v.numel() * v.element_size() for v in state.values())
    write_json(folder / f"{stem}.safetensors.index.json",
               {"metadata": {"total_size": size}, "weight_map": dict(sorted(where.items()))})


@dataclasses.dataclass
class Form:
    """How a part lies on disk."""
    dtype: str = "F32"
    original_names: bool = False
    prefix: str = ""
    n_shards: int = 1


def write_part(root, part, module, config, form):
    """Rounds @module to the form's dtype and writes it to root/part."""
    round_module(module, form.dtype)
    state = {k: v.to(get_dtype(k, v, form.dtype)).contiguous() for k, v in get_state(module).items()}
    if form.original_names:
        state = names.to_original(state, part)
    state = {form.prefix + k: v for k, v in state.items()}
    write_json(root / part / "config.json", config)
    write_shards(root / part, "model" if part == "text_encoder" else "diffusion_pytorch_model", state,
                 form.n_shards)


def write_index(root, name, width=16, height=16, frames=5):
    write_json(root / "model_index.json", {
        "_class_name": "VeraPipeline", "vera_format": 1, "name": name, "trained": False,
        "native": {"width": width, "height": height, "frames": frames, "fps": 16},
        "defaults": {"steps": 4, "guidance": 5.0, "shift": 3.0, "negative_prompt": ""}})
    write_json(root / "scheduler/scheduler_config.json", {"flow_shift": 3.0, "num_train_timesteps": 1000})


def write_layers(root, layers, dtype):
    for name in layers:
        layers[name] = layers[name].to(DTYPES[dtype]).float()
    save_file({k: v.to(DTYPES[dtype]) for k, v in layers.items()}, root / "layers.safetensors")
