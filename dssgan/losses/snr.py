"""Signal-to-noise ratios as losses."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dssgan.audio.stft import STFT
from dssgan.errors import ConfigError

_FLOOR = 1e-8


def negative_snr_db(error: Tensor, signal: Tensor, max_snr_db: float = 30.0) -> Tensor:
    """Return minus the signal-to-noise ratio of each item, which saturates beyond a limit.

    Source: Wisdom et al., "Unsupervised sound separation using mixture invariant training", 2020, equation 1,
    arXiv 2006.12701.

    Args:
        error: (..., channels, samples).
        signal: what the error is compared with; its shape broadcasts with the error's.
        max_snr_db: beyond it an error counts for less and less, dB.

    Returns:
        10 log10((|error|^2 + t |signal|^2) / |signal|^2) with t = 10^(-max_snr_db / 10), dB, without the last two
        dimensions.
    """
    power = signal.square().sum(dim=(-2, -1)) + _FLOOR
    return 10 * torch.log10((error.square().sum(dim=(-2, -1)) + 10 ** (-max_snr_db / 10) * power) / power)


class SNRLoss(nn.Module):
    """Minus the signal-to-noise ratio of the estimates, as a number of decibels.

    Every excerpt counts alike, loud or soft, and the frequencies where the power lies count most, as in the metrics;
    the ratios in octaves beside the whole one have the others count too. The error is compared with the mix, so that
    silent sources have a loss as well; for others that changes the loss by a constant.

    Where a source is silent, nothing but the limit keeps the ratio from growing: with a high one a network gains most
    by learning silence, and gives too little of what sounds.

    Args:
        max_snr_db: ratio beyond which an error counts for less and less, dB.
        octaves: number of bands below half the sample rate, each half as wide as the one above but for the lowest,
            which begins at 0.
        octaves_weight: weight of the mean of the bands' ratios, and one less it of the whole ratio.
        n_fft: STFT window of the bands, samples; the stride is half of it.
        octave_weights: relative weight of each octave in their mean, the highest first; None for equal ones.

    Raises:
        ConfigError: a weight outside [0, 1], more octaves than the window resolves, or not a weight for each.
    """

    def __init__(
        self,
        *,
        max_snr_db: float = 10.0,
        octaves: int = 8,
        octaves_weight: float = 0.3,
        n_fft: int = 2048,
        octave_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= octaves_weight <= 1:
            raise ConfigError(f"supervised_loss.octaves_weight: {octaves_weight} is no weight; choose between 0 and 1")
        most = max(1, (n_fft // 2).bit_length())
        if not 1 <= octaves <= most:
            raise ConfigError(f"supervised_loss.octaves: {octaves}; choose between 1 and {most} with n_fft {n_fft}")
        weights = [1.0] * octaves if octave_weights is None else [float(weight) for weight in octave_weights]
        if len(weights) != octaves or min(weights) < 0 or sum(weights) <= 0:
            raise ConfigError(
                f"supervised_loss.octave_weights: {octave_weights}; give {octaves} weights of 0 or more, the highest "
                "octave first"
            )
        self.octave_shares = [weight / sum(weights) for weight in weights]
        self.max_snr_db = max_snr_db
        self.octaves_weight = octaves_weight
        self.stft = STFT(n_fft, n_fft // 2)
        tops = [n_fft // 2 // 2**octave for octave in range(octaves)]
        self.bands = [slice(low + 1 if low else 0, top + 1) for low, top in zip((*tops[1:], 0), tops, strict=True)]

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare.

        Args:
            estimate: (batch, sources, channels, samples).
            reference: the same shape; the sources sum to the mix.

        Returns:
            Scalar, dB.
        """
        error, mix = estimate - reference, reference.sum(dim=1, keepdim=True)
        loss = negative_snr_db(error, mix, self.max_snr_db).mean()
        if self.octaves_weight == 0:
            return loss
        # (..., bins, 2 x frames), real and imaginary parts
        errors, mixes = (torch.view_as_real(self.stft(audio)).flatten(-2) for audio in (error, mix))
        ratios = [
            negative_snr_db(errors[..., band, :].flatten(-2), mixes[..., band, :].flatten(-2), self.max_snr_db).mean()
            for band in self.bands
        ]
        mean = sum(share * ratio for share, ratio in zip(self.octave_shares, ratios, strict=True))
        return (1 - self.octaves_weight) * loss + self.octaves_weight * mean
