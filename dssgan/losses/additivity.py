"""The additivity loss: the distance of the estimates' sum from the mix."""

from typing import Literal

from torch import Tensor, nn

from dssgan.audio.stft import STFT, magnitude


class AdditivityLoss(nn.Module):
    """Mean squared difference between the mix and the sum of its estimates.

    It matters for independent heads alone: a separator whose last source is what the others leave sums to the mix by
    construction. Source: Stoller, Ewert, Dixon 2017, equation 5, arXiv 1711.00048, on linear magnitudes.

    Args:
        domain: "magnitude" compares magnitudes, as the paper does; "wave" compares waveforms.
        n_fft: STFT window, samples.
        hop_samples: STFT stride, samples.
    """

    def __init__(
        self, *, domain: Literal["magnitude", "wave"] = "magnitude", n_fft: int = 512, hop_samples: int = 256
    ) -> None:
        super().__init__()
        self.domain = domain
        self.stft = STFT(n_fft, hop_samples)

    def forward(self, estimate: Tensor, mix: Tensor) -> Tensor:
        """Compare.

        Args:
            estimate: (batch, sources, channels, samples).
            mix: (batch, channels, samples).

        Returns:
            Scalar.
        """
        if self.domain == "wave":
            return (mix - estimate.sum(dim=1)).square().mean()
        whole, parts = magnitude(self.stft(mix)), magnitude(self.stft(estimate))
        return (whole - parts.sum(dim=1)).square().mean()
