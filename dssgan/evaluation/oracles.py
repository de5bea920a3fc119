"""Oracles: what a mask could reach at best, since it is made from the true sources.

Source: Stoeter, Liutkus and Ito, "The 2018 signal separation evaluation campaign", 2018, section 4.1 (arXiv
1804.06267), with its transform of 2048 samples, every 1024.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dssgan.audio.stft import STFT
from dssgan.data.dataset import Track
from dssgan.evaluation.method import Method
from dssgan.separators.wiener import multichannel_wiener
from dssgan.types import Audio

Filter = Callable[[Tensor, Tensor], Tensor]  # spectrograms of sources (1, S, C, F, T) and mix (1, C, F, T) to estimates

_FFT, _HOP = 2048, 1024
_TINY = torch.finfo(torch.float32).tiny


def _binary(power: float) -> Filter:
    """Assign each bin to the source that makes up at least half of the mix there."""

    def estimate(sources: Tensor, mix: Tensor) -> Tensor:
        share = sources.abs() ** power / (mix.abs() ** power + _TINY).unsqueeze(1)
        return (share >= 0.5) * mix.unsqueeze(1)

    return estimate


def _ratio(power: float) -> Filter:
    """Share each bin out by the sources' magnitudes to a power."""

    def estimate(sources: Tensor, mix: Tensor) -> Tensor:
        magnitudes = sources.abs() ** power
        return magnitudes / (magnitudes.sum(dim=1, keepdim=True) + _TINY) * mix.unsqueeze(1)

    return estimate


ORACLES: dict[str, Filter] = {
    "ibm1": _binary(1),
    "ibm2": _binary(2),
    "irm1": _ratio(1),
    "irm2": _ratio(2),
    "mwf": multichannel_wiener,
}


@dataclass(frozen=True)
class OracleMethod(Method):
    """An oracle as a method of a campaign.

    Args:
        name: a name of `ORACLES`.
    """

    name: str

    def open(self, sources: tuple[str, ...], sample_rate: int) -> Callable[[Track, Audio], Audio]:  # noqa: ARG002
        transform = STFT(_FFT, _HOP)

        def estimate(track: Track, mix: Audio) -> Audio:
            true = torch.from_numpy(track.load(sample_rate)[1])
            with torch.inference_mode():
                spectrograms = transform(true).unsqueeze(0)
                estimates = ORACLES[self.name](spectrograms, transform(torch.from_numpy(mix)).unsqueeze(0))
                found: Audio = transform.inverse(estimates[0], mix.shape[-1]).numpy()
            return found

        return estimate
