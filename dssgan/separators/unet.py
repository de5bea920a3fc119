"""The U-Net on log magnitudes of Stoller, Ewert and Dixon."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssgan.audio.stft import STFT
from dssgan.separators.base import SeparatorModel, require_positive
from dssgan.types import DRUMS, OTHER

# Each level is one valid 3x3 convolution, so a side loses 2 cells there.
CELLS_LOST_PER_CONVOLUTION = 2


def context_cells(num_layers: int) -> int:
    """Count the spectrogram cells that valid convolutions eat at each end of a side.

    A cell lost at level i is worth 2^i cells of the input; levels 0 .. L-1 lose theirs on the way down and again on
    the way up, the bottom once: (2 (2^L - 1) + 2 (2^L - 1) + 2 2^L) / 2 = 3 2^L - 2.

    Args:
        num_layers: down-sampling levels L.

    Returns:
        Cells at each end; 46 for the paper's four levels.
    """
    return 3 * (1 << num_layers) - 2


class UNet(SeparatorModel):
    """Predict each source's log magnitudes directly, with the mixture's phase.

    Valid convolutions over a padded spectrogram, the cropped input joined before one 1x1 ReLU head a source; the heads
    are independent, so the estimates need not sum to the mix. Source: Stoller, Ewert, Dixon, "Adversarial
    Semi-Supervised Audio Source Separation applied to Singing Voice Extraction", 2017, section 3, arXiv 1711.00048.

    Args:
        sources: names of the estimates, in order.
        sample_rate: samples per second.
        channels: audio channels.
        n_fft: STFT window, samples.
        hop_samples: STFT stride, samples.
        num_layers: down-sampling levels.
        num_initial_filters: filters of the first level; each further level doubles them.
        segment_seconds: what one pass sees when a long file is separated, seconds.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "parity": {"sample_rate": 8192, "channels": 1, "n_fft": 512, "hop_samples": 256},
        "stereo": {},
        "tiny": {"n_fft": 2048, "hop_samples": 1024, "num_initial_filters": 10},
        "base": {"num_initial_filters": 36},
    }

    def __init__(
        self,
        *,
        sources: tuple[str, ...] = (DRUMS, OTHER),
        sample_rate: int = 44100,
        channels: int = 2,
        n_fft: int = 2048,
        hop_samples: int = 512,
        num_layers: int = 4,
        num_initial_filters: int = 16,
        segment_seconds: float = 8.0,
    ) -> None:
        super().__init__(sources, sample_rate, channels)
        require_positive(num_layers=num_layers, num_initial_filters=num_initial_filters)
        self.n_fft = n_fft
        self.hop_samples = hop_samples
        self.num_layers = num_layers
        self.num_initial_filters = num_initial_filters
        self.segment_seconds = segment_seconds
        self.stft = STFT(n_fft, hop_samples)

        filters = [num_initial_filters * 2**level for level in range(num_layers + 1)]
        inputs = [channels, *filters[:-1]]
        self.down = nn.ModuleList(nn.Conv2d(i, o, 3) for i, o in zip(inputs, filters, strict=True))
        self.widen = nn.ModuleList(nn.ConvTranspose2d(2 * f, f, 2, stride=2) for f in filters[:-1])
        self.up = nn.ModuleList(nn.Conv2d(2 * f, f, 3) for f in filters[:-1])
        self.heads = nn.ModuleList(nn.Conv2d(filters[0] + channels, channels, 1) for _ in sources)
        for head in self.heads:
            # start from an equal share of the mix: a head that starts below zero everywhere would never learn
            assert isinstance(head, nn.Conv2d)
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]
            with torch.no_grad():
                head.weight[:, filters[0] :, 0, 0] += torch.eye(channels) / len(sources)

    def magnitudes(self, log_magnitudes: Tensor) -> Tensor:
        """Run the network proper.

        Args:
            log_magnitudes: log(1 + magnitude) with context, (batch, channels, bins + 2 c, frames + 2 c), where c is
                `context_cells` and both sides are 2 modulo 2^levels once the context is taken off.

        Returns:
            log(1 + magnitude) of the sources, (batch, sources, channels, bins, frames).
        """
        skips = []
        x = log_magnitudes
        for level, convolution in enumerate(self.down):
            x = functional.relu(convolution(x))
            if level < self.num_layers:
                skips.append(x)
                x = functional.max_pool2d(x, 2)
        for level in reversed(range(self.num_layers)):
            x = functional.relu(self.widen[level](x))
            x = functional.relu(self.up[level](torch.cat([crop(skips[level], x), x], dim=1)))
        x = torch.cat([x, crop(log_magnitudes, x)], dim=1)
        return torch.stack([functional.relu(head(x)) for head in self.heads], dim=1)

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        spectrogram = self.stft(mix)  # (B, C, F, T)
        magnitude = spectrogram.abs()
        context, multiple = context_cells(self.num_layers), 2**self.num_layers
        bins, frames = magnitude.shape[-2:]
        extra_bins, extra_frames = ((2 - side) % multiple for side in (bins, frames))
        padded = functional.pad(
            torch.log1p(magnitude), (context, context + extra_frames, context, context + extra_bins)
        )
        estimate = self.magnitudes(padded)[..., :bins, :frames].float()  # (B, S, C, F, T)
        phase = spectrogram / magnitude.clamp(min=1e-8)
        return self.stft.inverse(torch.expm1(estimate) * phase.unsqueeze(1), mix.shape[-1])


def crop(x: Tensor, like: Tensor) -> Tensor:
    """Cut the middle out of a map.

    Args:
        x: (batch, channels, height, width).
        like: a map whose height and width are wanted, smaller by an even number of cells.

    Returns:
        (batch, channels, like's height, like's width).
    """
    top, left = ((x.shape[side] - like.shape[side]) // 2 for side in (-2, -1))
    return x[..., top : top + like.shape[-2], left : left + like.shape[-1]]
