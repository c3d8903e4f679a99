"""The text encoder and the three joint branches, written for training: the branches' weights are stacked on a first axis of three so
that each step is one batched product. export.py writes them under the names of diffusers and transformers.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

TEXT_SLOTS = 512
BRANCHES = ("edit", "alpha", "composite")


def attend(q, k, v, bias=None, scale=None):
    """Attention. On a processor the plain products are used: there the backward pass of the fused one takes three times as long."""
    if q.device.type != "cpu" or not q.requires_grad:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale)
    scores = (q * (q.shape[-1] ** -0.5 if scale is None else scale)) @ k.transpose(-1, -2)
    scores = scores if bias is None else scores + bias
    return torch.softmax(scores, -1, dtype=torch.float32).to(v.dtype) @ v


class TextEncoder(nn.Module):
    """UMT5 encoder; parameter names are those of transformers' UMT5EncoderModel with dots replaced by the module tree."""

    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        d, inner, heads = cfg["d_model"], cfg["num_heads"] * cfg["d_kv"], cfg["num_heads"]
        self.shared = nn.Embedding(cfg["vocab_size"], d)
        nn.init.normal_(self.shared.weight, std=1.0)
        self.layers = nn.ModuleList()
        for _ in range(cfg["num_layers"]):
            layer = nn.ModuleDict({
                "norm1": nn.RMSNorm(d, eps=1e-6), "q": nn.Linear(d, inner, bias=False),
                "k": nn.Linear(d, inner, bias=False), "v": nn.Linear(d, inner, bias=False),
                "o": nn.Linear(inner, d, bias=False), "bias": nn.Embedding(32, heads),
                "norm2": nn.RMSNorm(d, eps=1e-6), "wi_0": nn.Linear(d, cfg["d_ff"], bias=False),
                "wi_1": nn.Linear(d, cfg["d_ff"], bias=False), "wo": nn.Linear(cfg["d_ff"], d, bias=False)})
            nn.init.normal_(layer["q"].weight, std=(d * cfg["d_kv"]) ** -0.5)
            nn.init.normal_(layer["bias"].weight, std=0.1)
            self.layers.append(layer)
        self.norm = nn.RMSNorm(d, eps=1e-6)

    @staticmethod
    def buckets(n, device):
        r = torch.arange(n, device=device)[None] - torch.arange(n, device=device)[:, None]
        a = r.abs()
        far = 8 + (torch.log(a.clamp(min=1).float() / 8) / math.log(16) * 8).long()
        return torch.where(r > 0, 16, 0) + torch.where(a < 8, a, far.clamp(max=15))

    def forward(self, ids, mask):
        """ids, mask [B, L] -> [B, L, d]; rows with mask 0 are zero."""
        heads = self.cfg["num_heads"]
        x = self.shared(ids)
        hide = torch.zeros(mask.shape, device=x.device, dtype=x.dtype).masked_fill(mask == 0, -1e9)[:, None, None]
        which = self.buckets(ids.shape[1], ids.device)
        for layer in self.layers:
            y = layer["norm1"](x)
            q, k, v = (layer[n](y).unflatten(-1, (heads, -1)).transpose(1, 2) for n in "qkv")
            bias = layer["bias"](which).permute(2, 0, 1)[None] + hide
            o = attend(q, k, v, bias.to(q.dtype), 1.0)
            x = x + layer["o"](o.transpose(1, 2).flatten(2))
            y = layer["norm2"](x)
            x = x + layer["wo"](F.gelu(layer["wi_0"](y), approximate="tanh") * layer["wi_1"](y))
        return self.norm(x) * mask[..., None]


class Stacked(nn.Module):
    """Three linear layers side by side: x [3, M, in] -> [3, M, out]."""

    def __init__(self, cin, cout, std=None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, cout, cin) * (std if std is not None else cin ** -0.5))
        self.bias = nn.Parameter(torch.zeros(3, cout))

    def forward(self, x):
        return torch.baddbmm(self.bias[:, None].to(x.dtype), x, self.weight.transpose(1, 2).to(x.dtype))


def rms(x, weight):
    x32 = x.float()
    return (x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + 1e-6) * weight[:, None]).to(x.dtype)


def layer_norm(x):
    return F.layer_norm(x.float(), x.shape[-1:], eps=1e-6)


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        d, f = cfg["dim"], cfg["ffn_dim"]
        self.heads = cfg["num_attention_heads"]
        self.modulation = nn.Parameter(torch.randn(3, 6, d) / d ** 0.5)
        for name in ("q", "k", "v", "cq", "ck", "cv"):
            setattr(self, name, Stacked(d, d))
        self.o, self.co = Stacked(d, d, 0.5 * d ** -0.5), Stacked(d, d, 0.5 * d ** -0.5)
        for name in ("norm_q", "norm_k", "cnorm_q", "cnorm_k"):
            setattr(self, name, nn.Parameter(torch.ones(3, d)))
        self.norm_w, self.norm_b = nn.Parameter(torch.ones(3, d)), nn.Parameter(torch.zeros(3, d))
        self.up, self.down = Stacked(d, f), Stacked(f, d, 0.5 * f ** -0.5)

    def split(self, x, batch):
        """[3, B * N, d] -> [B, H, 3, N, D]"""
        return x.view(3, batch, -1, self.heads, x.shape[-1] // self.heads).permute(1, 3, 0, 2, 4)

    def forward(self, h, e, text, text_bias, rope):
        """h [3, B*N, d] f32; e [3, B, 6, d]; text [3, B*(L+1), d]; rope (cos, sin) [N, D/2]."""
        batch = e.shape[1]
        m = self.modulation[:, None] + e
        n = h.shape[1] // batch

        def mod(x, shift, scale):
            y = layer_norm(x).view(3, batch, n, -1) * (1 + m[:, :, None, scale]) + m[:, :, None, shift]
            return y.flatten(1, 2).to(text.dtype)

        def gate(x, which):
            return (x.view(3, batch, n, -1).float() * m[:, :, None, which]).flatten(1, 2)

        def rotate(x):
            cos, sin = rope
            a, b = x[..., 0::2].float(), x[..., 1::2].float()
            return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(x.dtype)

        u = mod(h, 0, 1)
        q = rotate(self.split(rms(self.q(u), self.norm_q), batch)).flatten(2, 3)
        k = rotate(self.split(rms(self.k(u), self.norm_k), batch)).flatten(2, 3)
        v = self.split(self.v(u), batch).flatten(2, 3)
        o = attend(q, k, v).unflatten(2, (3, n))
        h = h + gate(self.o(o.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)), 2)

        u = (layer_norm(h) * self.norm_w[:, None] + self.norm_b[:, None]).to(text.dtype)
        q = self.split(rms(self.cq(u), self.cnorm_q), batch).transpose(1, 2).flatten(0, 1)
        k = self.split(rms(self.ck(text), self.cnorm_k), batch).transpose(1, 2).flatten(0, 1)
        v = self.split(self.cv(text), batch).transpose(1, 2).flatten(0, 1)
        o = attend(q, k, v, text_bias).unflatten(0, (batch, 3))
        h = h + self.co(o.permute(1, 0, 3, 2, 4).flatten(3).flatten(1, 2)).float()

        u = mod(h, 3, 4)
        return h + gate(self.down(F.gelu(self.up(u), approximate="tanh")), 5)


@torch.no_grad()
def follow_places(blocks, sharpness=3.4):
    """Lets the first two heads of every block begin by looking at the same place in another branch, which untrained attention
    takes very long to find out: queries and keys get a constant part, which the rotation turns into a bump around equal places.
    The first head hands the composite branch's tokens (they know the source) to the other two; the second hands on the matte's
    or the layer's, in turns."""
    for number, block in enumerate(blocks):
        width = block.modulation.shape[-1] // block.heads
        side = 2 * (width // 6)
        quick = [start + pair for start in (0, width - 2 * side, width - side) for pair in (0, 2)]  # the fastest rotations of each axis
        for head, keys in enumerate((2, 1 if number % 2 else 0)[: block.heads]):
            dims = torch.tensor([head * width + i for i in quick])
            for part, scale, branches in ((block.q, block.norm_q, [b for b in range(3) if b != keys]), (block.k, block.norm_k, [keys])):
                part.weight[:, dims], part.bias[:, dims], scale[:, dims] = 0, 0, 1
                for branch in branches:
                    part.bias[branch, dims], scale[branch, dims] = 2, sharpness


@torch.no_grad()
def halve_patches(blocks):
    """Makes blocks that were trained with patches of twice the size go on with finer ones: all distances in tokens double, and a
    rotation's rate is about 2.5 times that of the next pair of channels, so queries and keys of pairs that tell places
    move on by one. The fastest pair begins silent; one of those too slow to tell places apart is given up."""
    for block in blocks:
        width = block.modulation.shape[-1] // block.heads
        side = 2 * (width // 6)
        for start in (head * width + axis for head in range(block.heads) for axis in (width - 2 * side, width - side)):
            for part, scale in ((block.q, block.norm_q), (block.k, block.norm_k)):
                for tensor in (part.weight, part.bias, scale):
                    tensor[:, start + 2 : start + 12] = tensor[:, start : start + 10].clone()
                    if tensor is not scale:
                        tensor[:, start : start + 2] = 0


class Transformer(nn.Module):
    """The joint transformer: velocities of the three branches."""

    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.dtype = torch.float32
        d, (_, self.ph, self.pw) = cfg["dim"], cfg["patch_size"]
        wide = cfg["in_channels"] * self.ph * self.pw
        self.patch = Stacked(wide, d)
        self.source_patch = nn.Linear(wide, d)
        self.mask_patch = nn.Linear(wide, d)
        self.alpha_embedding = nn.Parameter(torch.zeros(d))
        self.composite_embedding = nn.Parameter(torch.zeros(d))
        self.text_1, self.text_2 = Stacked(cfg["text_dim"], d), Stacked(d, d)
        self.time_1, self.time_2 = Stacked(cfg["freq_dim"], d), Stacked(d, d)
        self.time_proj = Stacked(d, 6 * d, 0.5 * d ** -0.5)
        self.blocks = nn.ModuleList([Block(cfg) for _ in range(cfg["num_layers"])])
        follow_places(self.blocks)
        self.head_modulation = nn.Parameter(torch.randn(3, 2, d) / d ** 0.5)
        self.head = Stacked(d, cfg["out_channels"] * self.ph * self.pw, 0.02)

    def patchify(self, x):
        """[B, z, t, h, w] -> [B, t*h/ph*w/pw, z ph pw], channel slowest."""
        b, z, t, h, w = x.shape
        x = x.view(b, z, t, h // self.ph, self.ph, w // self.pw, self.pw).permute(0, 2, 3, 5, 1, 4, 6)
        return x.reshape(b, -1, z * self.ph * self.pw)

    def unpatchify(self, x, shape):
        """[B, N, ph pw z], channel fastest -> [B, z, t, h, w]."""
        b, z, t, h, w = shape
        x = x.view(b, t, h // self.ph, w // self.pw, self.ph, self.pw, z).permute(0, 6, 1, 2, 4, 3, 5)
        return x.reshape(b, z, t, h, w)

    def rope(self, shape, frames, device, native=None):
        """Cosines and sines of every token; frames [t]: where each latent frame lies in the clip; native (h, w): latent size of the
        clip that this smaller one stands for, so that its tokens get the places of those that they cover."""
        _, _, t, h, w = shape
        h, w = h // self.ph, w // self.pw
        width = self.cfg["dim"] // self.cfg["num_attention_heads"]
        side = 2 * (width // 6)
        parts = []
        rows, columns = (torch.arange(n, device=device) for n in (h, w))
        if native:
            rows, columns = ((p + 0.5) * (whole / patch / n) - 0.5
                             for p, n, whole, patch in ((rows, h, native[0], self.ph), (columns, w, native[1], self.pw)))
        for size, places, at in ((width - 2 * side, frames, 0), (side, rows, 1), (side, columns, 2)):
            rates = 10000.0 ** (-torch.arange(0, size, 2, dtype=torch.float64, device=device) / size)
            angles = places.double()[:, None] * rates
            view = [1, 1, 1, size // 2]
            view[at] = len(places)
            parts.append(angles.view(view).expand(t, h, w, -1))
        angles = torch.cat(parts, -1).flatten(0, 2)
        return angles.cos().float(), angles.sin().float()

    def forward(self, latents, source, mask, has_mask, timestep, text, text_length, frames=None, native=None):
        """latents [3, B, z, t, h, w]; source, mask [B, z, t, h, w]; has_mask [B]; timestep [B]; text [B, L, text_dim] with
        zero rows from text_length on; frames [t]: places of the latent frames, 0 .. t - 1 if None (training leaves some
        out to save time); native: see rope(). Returns velocities like latents, f32."""
        shape = latents.shape[1:]
        batch, dtype = shape[0], self.dtype
        half = self.cfg["freq_dim"] // 2
        rope = self.rope(shape, torch.arange(shape[2], device=latents.device) if frames is None else frames, latents.device, native)

        h = self.patch(self.patchify(latents.flatten(0, 1)).view(3, -1, self.patch.weight.shape[-1]))
        h = h.view(3, batch, -1, self.cfg["dim"]).float()
        extra = torch.stack([
            torch.zeros_like(h[0]),
            self.alpha_embedding + self.mask_patch(self.patchify(mask)).float() * has_mask[:, None, None],
            self.composite_embedding + self.source_patch(self.patchify(source)).float()])
        h = (h + extra).flatten(1, 2)

        angles = timestep.double()[:, None] * 10000.0 ** (-torch.arange(half, device=h.device).double() / half)
        waves = torch.cat([angles.cos(), angles.sin()], -1).float()[None].expand(3, -1, -1)
        e = self.time_2(F.silu(self.time_1(waves)))
        e6 = self.time_proj(F.silu(e)).unflatten(-1, (6, -1))

        text = torch.cat([text, torch.zeros_like(text[:, :1])], 1).to(dtype)
        length = text.shape[1] - 1
        context = text.flatten(0, 1)[None].expand(3, -1, -1)
        context = self.text_2(F.gelu(self.text_1(context), approximate="tanh"))
        positions = torch.arange(length + 1, device=h.device)[None]
        bias = torch.where(positions < text_length[:, None], 0.0, float("-inf"))
        bias[:, length] = torch.log((TEXT_SLOTS - text_length).float())
        bias = bias[:, None].expand(-1, 3, -1).flatten(0, 1)[:, None, None].to(dtype)
        bias = bias.expand(-1, -1, h.shape[1] // batch, -1)

        for block in self.blocks:
            h = block(h, e6, context, bias, rope)

        m = self.head_modulation[:, None] + e[:, :, None]
        y = layer_norm(h).view(3, batch, -1, h.shape[-1]) * (1 + m[:, :, 1:2]) + m[:, :, 0:1]
        y = self.head(y.flatten(1, 2))
        return self.unpatchify(y.view(3 * batch, -1, y.shape[-1]), (3 * batch, *shape[1:])).view(latents.shape)
