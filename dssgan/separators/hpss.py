"""Harmonic-percussive separation by median filters: the baseline that needs no training."""

import torch
from torch import Tensor
from torch.nn import functional

from dssgan.audio.stft import STFT
from dssgan.errors import ConfigError
from dssgan.separators.base import SeparatorModel, require_positive
from dssgan.types import DRUMS, OTHER

_SORTED_AT_ONCE = 1 << 23  # numbers, 32 MiB: a median of 31 sorts 31 times what it filters


class HPSS(SeparatorModel):
    """Take what changes fast and at all frequencies for drums, and what lasts for everything else.

    A magnitude spectrogram's median along time keeps tones, its median along frequency keeps hits; each bin is shared
    between the two by their squares. Source: FitzGerald 2010, "Harmonic/percussive separation using median filtering",
    DAFx-10, with its soft masks.

    Args:
        sources: two names: of what is percussive, and of the rest.
        sample_rate: samples per second.
        channels: audio channels; they share one mask.
        n_fft: STFT window, samples.
        hop_samples: STFT stride, samples.
        frames: length of the median along time, frames; odd.
        bins: length of the median along frequency, bins; odd.

    Raises:
        ConfigError: a setting out of range.
    """

    def __init__(
        self,
        *,
        sources: tuple[str, ...] = (DRUMS, OTHER),
        sample_rate: int = 44100,
        channels: int = 2,
        n_fft: int = 4096,
        hop_samples: int = 1024,
        frames: int = 17,
        bins: int = 17,
    ) -> None:
        super().__init__(sources, sample_rate, channels)
        if len(sources) != 2:
            raise ConfigError(f"sources={sources!r}: harmonic-percussive separation has two")
        self.n_fft, self.hop_samples, self.frames, self.bins = n_fft, hop_samples, frames, bins
        check_medians(frames, bins)
        self.stft = STFT(n_fft, hop_samples)

    def matched(self, sample_rate: int, channels: int) -> "HPSS":
        """Return the same at another rate and number of channels; windows keep their lengths in samples."""
        return HPSS(**{**self.arguments, "sample_rate": sample_rate, "channels": channels})

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        spectrogram = self.stft(mix)
        mask = percussive_mask(spectrogram.abs().square().sum(dim=1).sqrt(), self.frames, self.bins)
        percussive = self.stft.inverse(spectrogram * mask.unsqueeze(1), mix.shape[-1])
        return torch.stack([percussive, mix - percussive], dim=1)


def check_medians(frames: int, bins: int) -> None:
    """Refuse lengths of medians that have no middle.

    Raises:
        ConfigError: one is not odd and positive.
    """
    require_positive(frames=frames, bins=bins)
    for name, value in {"frames": frames, "bins": bins}.items():
        if value % 2 == 0:
            raise ConfigError(f"{name}={value}: must be odd")


def percussive_mask(magnitude: Tensor, frames: int, bins: int) -> Tensor:
    """Return a mask of how percussive each bin is.

    Args:
        magnitude: (batch, bins, frames), not negative.
        frames: length of the median along time, odd.
        bins: length of the median along frequency, odd.

    Returns:
        Mask of the same shape, from 0 to 1; one half where all is silent.
    """
    harmonic = _median(magnitude, frames).square()
    percussive = _median(magnitude.transpose(1, 2), bins).transpose(1, 2).square()
    tiny = torch.finfo(magnitude.dtype).tiny
    return (percussive + tiny / 2) / (percussive + harmonic + tiny)


def _median(rows: Tensor, length: int) -> Tensor:
    """Filter (batch, rows, columns) along its columns with a running median; both ends are continued by themselves."""
    half = length // 2
    padded = functional.pad(rows, (half, half), mode="replicate")
    windows = padded.unfold(-1, length, 1)  # (batch, rows, columns, length), a view
    at_once = max(1, _SORTED_AT_ONCE // max(1, len(rows) * rows.shape[-1] * length))
    return torch.cat([part.median(dim=-1).values for part in windows.split(at_once, dim=1)], dim=1)
