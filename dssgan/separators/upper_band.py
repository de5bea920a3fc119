"""The band above what a separator hears, shared as it shares the band below."""

import math

import torch
from torch import Tensor, nn

from dssgan.audio.stft import STFT
from dssgan.errors import ConfigError

_WINDOW_SECONDS = 0.046
_HIGHEST, _OCTAVES = 0.95, 1 / 3  # of the cut-off, and down from there: the band whose shares are taken
_TINY = 1e-12


class UpperBand(nn.Module):
    """Share the mix above a cut-off among the sources in the proportion of their power just below it, frame by frame.

    What separators of a low sample rate or from narrow data leave out is taken from the mix, so nothing is invented:
    where the mix has no upper band, neither have the sources. Strokes reach over all frequencies, so their share of the
    highest third of an octave that is known tells much of what lies above. Whatever the estimates hold above the
    cut-off is replaced; below it they stay as they are.

    Args:
        cutoff_hz: up to where the estimates are good, Hz.
        sample_rate: samples per second.

    Raises:
        ConfigError: a cut-off that is not between 200 Hz and half of the sample rate.
    """

    below: Tensor
    above: Tensor

    def __init__(self, *, cutoff_hz: float, sample_rate: int = 44100) -> None:
        super().__init__()
        if not 200 <= cutoff_hz <= sample_rate / 2:
            raise ConfigError(
                f"cutoff_hz={cutoff_hz:g}: must be from 200 to half of the sample rate, {sample_rate / 2:g}"
            )
        n_fft = 2 ** round(math.log2(_WINDOW_SECONDS * sample_rate))
        self.stft = STFT(n_fft, n_fft // 4)
        hertz = torch.arange(self.stft.num_bins) * (sample_rate / n_fft)
        known = (hertz >= _HIGHEST * cutoff_hz * 2**-_OCTAVES) & (hertz < _HIGHEST * cutoff_hz)
        self.register_buffer("below", known.float(), persistent=False)
        self.register_buffer("above", (hertz >= cutoff_hz).float()[:, None], persistent=False)

    def forward(self, estimates: Tensor, mix: Tensor) -> Tensor:
        """Share the upper band.

        Args:
            estimates: (batch, sources, channels, samples).
            mix: (batch, channels, samples).

        Returns:
            Estimates of the same shape, which sum to the mix above the cut-off.
        """
        spectrograms = self.stft(estimates)  # (B, S, C, F, T)
        power = torch.einsum("bscft,f->bst", spectrograms.abs().square(), self.below) + _TINY
        shares = power / power.sum(dim=1, keepdim=True)
        wanted = self.stft(mix)[:, None] * shares[:, :, None, None]
        return estimates + self.stft.inverse((wanted - spectrograms) * self.above, mix.shape[-1])
