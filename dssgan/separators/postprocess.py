"""Steps that follow an ensemble's weighted sum, by name. A new one is one class and one line in `STEPS`."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssgan.audio.stft import STFT, bands_of_bins
from dssgan.errors import ConfigError
from dssgan.separators.base import require_positive
from dssgan.separators.consistency import mixture_consistency
from dssgan.separators.hpss import check_medians, percussive_mask
from dssgan.separators.strokes import StrokeRepair
from dssgan.separators.upper_band import UpperBand
from dssgan.separators.wiener import multichannel_wiener


class BleedGate(nn.Module):
    """Turn the first source down where it is far below the mix: there it is mostly what leaked from the others.

    A soft gate in each frame and band: the gain rises smoothly from 0 to 1 around the threshold. What it takes goes to
    the last source, so nothing is lost of the mix. Level and gain are of single frames and their neighbours, so pieces
    of a file are gated like the whole.

    Args:
        threshold_db: level of the source against the mix at which the gain is one half, dB.
        softness_db: how far from the threshold the gain is about 3/4 or 1/4, dB.
        edges_hz: lower edges of the bands, Hz, the first of them 0.
        sample_rate: samples per second.
        n_fft: STFT window, samples.
        hop_samples: STFT stride, samples.
        smoothing_frames: frames a level is averaged over, an odd number.
    """

    band_of_bin: Tensor
    bins_of_band: Tensor

    def __init__(
        self,
        *,
        threshold_db: float,
        softness_db: float = 3.0,
        edges_hz: tuple[float, ...] = (0, 200, 2000, 8000),
        sample_rate: int = 44100,
        n_fft: int = 2048,
        hop_samples: int = 512,
        smoothing_frames: int = 5,
    ) -> None:
        super().__init__()
        if smoothing_frames < 1 or smoothing_frames % 2 == 0:
            raise ConfigError(f"smoothing_frames={smoothing_frames}: must be odd and at least 1")
        if softness_db <= 0:
            raise ConfigError(f"softness_db={softness_db}: must be more than 0")
        self.threshold_db = threshold_db
        self.softness_db = softness_db
        self.smoothing_frames = smoothing_frames
        self.stft = STFT(n_fft, hop_samples)
        band_of_bin = bands_of_bins(edges_hz, n_fft, sample_rate)
        self.register_buffer("band_of_bin", band_of_bin, persistent=False)
        self.register_buffer("bins_of_band", functional.one_hot(band_of_bin, len(edges_hz)).T.float(), persistent=False)

    def forward(self, estimates: Tensor, mix: Tensor) -> Tensor:
        """Gate.

        Args:
            estimates: (batch, sources, channels, samples).
            mix: (batch, channels, samples).

        Returns:
            Estimates of the same shape and the same sum.
        """
        first = estimates[:, 0]
        spectrogram = self.stft(first)  # (B, C, F, T)
        below_db = self._level_db(spectrogram) - self._level_db(self.stft(mix))  # (B, bands, T)
        gain = torch.sigmoid((below_db - self.threshold_db) / self.softness_db)
        gated = self.stft.inverse(spectrogram * gain[:, self.band_of_bin].unsqueeze(1), mix.shape[-1])
        result = estimates.clone()
        result[:, 0] = gated
        result[:, -1] += first - gated
        return result

    def _level_db(self, spectrogram: Tensor) -> Tensor:
        """Measure levels: complex (batch, channels, bins, frames) to (batch, bands, frames), dB."""
        power = spectrogram.abs().square().sum(dim=1)
        bands = torch.einsum("nf,bft->bnt", self.bins_of_band, power)
        half = self.smoothing_frames // 2
        smooth = functional.avg_pool1d(bands, self.smoothing_frames, 1, half, count_include_pad=False)
        return 10 * torch.log10(smooth + 1e-10)


class MixtureConsistency(nn.Module):
    """Share what the estimates leave of the mix equally among them."""

    def forward(self, estimates: Tensor, mix: Tensor) -> Tensor:
        """See `dssgan.separators.consistency.mixture_consistency`."""
        return mixture_consistency(estimates, mix)


class PercussivePart(nn.Module):
    """Keep of the first source what is percussive; what lasts in it goes to the last source.

    Harmonic-percussive separation of the estimate rather than of the mix, by median filters.

    Args:
        strength: how much of what lasts is moved, from 0 to 1.
        n_fft: STFT window, samples.
        hop_samples: STFT stride, samples.
        frames: length of the median along time, frames; odd.
        bins: length of the median along frequency, bins; odd.
    """

    def __init__(
        self, *, strength: float = 0.5, n_fft: int = 4096, hop_samples: int = 1024, frames: int = 17, bins: int = 17
    ) -> None:
        super().__init__()
        if not 0 <= strength <= 1:
            raise ConfigError(f"strength={strength}: must be from 0 to 1")
        check_medians(frames, bins)
        self.strength, self.frames, self.bins = strength, frames, bins
        self.stft = STFT(n_fft, hop_samples)

    def forward(self, estimates: Tensor, mix: Tensor) -> Tensor:
        """Move what lasts; see `BleedGate.forward`."""
        first = estimates[:, 0]
        spectrogram = self.stft(first)
        lasting = 1 - percussive_mask(spectrogram.abs().square().sum(dim=1).sqrt(), self.frames, self.bins)
        moved = self.stft.inverse(spectrogram * (self.strength * lasting).unsqueeze(1), mix.shape[-1])
        result = estimates.clone()
        result[:, 0] -= moved
        result[:, -1] += moved
        return result


class Wiener(nn.Module):
    """Filter the mix by each source's estimated power and spatial covariance; see `multichannel_wiener`.

    Args:
        iterations: how often.
        n_fft: STFT window, samples.
        hop_samples: STFT stride, samples.
    """

    def __init__(self, *, iterations: int = 1, n_fft: int = 4096, hop_samples: int = 1024) -> None:
        super().__init__()
        require_positive(iterations=iterations)
        self.iterations = iterations
        self.stft = STFT(n_fft, hop_samples)

    def forward(self, estimates: Tensor, mix: Tensor) -> Tensor:
        """Filter; see `BleedGate.forward`."""
        filtered = multichannel_wiener(self.stft(estimates), self.stft(mix), self.iterations)
        return self.stft.inverse(filtered, mix.shape[-1])


STEPS: dict[str, type[nn.Module]] = {
    "bandwidth": UpperBand,
    "bleed_gate": BleedGate,
    "hpss": PercussivePart,
    "mixture_consistency": MixtureConsistency,
    "strokes": StrokeRepair,
    "wiener": Wiener,
}
