"""The networks of a Vera model in PyTorch: stock modules of diffusers and transformers, and our own joint transformer.

Text encoder, VAE and single branch are the libraries' own classes. The joint transformer and the
pipeline have no stock implementation; `joint()` and `pipeline()` build them from the blocks of
diffusers, as the model format says. Everything runs in float32 on the processor.
"""
import torch

from sampling import grid, make_solver

BRANCHES = ("edit", "alpha", "composite")
TEXT_ROWS = 512


def pad_text(text):
    """[1, T, D] with T <= 512 -> [1, 512, D], zeros behind."""
    return torch.nn.functional.pad(text, (0, 0, 0, TEXT_ROWS - text.shape[1]))


def patch(x, layers, name):
    weight = layers[f"{name}.weight"]
    return torch.nn.functional.conv3d(x, weight, layers[f"{name}.bias"], stride=weight.shape[2:])


def embed(branch, name, layers, inputs):
    """Tokens [1, N, d] of one branch with what conditions them."""
    x = branch.patch_embedding(inputs[name])
    if name == "alpha":
        x = x + layers["alpha_embedding"].view(1, -1, 1, 1, 1)
        if "mask" in inputs:
            x = x + patch(inputs["mask"], layers, "mask_patch")
    if name == "composite":
        x = x + layers["composite_embedding"].view(1, -1, 1, 1, 1)
        x = x + patch(inputs["source"], layers, "source_patch")
    return x.flatten(2).transpose(1, 2)


def rotate(x, rope):
    """Adjacent pairs of [1, H, N, head_dim] turned by the angles of diffusers' tables."""
    cos, sin = (table[0, :, 0] for table in rope)
    a, b = x[..., 0::2], x[..., 1::2]
    c, s = cos[:, 0::2], sin[:, 1::2]
    return torch.stack([a * c - b * s, a * s + b * c], -1).flatten(-2)


def joint_block(blocks, tokens, rows, text, rope):
    """One block of the three branches: self-attention over all tokens, the rest each for itself.

    blocks, tokens, rows (time projection [1, 6, d]) and text are lists in the order of BRANCHES.
    """
    table = [(b.scale_shift_table + e).chunk(6, 1) for b, e in zip(blocks, rows)]
    heads = blocks[0].attn1.heads

    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    q, k, v = [], [], []
    for block, x, (shift, scale, *_) in zip(blocks, tokens, table):
        u = block.norm1(x) * (1 + scale) + shift
        a = block.attn1
        q.append(rotate(split(a.norm_q(a.to_q(u))), rope))
        k.append(rotate(split(a.norm_k(a.to_k(u))), rope))
        v.append(split(a.to_v(u)))
    q, k, v = (torch.cat(parts, 2) for parts in (q, k, v))
    mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    out = []
    for block, x, m, part, t in zip(blocks, tokens, table, mixed.chunk(len(blocks), 1), text):
        x = x + block.attn1.to_out[0](part) * m[2]
        x = x + block.attn2(block.norm2(x), t, None, None)
        u = block.norm3(x) * (1 + m[4]) + m[3]
        out.append(x + block.ffn(u) * m[5])
    return out


def head(branch, tokens, time, shape):
    """Velocity of one branch from its tokens, in the shape of the latent."""
    shift, scale = (branch.scale_shift_table + time.unsqueeze(1)).chunk(2, 1)
    y = branch.proj_out(branch.norm_out(tokens) * (1 + scale) + shift)
    _, z, f, h, w = shape
    pt, ph, pw = branch.config.patch_size
    y = y.view(1, f // pt, h // ph, w // pw, pt, ph, pw, z).permute(0, 7, 1, 4, 2, 5, 3, 6)
    return y.reshape(shape)


def joint(branches, layers, inputs, run_blocks=None):
    """Velocities {branch: [1, z, f, h, w]}.

    branches: {name: WanTransformer3DModel}; layers: the tensors of layers.safetensors; inputs as those
    of `vera eval transformer`. run_blocks(tokens, rows, text, rope) replaces the loop over the
    blocks, for models that do not fit into memory at once.
    """
    shape = inputs["edit"].shape
    tokens, times, rows, text = [], [], [], []
    for name in BRANCHES:
        branch = branches[name]
        tokens.append(embed(branch, name, layers, inputs))
        time, row, rows_of_text, _ = branch.condition_embedder(
            inputs["timestep"], pad_text(inputs["text"]), None)
        times.append(time)
        rows.append(row.unflatten(1, (6, -1)))
        text.append(rows_of_text)
    rope = branches["edit"].rope(inputs["edit"])
    if run_blocks is not None:
        tokens = run_blocks(tokens, rows, text, rope)
    else:
        for blocks in zip(*(branches[name].blocks for name in BRANCHES)):
            tokens = joint_block(blocks, tokens, rows, text, rope)
    return {name: head(branches[name], x, time, shape)
            for name, x, time in zip(BRANCHES, tokens, times)}


def single(branch, inputs):
    """Velocity of one stock branch alone."""
    return branch(inputs["latents"], inputs["timestep"], pad_text(inputs["text"])).sample


def statistics(vae):
    return (torch.tensor(values).view(1, -1, 1, 1, 1)
            for values in (vae.config.latents_mean, vae.config.latents_std))


def encode(vae, video):
    """Posterior mean of the latent, normalised by the configured statistics."""
    mean, std = statistics(vae)
    return (vae.encode(video).latent_dist.mode() - mean) / std


def decode(vae, latents):
    mean, std = statistics(vae)
    return vae.decode(latents * std + mean).sample.clamp(-1, 1)


def encode_text(text_encoder, ids, mask):
    """Rows of the text encoder, those behind the mask zero."""
    return text_encoder(ids, attention_mask=mask).last_hidden_state * mask[..., None]


def pipeline(model, inputs, steps, guidance, shift, solver):
    """Inputs and outputs of `vera eval pipeline`."""
    given = {"source": encode(model.vae, inputs["source_video"])}
    if "mask_video" in inputs:
        given["mask"] = encode(model.vae, inputs["mask_video"])
    texts = [encode_text(model.text_encoder, inputs["input_ids"], inputs["attention_mask"])]
    if guidance > 1:
        texts.append(encode_text(model.text_encoder, inputs["negative_ids"], inputs["negative_mask"]))
    x = {name: inputs[f"noise_{name}"] for name in BRANCHES}
    sigmas, timesteps = grid(steps, shift)
    solvers = {name: make_solver(solver, sigmas) for name in BRANCHES}
    for timestep in timesteps:
        v = [joint(model.branches, model.layers,
                   {**x, **given, "timestep": torch.tensor([timestep]), "text": text}) for text in texts]
        for name in BRANCHES:
            velocity = v[0][name]
            if guidance > 1:
                velocity = v[1][name] + guidance * (velocity - v[1][name])
            x[name] = solvers[name](velocity.double(), x[name].double()).float()
    out = {name: decode(model.vae, x[name]) for name in BRANCHES}
    out["alpha"] = ((out["alpha"].mean(1, keepdim=True) + 1) / 2).clamp(0, 1)
    return out
