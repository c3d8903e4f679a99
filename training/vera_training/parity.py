"""An exported model, loaded by diffusers and transformers, must compute what the training code computes."""
import os

import torch

from . import config
from .checkpoint import encode_text
from .network import BRANCHES


def error(ours, reference):
    return float((ours - reference).norm() / reference.norm())


def check_vae(folder, vae):
    from diffusers import AutoencoderKLWan
    reference = AutoencoderKLWan.from_pretrained(os.path.join(folder, "vae"), torch_dtype=torch.float32).eval()
    video = torch.rand(1, 3, 9, 48, 64) * 2 - 1
    theirs = reference.encode(video).latent_dist.mean
    return error(vae.moments(video)[0], theirs), error(vae.decode_raw(theirs).clamp(-1, 1), reference.decode(theirs).sample)


def check_text(folder, text, tokenizer):
    from transformers import UMT5EncoderModel
    reference = UMT5EncoderModel.from_pretrained(os.path.join(folder, "text_encoder"), torch_dtype=torch.float32).eval()
    ids = encode_text(tokenizer, ["Add a large red balloon on the left."], config.TEXT_TOKENS)
    mask = (ids != 0).long()
    return error(text(ids, mask), reference(ids, mask).last_hidden_state * mask[..., None])


def check_branches(folder, layers):
    """A branch alone: the joint attention of three equal branches over three equal token sets is that of one."""
    from diffusers import WanTransformer3DModel
    errors, shape = [], (1, layers.cfg["in_channels"], 3, 3 * layers.ph, 4 * layers.pw)
    latents, source = torch.randn(shape), torch.zeros(shape)
    text = torch.randn(1, 9, layers.cfg["text_dim"])
    padded = torch.cat([text, torch.zeros(1, 503, text.shape[-1])], 1)
    for at, name in enumerate(BRANCHES):
        reference = WanTransformer3DModel.from_pretrained(os.path.join(folder, "branches", name), torch_dtype=torch.float32).eval()
        alone = alone_branch(layers, at)
        ours = alone(latents[None].expand(3, -1, -1, -1, -1, -1), source, source, torch.zeros(1), torch.tensor([437.0]), text, torch.tensor([9]))
        theirs = reference(latents, timestep=torch.tensor([437.0]), encoder_hidden_states=padded, return_dict=False)[0]
        errors.append(error(ours[0], theirs))
    return errors


def alone_branch(layers, at):
    """The joint model with branch `at` in all three seats and no conditioning."""
    from .network import Transformer
    other = Transformer(layers.cfg)
    weights = {}
    for name, value in layers.state_dict().items():
        shared = name.startswith(("source_patch", "mask_patch", "alpha_embedding", "composite_embedding"))
        weights[name] = torch.zeros_like(value) if shared else value[at : at + 1].expand_as(value).clone()
    other.load_state_dict(weights)
    return other.eval()


@torch.no_grad()
def check(folder, model, vae, tokenizer):
    """Prints the relative errors; exits with a message when one is larger than rounding to 16 bits explains."""
    torch.manual_seed(1)
    model.layers.dtype = torch.float32
    for module in (model, vae):
        for p in module.parameters():
            p.copy_(p.half().float())
    found = {"VAE encode": (parts := check_vae(folder, vae))[0], "VAE decode": parts[1], "text encoder": check_text(folder, model.text, tokenizer)}
    found.update(zip((f"branch {name}" for name in BRANCHES), check_branches(folder, model.layers)))
    for name, value in found.items():
        print(f"  {name}: relative error {value:.2e}")
    if not max(found.values()) < 1e-4:
        raise SystemExit("the export differs from what was trained")
