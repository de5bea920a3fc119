"""Room in memory: whether a step finds it, estimated before it is taken, and what is free returned to the system."""

import gc
import math
from pathlib import Path
from typing import cast

import psutil
import torch
from torch import Tensor

from dssgan.errors import ConfigError
from dssgan.inference.device import of_glibc
from dssgan.separators import SeparatorModel

_CGROUP = Path("/sys/fs/cgroup")
_BYTES_PER_SAMPLE = 4
_GIB = 2**30


def require_memory(
    separator: SeparatorModel, *, num_samples: int, batch_size: int, accumulate: int, device: torch.device
) -> None:
    """Refuse a batch that memory cannot hold, instead of filling memory until the system ends the process.

    What one excerpt keeps for the backward pass is measured by a forward pass of one; the batch's own samples are
    counted. Gradients, optimizer and losses come on top, so a batch that passes may still be too large by a little.

    Args:
        separator: the separator, on its device.
        num_samples: number of samples of an excerpt.
        batch_size: excerpts of a step.
        accumulate: parts that a step is gone through in.
        device: where the separator is.

    Raises:
        ConfigError: there is no room; the message states how much is missing and what would fit.
    """
    available = available_bytes(device)
    excerpt = (1 + len(separator.sources)) * separator.channels * num_samples * _BYTES_PER_SAMPLE
    if batch_size * excerpt > available:
        raise ConfigError(
            f"batch_size={batch_size}: its audio alone takes {batch_size * excerpt / _GIB:.1f} GiB, and "
            f"{available / _GIB:.1f} GiB are free; choose {max(1, available // (4 * excerpt))} or fewer"
        )
    kept = _kept_bytes(separator, num_samples, device)
    part = math.ceil(batch_size / accumulate)
    needed = batch_size * excerpt + part * kept
    if needed <= available:
        return
    fitting = max(1, math.floor((available - batch_size * excerpt) / kept))
    raise ConfigError(
        f"batch_size={batch_size}: a step takes about {needed / _GIB:.1f} GiB, and {available / _GIB:.1f} GiB are "
        f"free; set accumulate={math.ceil(batch_size / fitting)} or a smaller batch_size"
    )


def _kept_bytes(separator: SeparatorModel, num_samples: int, device: torch.device) -> int:
    """Measure what a forward pass of one excerpt keeps for the backward pass, bytes."""
    storages: dict[int, int] = {}
    parameters = {parameter.untyped_storage().data_ptr() for parameter in separator.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    def give(tensor: object) -> Tensor:
        return cast(Tensor, tensor)

    with torch.random.fork_rng(), torch.autograd.graph.saved_tensors_hooks(keep, give):
        estimates = separator(torch.zeros(1, separator.channels, num_samples, device=device))
    return sum(storages.values()) + int(estimates.nbytes)


def available_bytes(device: torch.device) -> int:
    """Count the memory that this process may still take on a device, bytes."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    free = int(psutil.virtual_memory().available)
    try:  # a container may have less than the machine
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return free if limit == "max" else max(0, min(free, int(limit) - used))


def return_free_memory() -> None:
    """Give the system back what this process has freed.

    glibc keeps what its threads have freed in heaps of their own, up to 32 MiB a block; a process that trains again and
    again, each time in a new thread, would grow by the decoded songs of every training. Other systems return it
    themselves.
    """
    gc.collect()
    if (trim := of_glibc("malloc_trim")) is not None:
        trim(0)
