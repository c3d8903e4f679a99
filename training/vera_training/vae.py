"""The Wan2.1 VAE in its offline form: whole clips at once, tensor names as diffusers writes them.

Activations are [B, T, C, H, W]; a causal 3x3x3 convolution is one 2-D convolution over three stacked frames, which
runs at full speed on every backend (3-D convolutions in 16 bit do not).
"""
import torch
import torch.nn.functional as F
from torch import nn


def fold(x):
    return x.flatten(0, 1)


def per_frame(module, x):
    return module(fold(x)).unflatten(0, x.shape[:2])


class CausalConv(nn.Module):
    """Kernel 3x3x3 or 3x1x1 or 1x1x1, zero padding of two frames in front."""

    def __init__(self, cin, cout, kt=3, k=3):
        super().__init__()
        conv = nn.Conv3d(cin, cout, (kt, k, k))
        self.weight, self.bias = conv.weight, conv.bias
        self.kt, self.pad = kt, k // 2

    def stacked(self, x, frames):
        """Convolution of explicit frame groups: frames is a list of kt tensors [B, T, C, H, W]."""
        weight = self.weight.permute(0, 2, 1, 3, 4).flatten(1, 2)
        groups = torch.cat(frames, 2)
        return F.conv2d(fold(groups), weight, self.bias, padding=self.pad).unflatten(0, groups.shape[:2])

    def forward(self, x):
        if self.kt == 1:
            return self.stacked(x, [x])
        padded = torch.cat([torch.zeros_like(x[:, :1]).expand(-1, 2, -1, -1, -1), x], 1)
        t = x.shape[1]
        return self.stacked(x, [padded[:, i : i + t] for i in range(3)])


class ChannelNorm(nn.Module):
    def __init__(self, channels, dims):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *[1] * dims))

    def forward(self, x, dim=2):
        gamma = self.gamma.flatten()
        shape = [1] * x.ndim
        shape[dim] = -1
        x32 = x.float()
        scale = torch.rsqrt(x32.square().sum(dim, keepdim=True).clamp(min=1e-24)) * gamma.numel() ** 0.5
        return (x32 * scale * gamma.view(shape)).to(x.dtype)


class ResBlock(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.norm1 = ChannelNorm(cin, 3)
        self.conv1 = CausalConv(cin, cout)
        self.norm2 = ChannelNorm(cout, 3)
        self.conv2 = CausalConv(cout, cout)
        self.conv_shortcut = CausalConv(cin, cout, 1, 1) if cin != cout else None

    def forward(self, x):
        y = self.conv1(F.silu(self.norm1(x)))
        y = self.conv2(F.silu(self.norm2(y)))
        return y + (x if self.conv_shortcut is None else self.conv_shortcut(x))


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = ChannelNorm(c, 2)
        self.to_qkv = nn.Conv2d(c, 3 * c, 1)
        self.proj = nn.Conv2d(c, c, 1)

    def forward(self, x):
        y = fold(self.norm(x))
        h, w = y.shape[-2:]
        q, k, v = self.to_qkv(y).flatten(2).transpose(1, 2).chunk(3, -1)
        o = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        o = self.proj(o.transpose(1, 2).unflatten(2, (h, w)))
        return x + o.unflatten(0, x.shape[:2])


class Down(nn.Module):
    def __init__(self, c, temporal):
        super().__init__()
        self.resample = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(c, c, 3, stride=2))
        self.time_conv = CausalConv(c, c, 3, 1) if temporal else None

    def forward(self, x):
        x = per_frame(self.resample, x)
        if self.time_conv is None or x.shape[1] == 1:
            return x
        groups = [x[:, 0:-2:2], x[:, 1:-1:2], x[:, 2::2]]
        return torch.cat([x[:, :1], self.time_conv.stacked(x, groups)], 1)


class Up(nn.Module):
    def __init__(self, c, temporal):
        super().__init__()
        self.resample = nn.Sequential(nn.Upsample(scale_factor=2.0, mode="nearest"), nn.Conv2d(c, c // 2, 3, padding=1))
        self.time_conv = CausalConv(c, 2 * c, 3, 1) if temporal else None

    def forward(self, x):
        if self.time_conv is not None and x.shape[1] > 1:
            even, odd = self.time_conv(x[:, 1:]).chunk(2, 2)
            x = torch.cat([x[:, :1], torch.stack([even, odd], 2).flatten(1, 2)], 1)
        return per_frame(self.resample, x)


class MidBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.resnets = nn.ModuleList([ResBlock(c, c), ResBlock(c, c)])
        self.attentions = nn.ModuleList([Attention(c)])

    def forward(self, x):
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class Encoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        dims = [cfg["base_dim"] * m for m in [1] + cfg["dim_mult"]]
        self.conv_in = CausalConv(3, dims[0])
        blocks = []
        for i, (cin, cout) in enumerate(zip(dims[:-1], dims[1:])):
            for _ in range(cfg["num_res_blocks"]):
                blocks.append(ResBlock(cin, cout))
                cin = cout
            if i < len(cfg["dim_mult"]) - 1:
                blocks.append(Down(cout, cfg["temperal_downsample"][i]))
        self.down_blocks = nn.ModuleList(blocks)
        self.mid_block = MidBlock(dims[-1])
        self.norm_out = ChannelNorm(dims[-1], 3)
        self.conv_out = CausalConv(dims[-1], 2 * cfg["z_dim"])

    def forward(self, x):
        x = self.conv_in(x)
        for block in self.down_blocks:
            x = block(x)
        return self.conv_out(F.silu(self.norm_out(self.mid_block(x))))


class UpBlock(nn.Module):
    def __init__(self, cin, cout, n, up):
        super().__init__()
        self.resnets = nn.ModuleList([ResBlock(cin if i == 0 else cout, cout) for i in range(n)])
        self.upsamplers = nn.ModuleList([up]) if up is not None else None

    def forward(self, x):
        for block in self.resnets:
            x = block(x)
        return x if self.upsamplers is None else self.upsamplers[0](x)


class Decoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        mult = cfg["dim_mult"]
        dims = [cfg["base_dim"] * m for m in [mult[-1]] + mult[::-1]]
        temporal = cfg["temperal_downsample"][::-1]
        self.conv_in = CausalConv(cfg["z_dim"], dims[0])
        self.mid_block = MidBlock(dims[0])
        blocks = []
        for i, (cin, cout) in enumerate(zip(dims[:-1], dims[1:])):
            up = Up(cout, temporal[i]) if i < len(mult) - 1 else None
            blocks.append(UpBlock(cin // 2 if i else cin, cout, cfg["num_res_blocks"] + 1, up))
        self.up_blocks = nn.ModuleList(blocks)
        self.norm_out = ChannelNorm(dims[-1], 3)
        self.conv_out = CausalConv(dims[-1], 3)

    def forward(self, x):
        x = self.mid_block(self.conv_in(x))
        for block in self.up_blocks:
            x = block(x)
        return self.conv_out(F.silu(self.norm_out(x)))


@torch.no_grad()
def start_straight(vae):
    """Starts both halves as nearly linear filters: branches quiet, all that changes size an identity or an average, the picture in the
    first channels and a constant in another. Without the constant, the channel norms forget how bright a pixel is; without
    all of it, colour is learned last."""
    def identity(weight, *taps):
        weight.mul_(0.1)
        for at in taps or [tuple(n // 2 for n in weight.shape[2:])]:
            for c in range(min(weight.shape[:2])):
                weight[(c, c) + at] += 1 / max(len(taps), 1)

    def with_constant(conv, at):
        identity(conv.weight, (2, 1, 1))
        conv.weight[at].mul_(0.1)
        conv.bias[at] = 1.0

    z, last = vae.cfg["z_dim"], vae.cfg["base_dim"] - 1
    for module in vae.modules():
        if isinstance(module, ResBlock):
            module.conv2.weight.mul_(0.2)
            if module.conv_shortcut is not None:
                identity(module.conv_shortcut.weight)
        elif isinstance(module, Attention):
            module.proj.weight.mul_(0.1)
        elif isinstance(module, Down):
            identity(module.resample[1].weight, (0, 0), (0, 1), (1, 0), (1, 1))
            if module.time_conv is not None:
                identity(module.time_conv.weight, (1, 0, 0), (2, 0, 0))
        elif isinstance(module, Up):
            identity(module.resample[1].weight)
            if module.time_conv is not None:
                half = module.time_conv.weight.shape[0] // 2
                for part in (module.time_conv.weight[:half], module.time_conv.weight[half:]):
                    identity(part, (2, 0, 0))
    with_constant(vae.encoder.conv_in, last)
    with_constant(vae.decoder.conv_in, last)
    identity(vae.encoder.conv_out.weight, (2, 1, 1))
    identity(vae.decoder.conv_out.weight, (2, 1, 1))
    identity(vae.quant_conv.weight[:z])
    identity(vae.post_quant_conv.weight)
    vae.quant_conv.weight[z:].mul_(0.1)
    # A wide posterior drowns the picture in noise before there is anything to code.
    vae.quant_conv.bias[z:] = -6


class VAE(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        z = cfg["z_dim"]
        self.encoder = Encoder(cfg)
        self.quant_conv = CausalConv(2 * z, 2 * z, 1, 1)
        self.post_quant_conv = CausalConv(z, z, 1, 1)
        self.decoder = Decoder(cfg)
        self.register_buffer("mean", torch.tensor(cfg.get("latents_mean", [0.0] * z)), persistent=False)
        self.register_buffer("std", torch.tensor(cfg.get("latents_std", [1.0] * z)), persistent=False)
        start_straight(self)

    def moments(self, video):
        """video [B, 3, T, H, W] in [-1, 1] -> mean and log variance [B, z, t, h, w]."""
        return self.quant_conv(self.encoder(video.transpose(1, 2))).transpose(1, 2).chunk(2, 1)

    def encode(self, video):
        """Normalised posterior mean."""
        mean = self.moments(video)[0]
        return (mean - self.mean.view(1, -1, 1, 1, 1)) / self.std.view(1, -1, 1, 1, 1)

    def decode_raw(self, z):
        return self.decoder(self.post_quant_conv(z.transpose(1, 2))).transpose(1, 2)

    def decode(self, latents):
        z = latents * self.std.view(1, -1, 1, 1, 1) + self.mean.view(1, -1, 1, 1, 1)
        return self.decode_raw(z).clamp(-1, 1)
