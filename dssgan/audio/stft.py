"""The short-time Fourier transform, for signals of any length."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dssgan.errors import ConfigError


class STFT(nn.Module):
    """Transform waveforms to complex spectrograms and back without loss.

    A Hann window, centred frames, zeros beyond both ends. Always computed in float32, also under autocast:
    bfloat16 has 8 bits of mantissa, 16-bit audio needs 16.

    Args:
        n_fft: window length, samples.
        hop_samples: stride between frames, samples; at most half the window.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop_samples: int) -> None:
        super().__init__()
        if not 0 < hop_samples <= n_fft // 2:
            raise ValueError(f"hop_samples must be between 1 and n_fft / 2 = {n_fft // 2}, but it is {hop_samples}")
        self.n_fft = n_fft
        self.hop_samples = hop_samples
        # (n_fft,), periodic; by NumPy, for on the meta device torch would compile it, which takes seconds and 200 MiB
        window = np.sin(np.pi * np.arange(n_fft) / n_fft) ** 2
        self.register_buffer("window", torch.from_numpy(window.astype(np.float32)), persistent=False)

    @property
    def num_bins(self) -> int:
        """Frequency bins, DC and Nyquist included."""
        return self.n_fft // 2 + 1

    def forward(self, wave: Tensor) -> Tensor:
        """Transform waveforms.

        Args:
            wave: (..., samples), any length of at least one sample.

        Returns:
            Complex spectrogram, (..., bins, frames), with ceil(samples / hop) + 1 frames.
        """
        with torch.autocast(wave.device.type, enabled=False):
            # a whole number of hops, so that the inverse never divides by the foot of a single window
            padded = functional.pad(wave.float(), (0, -wave.shape[-1] % self.hop_samples))
            rows = padded.reshape(-1, padded.shape[-1])
            spectrogram = torch.stft(
                rows, self.n_fft, self.hop_samples, window=self.window, center=True, pad_mode="constant",
                return_complex=True,
            )  # fmt: skip
        return spectrogram.reshape(*wave.shape[:-1], *spectrogram.shape[-2:])

    def inverse(self, spectrogram: Tensor, num_samples: int) -> Tensor:
        """Transform spectrograms back.

        Args:
            spectrogram: complex, (..., bins, frames), as many frames as `forward` gives for `num_samples`.
            num_samples: length of the waveform, samples.

        Returns:
            Waveform, (..., samples), float32.
        """
        with torch.autocast(spectrogram.device.type, enabled=False):
            length = num_samples + -num_samples % self.hop_samples
            rows = spectrogram.to(torch.complex64).reshape(-1, *spectrogram.shape[-2:])
            wave = torch.istft(rows, self.n_fft, self.hop_samples, window=self.window, center=True, length=length)
        return wave.reshape(*spectrogram.shape[:-2], length)[..., :num_samples]


def magnitude(spectrogram: Tensor) -> Tensor:
    """Take magnitudes with a derivative everywhere.

    |z| has none at z = 0, where silence lives; the floor lies 120 dB below a magnitude of 1.

    Args:
        spectrogram: complex, any shape.

    Returns:
        sqrt(|spectrogram|^2 + 1e-12), the same shape, real.
    """
    return (spectrogram.real.square() + spectrogram.imag.square() + 1e-12).sqrt()


def bands_of_bins(edges_hz: tuple[float, ...], n_fft: int, sample_rate: int) -> Tensor:
    """Return the index of the band that each STFT bin belongs to.

    Args:
        edges_hz: lower edges of the bands, Hz, rising from 0.
        n_fft: STFT window, samples.
        sample_rate: samples per second.

    Returns:
        Band indices, (bins,), int64.

    Raises:
        ConfigError: the edges do not rise from 0.
    """
    if not edges_hz or edges_hz[0] != 0 or list(edges_hz) != sorted(set(edges_hz)):
        raise ConfigError(f"band edges {list(edges_hz)}: must rise, from 0 Hz")
    frequencies = torch.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    return torch.bucketize(frequencies, torch.tensor(edges_hz[1:], dtype=torch.float32), right=True)
