"""Where a model runs, in which precision, and out of which memory."""

import ctypes
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from dssgan.errors import ConfigError, unknown

PRECISIONS = ("float32", "bf16", "auto")

# names of <malloc.h>: what is freed is given back above this size, and what is larger is mapped on its own
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

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
    """Return whether a network runs under bf16 autocast.

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


_forks_are_safe = False


def make_forks_safe() -> None:
    """Make processes that are forked from this one compute in one thread.

    The threads that PyTorch computes in are not there after a fork, and the first computation would wait for them for
    ever, as in a `multiprocessing.Pool` of Linux. A forked process that wants more calls `torch.set_num_threads`.
    """
    global _forks_are_safe
    if not _forks_are_safe and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
    _forks_are_safe = True


def keep_freed_memory() -> None:
    """Make this process keep the memory that it frees for the next step.

    By default glibc maps each large tensor anew and gives it back at once, and the kernel clears every page again: a
    fifth of a training step on a processor. The process then holds its peak until it ends. Does nothing where the C
    library has no `mallopt`.
    """
    mallopt = of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def of_glibc(name: str) -> Any:
    """Return a function of this process's C library; None where that is not Linux's, or has none of this name."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
