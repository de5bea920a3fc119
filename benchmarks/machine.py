"""Name the machine that a figure was measured on."""

import os
import platform
from pathlib import Path

import torch


def describe() -> str:
    """Name processor, cores, memory, accelerator, and the versions that matter, in one line.

    Returns:
        Such as "AMD EPYC (2 cores, 7.8 GiB), no GPU; Linux x86_64, Python 3.11.2, torch 2.13.0+cpu".
    """
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"{_processor()} ({_num_cores()} cores{_memory()}), {gpu}; {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unnamed processor"


def _num_cores() -> int:
    # those this process may use, which a container may make fewer than the machine has
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not POSIX
        return ""
    return f", {size / 2**30:.1f} GiB"
