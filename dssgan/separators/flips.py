"""A separator that listens several times: with its channels swapped, with its sign turned, and averages."""

from itertools import product

import torch
from torch import Tensor

from dssgan.errors import ConfigError
from dssgan.separators.base import SeparatorModel, Starts


class Flips(SeparatorModel):
    """Average a separator's estimates over flips of the mix, each turned back.

    What music means to a listener depends on neither; a network's errors do. Each flip costs as much again.

    Args:
        inner: the separator.
        channel_swap: whether the order of channels is turned round too.
        polarity: whether the sign is turned too.

    Raises:
        ConfigError: it does not separate by sound alone, so that flips change nothing.
    """

    def __init__(self, inner: SeparatorModel, *, channel_swap: bool, polarity: bool) -> None:
        if not inner.separates_by_sound:
            raise ConfigError("channel swap, polarity: stems of another program are what they are; leave these out")
        super().__init__(inner.sources, inner.sample_rate, inner.channels)
        self.inner = inner
        self.segment_seconds, self.max_segment_seconds = inner.segment_seconds, inner.max_segment_seconds
        self.sums = inner.sums
        orders = (False, True) if channel_swap and inner.channels > 1 else (False,)
        self.flips = tuple(product(orders, (1.0, -1.0) if polarity else (1.0,)))

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        return self.separate_at(mix, [0] * len(mix))

    def separate_at(self, mix: Tensor, starts: Starts) -> Tensor:
        """Separate at a position; see `SeparatorModel.separate_at`."""
        total = torch.zeros(())
        for swaps, sign in self.flips:
            estimates = self.inner.separate_at((mix.flip(1) if swaps else mix) * sign, starts).float() * sign
            total = total.to(estimates) + (estimates.flip(2) if swaps else estimates)
        return total / len(self.flips)
