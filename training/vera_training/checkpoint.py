"""Training state read back as models."""
import os

import sentencepiece
import torch

from . import config
from .network import TextEncoder, Transformer
from .vae import VAE


class Model(torch.nn.Module):
    """What is trained jointly: the text encoder and the three branches."""

    def __init__(self, branch, text):
        super().__init__()
        self.text = TextEncoder(text)
        self.layers = Transformer(branch)

    def forward(self, x, source, mask, has_mask, tau, ids, id_mask, frames=None, native=None):
        rows = self.text(ids, id_mask)
        return self.layers(x, source, mask, has_mask, tau, rows, id_mask.sum(1), frames, native)


def load_vae(state, device):
    """Returns the VAE with its measured statistics, and the profile that it was trained for."""
    saved = torch.load(os.path.join(state, "vae-weights.pt"), map_location=device)
    vae = VAE(dict(config.PROFILES[saved["profile"]]["vae"], latents_mean=saved["mean"], latents_std=saved["std"])).to(device)
    vae.load_state_dict({k: v.float() for k, v in saved["vae"].items()})
    return vae.eval().requires_grad_(False), saved["profile"]


def save_layers_weights(state, weights, step, spent):
    """The weights alone, as 16-bit floats, in two files of about the same size."""
    names = sorted(weights)
    for i in range(2):
        part = {k: weights[k].half() for j, k in enumerate(names) if j % 2 == i}
        torch.save({"weights": part, "step": step, "spent": spent}, os.path.join(state, f"layers-weights-{i}.pt"))


def load_layers_weights(state):
    """Returns the averaged weights, the number of steps and the seconds spent on them."""
    weights = {}
    for i in range(2):
        part = torch.load(os.path.join(state, f"layers-weights-{i}.pt"), map_location="cpu")
        weights.update({k: v.float() for k, v in part["weights"].items()})
    return weights, part["step"], part["spent"]


def load_tokenizer(path):
    return sentencepiece.SentencePieceProcessor(model_file=path)


def encode_text(tokenizer, texts, length):
    """Piece ids with the end mark, [n, length], 0 past the end."""
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for row, text in zip(ids, texts):
        pieces = tokenizer.encode(text)[: length - 1] + [1]
        row[: len(pieces)] = torch.tensor(pieces)
    return ids
