"""Where a model runs, and in which precision."""

from collections.abc import Callable

import torch

from dssgan.errors import ConfigError, unknown

PRECISIONS = ("float32", "bf16", "auto")

_AVAILABLE: dict[str, Callable[[], bool]] = {
    "cpu": lambda: True,
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
}


def choose_device(name: str) -> torch.device:
    """Turn a device's name into a device that this machine has.

    Args:
        name: "cpu", "cuda" (or one of several, "cuda:1"), "mps", or "auto" for the fastest that is there.

    Raises:
        ConfigError: no such device, or none in this machine.
    """
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if _AVAILABLE[kind]()))
    kind, _, index = name.partition(":")
    if kind not in _AVAILABLE or (index and not index.isdecimal()):
        raise ConfigError(unknown("device", name, ["auto", *_AVAILABLE]))
    if not _AVAILABLE[kind]() or (kind == "cuda" and int(index or 0) >= torch.cuda.device_count()):
        raise ConfigError(f"{name}: this machine has no such device; use auto or cpu")
    return torch.device(name)


def uses_bf16(precision: str, device: torch.device) -> bool:
    """Say whether a network runs under bf16 autocast.

    Half the bits make a network 1.5 to 2 times as fast where the processor has instructions for them, and slower where
    it has none, so "auto" asks the processor. Spectrograms stay in float32 inside the models.

    Args:
        precision: "float32", "bf16" or "auto".
        device: where the network runs.

    Raises:
        ConfigError: an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ConfigError(unknown("precision", precision, PRECISIONS))
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
