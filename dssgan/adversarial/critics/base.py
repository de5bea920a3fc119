"""The base class of critics."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn


@dataclass(frozen=True)
class Judgement:
    """A critic's output for waveforms.

    Args:
        scores: one tensor a view, (items, ...): the higher, the more real.
        maps: what its layers saw on the way, (items, ...) each, for feature matching.
    """

    scores: tuple[Tensor, ...]
    maps: tuple[Tensor, ...]


class Critic(nn.Module):
    """Score sources and estimates: the higher the score, the more real.

    A critic looks at one or more views of a waveform, such as spectrograms. `views` and `judge` are apart because
    gradient penalties are taken where the critic looks: on its views. A critic has no layer that ties the items of a
    batch together (no batch normalisation), or the penalty of one item would depend on the others, and two processes
    would disagree with one.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {}

    channels: int

    def views(self, wave: Tensor) -> tuple[Tensor, ...]:
        """Turn waveforms into what the critic looks at.

        Args:
            wave: (batch, channels, samples).

        Returns:
            One or more views, (items, ...) each: one or more items a waveform, as many for every waveform of one
            length, those of the first waveform first.
        """
        raise NotImplementedError

    def judge(self, views: tuple[Tensor, ...]) -> Judgement:
        """Score views."""
        raise NotImplementedError

    def forward(self, wave: Tensor) -> Judgement:
        """Score waveforms, (batch, channels, samples)."""
        return self.judge(self.views(wave))
