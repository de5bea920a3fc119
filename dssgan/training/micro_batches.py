"""A batch in parts, one after another, so that a step fits into memory."""

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from dssgan.errors import DssganError

# Computes the loss of some items, goes backward with their share of the batch, and gives losses by name.
Backward = Callable[[slice], dict[str, Tensor]]

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")


class MicroBatches:
    """Go backward through a batch in parts that fit, adding up their gradients.

    Args:
        num_parts: to begin with.
        may_retry: take twice as many parts when memory runs out, from then on. Processes that train together must not:
            one would wait for the others endlessly.
    """

    def __init__(self, num_parts: int, *, may_retry: bool) -> None:
        self.num_parts = num_parts
        self._may_retry = may_retry

    def run(
        self, backward: Backward, num_items: int, module: nn.Module, optimiser: torch.optim.Optimizer
    ) -> dict[str, float]:
        """Leave the whole batch's gradient in the optimiser's parameters.

        Args:
            backward: computes the gradients of one part.
            num_items: number of items in the batch.
            module: through which the forwards go; its processes average gradients with the last part alone.
            optimiser: whose gradients are cleared first.

        Returns:
            Losses by name: means over the batch.

        Raises:
            DssganError: even one item at a time does not fit, or this process may not try again.
        """
        while True:
            optimiser.zero_grad(set_to_none=True)
            try:
                return self._once(backward, num_items, module)
            except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is the former
                if not _is_out_of_memory(error):
                    raise
                if not self._may_retry:
                    raise DssganError(
                        f"out of memory with {-(-num_items // self.num_parts)} excerpts at a time: set accumulate="
                        f"{2 * self.num_parts} and add --resume, or start again with a smaller batch_size"
                    ) from error
                if self.num_parts >= num_items:
                    raise DssganError(
                        "out of memory with a single excerpt: choose a smaller separator or shorter segment_seconds"
                    ) from error
            # outside the handler, or the error's traceback would keep the step's tensors alive
            optimiser.zero_grad(set_to_none=True)
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.num_parts = min(2 * self.num_parts, num_items)

    def _once(self, backward: Backward, num_items: int, module: nn.Module) -> dict[str, float]:
        size = -(-num_items // self.num_parts)
        totals: dict[str, float] = {}
        for start in range(0, num_items, size):
            stop = min(start + size, num_items)
            with _last_alone(module, is_last=stop == num_items):
                losses = backward(slice(start, stop))
            for name, value in losses.items():
                totals[name] = totals.get(name, 0.0) + value.item() * (stop - start) / num_items
        return totals


def _is_out_of_memory(error: BaseException) -> bool:
    # the allocator of a CPU raises a plain RuntimeError
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def _last_alone(module: nn.Module, *, is_last: bool) -> AbstractContextManager[None]:
    if is_last or not isinstance(module, nn.parallel.DistributedDataParallel):
        return nullcontext()
    return module.no_sync()
