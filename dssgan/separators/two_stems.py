"""A separator reduced to one of its sources and everything else."""

import torch
from torch import Tensor

from dssgan.errors import ConfigError, unknown
from dssgan.separators.base import SeparatorModel, Starts


def one_and_rest(estimates: Tensor, index: int) -> Tensor:
    """Reduce the estimates of any sources to one and the sum of all others.

    Args:
        estimates: (batch, sources, channels, samples).
        index: index of the one source.

    Returns:
        (batch, 2, channels, samples).
    """
    chosen = estimates[:, index]
    return torch.stack([chosen, estimates.sum(dim=1) - chosen], dim=1)


class TwoStems(SeparatorModel):
    """Return a separator of one source and the sum of the others, named "no_" and the source.

    Args:
        inner: the separator.
        source: one of its sources.

    Raises:
        ConfigError: it has no such source.
    """

    def __init__(self, inner: SeparatorModel, source: str) -> None:
        if source not in inner.sources:
            raise ConfigError(unknown("stem", source, inner.sources))
        super().__init__((source, f"no_{source}"), inner.sample_rate, inner.channels)
        self.inner = inner
        self.segment_seconds, self.max_segment_seconds = inner.segment_seconds, inner.max_segment_seconds
        self.separates_by_sound = inner.separates_by_sound

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        return self.separate_at(mix, [0] * len(mix))

    def separate_at(self, mix: Tensor, starts: Starts) -> Tensor:
        """Separate at a position; see `SeparatorModel.separate_at`."""
        return one_and_rest(self.inner.separate_at(mix, starts), self.inner.sources.index(self.sources[0]))

    def for_song(self, name: str) -> SeparatorModel:
        """Return the separator for one song; see `SeparatorModel.for_song`."""
        return TwoStems(self.inner.for_song(name), self.sources[0])
