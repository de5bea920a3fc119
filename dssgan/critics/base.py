"""What every critic is."""

from typing import Any, ClassVar

from torch import Tensor, nn


class Critic(nn.Module):
    """Tell real sources from estimates: the higher the score, the more real.

    `features` and `score` are apart because the gradient penalty is taken where the critic looks: on its features. A
    critic has no layer that ties the items of a batch together (no batch normalisation), or the penalty of one item
    would depend on the others, and two processes would disagree with one.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {}

    channels: int

    def features(self, wave: Tensor) -> Tensor:
        """Turn waveforms into what the critic looks at.

        Args:
            wave: (batch, channels, samples).

        Returns:
            (items, ...), one or more items a waveform, as many for every waveform of one length.
        """
        raise NotImplementedError

    def score(self, features: Tensor) -> Tensor:
        """Score features: (items, ...) to (items,)."""
        raise NotImplementedError

    def forward(self, wave: Tensor) -> Tensor:
        """Score waveforms: (batch, channels, samples) to (items,)."""
        return self.score(self.features(wave))
