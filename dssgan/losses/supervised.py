"""Supervised losses: the distance of estimates from the true sources."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssgan.audio.stft import STFT, magnitude


class LogMagnitudeLoss(nn.Module):
    """Sum over the sources of the mean squared error of log magnitudes: the paper's L_s.

    Source: Stoller, Ewert, Dixon 2017, equation 1, arXiv 1711.00048.

    Args:
        n_fft: STFT window, samples.
        hop_samples: STFT stride, samples.
    """

    def __init__(self, *, n_fft: int = 512, hop_samples: int = 256) -> None:
        super().__init__()
        self.stft = STFT(n_fft, hop_samples)

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare.

        Args:
            estimate: (batch, sources, channels, samples).
            reference: the same shape.

        Returns:
            Scalar.
        """
        error = torch.log1p(magnitude(self.stft(estimate))) - torch.log1p(magnitude(self.stft(reference)))
        return error.square().mean(dim=(0, 2, 3, 4)).sum()


class WaveAndSTFTLoss(nn.Module):
    """L1 distance of waveforms and of complex spectrograms at several resolutions.

    The complex difference punishes wrong phase, which the magnitudes alone do not show. Each spectrogram is divided by
    the root of its window's length, so that all terms are of one size. Source: Luo and Yu, "Music source separation
    with band-split RNN", 2022, equation 5, arXiv 2209.15174; the resolutions after Yamamoto et al. 2020,
    arXiv 1910.11480.

    Args:
        n_ffts: STFT windows, samples; the stride is half a window: a loss needs no perfect reconstruction, and the
            transforms would cost more than a small separator.
        stft_weight: weight of the mean of the spectral terms against the waveform's.
    """

    def __init__(self, *, n_ffts: tuple[int, ...] = (2048, 512), stft_weight: float = 1.0) -> None:
        super().__init__()
        self.stfts = nn.ModuleList(STFT(n_fft, n_fft // 2) for n_fft in n_ffts)
        self.stft_weight = stft_weight

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare; shapes as in `LogMagnitudeLoss.forward`."""
        wave = functional.l1_loss(estimate, reference)
        error = estimate - reference  # the transform is linear: one of the error is worth two
        spectral = estimate.new_zeros(())
        for stft in self.stfts:
            assert isinstance(stft, STFT)
            spectrogram = torch.view_as_real(stft(error))
            spectral = spectral + spectrogram.abs().mean() / stft.n_fft**0.5
        return wave + self.stft_weight * spectral / max(1, len(self.stfts))
