"""A separator at another sample rate and number of channels than its own."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from dssgan.audio.resample import resample
from dssgan.data.audio_file import fit_length
from dssgan.errors import ModelError
from dssgan.separators.base import SeparatorModel, Starts
from dssgan.separators.consistency import mixture_consistency
from dssgan.separators.upper_band import UpperBand


def adapt(model: SeparatorModel, sample_rate: int, channels: int) -> SeparatorModel:
    """Return a separator at another rate and number of channels.

    Args:
        model: the separator.
        sample_rate: wanted rate, Hz.
        channels: wanted number.

    Returns:
        The separator itself where it has these, else one whose input is resampled.

    Raises:
        ModelError: channels of these numbers cannot be turned into each other.
    """
    return model.matched(sample_rate, channels) or Adapted(model, sample_rate, channels)


class Adapted(SeparatorModel):
    """Resample the mix to a separator's rate and its estimates back; frequencies above the separator's range are shared
    as it shares those just below (see `UpperBand`).

    A mono separator gets each channel by itself; a stereo one gets mono on both sides.

    Args:
        inner: the separator.
        sample_rate: sample rate of mix and estimates, Hz.
        channels: channels of mix and estimates.

    Raises:
        ModelError: neither number of channels is 1.
    """

    def __init__(self, inner: SeparatorModel, sample_rate: int, channels: int) -> None:
        super().__init__(inner.sources, sample_rate, channels)
        if inner.channels != channels and 1 not in (inner.channels, channels):
            raise ModelError(
                f"a model of {inner.channels} channels and one of {channels}: these do not go together; combine models "
                "of one kind"
            )
        self.inner = inner
        self.segment_seconds, self.max_segment_seconds = inner.segment_seconds, inner.max_segment_seconds
        self.separates_by_sound = inner.separates_by_sound
        hears_all = inner.sample_rate >= sample_rate
        self.upper_band = None if hears_all else UpperBand(cutoff_hz=inner.sample_rate / 2, sample_rate=sample_rate)

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        return self._separate(mix, self.inner)

    def separate_at(self, mix: Tensor, starts: Starts) -> Tensor:
        """Separate at a position; see `SeparatorModel.separate_at`."""
        there = [round(start * self.inner.sample_rate / self.sample_rate) for start in starts]
        repeats = self.channels if self.inner.channels == 1 else 1
        there = [start for start in there for _ in range(repeats)]
        return self._separate(mix, lambda adapted: self.inner.separate_at(adapted, there))

    def for_song(self, name: str) -> SeparatorModel:
        """Return the separator for one song; see `SeparatorModel.for_song`."""
        inner = self.inner.for_song(name)
        return self if inner is self.inner else adapt(inner, self.sample_rate, self.channels)

    def _separate(self, mix: Tensor, run: Callable[[Tensor], Tensor]) -> Tensor:
        batch, channels, num_samples = mix.shape
        adapted = mix
        if channels != self.inner.channels:  # one of them is 1
            adapted = mix.expand(-1, self.inner.channels, -1) if channels == 1 else mix.reshape(-1, 1, num_samples)
        estimates = self._at_rate(run(self._at_rate(adapted, self.sample_rate, self.inner.sample_rate)),
                                  self.inner.sample_rate, self.sample_rate, num_samples)  # fmt: skip
        if channels == 1:
            estimates = estimates.mean(dim=2, keepdim=True)
        elif self.inner.channels == 1:
            estimates = estimates.unflatten(0, (batch, channels))[:, :, :, 0].transpose(1, 2)
        estimates = mixture_consistency(estimates, mix)
        return estimates if self.upper_band is None else self.upper_band(estimates, mix)

    @staticmethod
    def _at_rate(wave: Tensor, from_rate: int, to_rate: int, num_samples: int | None = None) -> Tensor:
        """Resample (..., samples); to a given length, which rounding twice may miss by a sample."""
        if from_rate == to_rate:
            return wave
        rows = wave.detach().float().cpu().reshape(-1, wave.shape[-1]).numpy()
        resampled = resample(rows, from_rate, to_rate)
        if num_samples is not None:
            resampled = fit_length(resampled, num_samples)
        return torch.from_numpy(np.ascontiguousarray(resampled)).to(wave).reshape(*wave.shape[:-1], -1)
