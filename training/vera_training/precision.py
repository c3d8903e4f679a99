"""Which arithmetic training runs in."""
import torch


def fast_half(device):
    """Whether products in bfloat16 are faster than in F32: on GPUs, and on processors that have instructions for them. Elsewhere they are
    emulated, several times slower."""
    if torch.device(device).type != "cpu":
        return True
    ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(ask and ask())


def autocast(device):
    """Products in bfloat16 where that is faster."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=fast_half(device))
