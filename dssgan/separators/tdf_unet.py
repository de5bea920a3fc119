"""A small TFC-TDF U-Net with complex masks."""

from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssgan.errors import ConfigError
from dssgan.separators.base import require_positive
from dssgan.separators.masking import Heads, MaskingSeparator
from dssgan.types import DRUMS, OTHER


class Frequencies(nn.Module):
    """Mix all frequencies of a frame through a bottleneck, the same way for every frame and channel.

    Drums are broadband: one linear map sees a whole spectrum at once, where a stack of 3x3 kernels would need many
    levels. Source: Choi et al., "Investigating U-Nets with various intermediate blocks", 2020, section 3.2,
    arXiv 1912.02591.

    Args:
        channels: channels of the map.
        num_bins: frequency cells of the map.
        bottleneck: how many times narrower the middle is.
    """

    def __init__(self, channels: int, num_bins: int, bottleneck: int) -> None:
        super().__init__()
        width = max(1, num_bins // bottleneck)
        self.layers = nn.Sequential(
            nn.GroupNorm(1, channels), nn.ReLU(), nn.Linear(num_bins, width, bias=False),
            nn.GroupNorm(1, channels), nn.ReLU(), nn.Linear(width, num_bins, bias=False),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Mix frequencies: (batch, channels, frames, bins) to the same shape."""
        return self.layers(x)  # type: ignore[no-any-return]


class Block(nn.Module):
    """Time-frequency convolutions around a mixing of frequencies, with a shortcut.

    Source: Kim et al., "Sound demixing challenge 2023: music demixing track technical report" (TFC-TDF-UNet v3), 2023,
    section 2.1, arXiv 2306.09382.

    Args:
        channels_in: channels of the input.
        channels: channels of the output.
        num_bins: frequency cells of the map.
        bottleneck: bottleneck of the mixing of frequencies.
    """

    def __init__(self, channels_in: int, channels: int, num_bins: int, bottleneck: int) -> None:
        super().__init__()
        self.before = nn.Sequential(
            nn.GroupNorm(1, channels_in), nn.ReLU(), nn.Conv2d(channels_in, channels, 3, padding=1, bias=False)
        )
        self.frequencies = Frequencies(channels, num_bins, bottleneck)
        self.after = nn.Sequential(
            nn.GroupNorm(1, channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        )
        self.shortcut = nn.Conv2d(channels_in, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform: (batch, channels_in, frames, bins) to (batch, channels, frames, bins)."""
        y = self.before(x)
        y = y + self.frequencies(y)
        return self.shortcut(x) + self.after(y)  # type: ignore[no-any-return]


class TDFUNet(MaskingSeparator):
    """Predict complex masks with a TFC-TDF U-Net.

    The spectrum is cut into bands that are stacked as channels, so that the expensive top level works on short
    spectra. Source: Choi et al. 2020, arXiv 1912.02591; Kim et al. 2023, arXiv 2306.09382.

    Args:
        sources: names of the estimates, in order.
        sample_rate: samples per second.
        channels: audio channels.
        n_fft: STFT window, samples: short for attacks, long for tone.
        hop_samples: STFT stride, samples.
        num_bands: parts the spectrum is cut into.
        num_layers: down-sampling levels, each halving frames and frequencies.
        num_initial_filters: channels of the first level.
        filter_growth: channels that each further level adds.
        bottleneck: how many times the mixing of frequencies narrows a spectrum.
        heads: see `MaskingSeparator`.
        segment_seconds: what one pass sees when a long file is separated, seconds.
        slots: see `MaskingSeparator`.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "tiny": {},
        "micro": {"num_initial_filters": 12, "filter_growth": 12, "num_layers": 3},
        "base": {
            "hop_samples": 512, "num_layers": 4, "num_initial_filters": 56, "filter_growth": 40,
        },
    }  # fmt: skip

    def __init__(
        self,
        *,
        sources: tuple[str, ...] = (DRUMS, OTHER),
        sample_rate: int = 44100,
        channels: int = 2,
        n_fft: int = 2048,
        hop_samples: int = 1024,
        num_bands: int = 4,
        num_layers: int = 3,
        num_initial_filters: int = 16,
        filter_growth: int = 16,
        bottleneck: int = 8,
        heads: Heads = "residual",
        segment_seconds: float = 8.0,
        slots: int = 1,
    ) -> None:
        super().__init__(
            sources=sources, sample_rate=sample_rate, channels=channels, n_fft=n_fft, hop_samples=hop_samples,
            heads=heads, segment_seconds=segment_seconds, slots=slots,
        )  # fmt: skip
        require_positive(num_bands=num_bands, num_layers=num_layers, num_initial_filters=num_initial_filters,
                         bottleneck=bottleneck)  # fmt: skip
        num_bins = self.num_bins // num_bands
        if num_bins * num_bands * 2 != n_fft or num_bins % 2**num_layers:
            raise ConfigError(
                f"n_fft={n_fft}: half of it must divide by num_bands={num_bands} times 2^num_layers={2**num_layers}"
            )
        self.num_bands = num_bands
        self.num_layers = num_layers
        self.num_initial_filters = num_initial_filters
        self.filter_growth = filter_growth
        self.bottleneck = bottleneck

        inputs = 2 * channels * num_bands
        filters = [num_initial_filters + filter_growth * level for level in range(num_layers + 1)]
        self.first = nn.Conv2d(inputs, filters[0], 1, bias=False)
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        self.shrink, self.grow = nn.ModuleList(), nn.ModuleList()
        for level, (width, wider) in enumerate(pairwise(filters)):
            self.encoder.append(Block(width, width, num_bins >> level, bottleneck))
            self.shrink.append(nn.Sequential(nn.GroupNorm(1, width), nn.ReLU(), nn.Conv2d(width, wider, 2, stride=2)))
            self.grow.append(
                nn.Sequential(nn.GroupNorm(1, wider), nn.ReLU(), nn.ConvTranspose2d(wider, width, 2, stride=2))
            )
            self.decoder.append(Block(2 * width, width, num_bins >> level, bottleneck))
        self.middle = Block(filters[-1], filters[-1], num_bins >> num_layers, bottleneck)
        self.last = nn.Sequential(
            nn.Conv2d(filters[0] + inputs, filters[0], 1, bias=False), nn.ReLU(),
            nn.Conv2d(filters[0], self.num_masks * inputs, 1),
        )  # fmt: skip
        final = self.last[-1]
        assert isinstance(final, nn.Conv2d)
        assert final.bias is not None
        parts = final.bias.view(self.num_masks, num_bands, 2, channels)
        self.start_from_an_equal_share(final.weight, parts.movedim(1, -1))

    def masks(self, spectrum: Tensor) -> Tensor:
        """Predict masks; see `MaskingSeparator.masks`."""
        num_frames = spectrum.shape[2]
        x = spectrum.unflatten(-1, (self.num_bands, -1)).movedim(-2, 1)  # (B, bands, 2 C, T, F / bands)
        x = functional.pad(x.flatten(1, 2), (0, 0, 0, -num_frames % 2**self.num_layers))
        bands = x = x.contiguous(memory_format=torch.channels_last)  # twice as fast on a CPU
        x = self.first(x)
        skips = []
        for block, shrink in zip(self.encoder, self.shrink, strict=True):
            x = block(x)
            skips.append(x)
            x = shrink(x)
        x = self.middle(x)
        for block, grow in zip(reversed(self.decoder), reversed(self.grow), strict=True):
            x = block(torch.cat([grow(x), skips.pop()], dim=1))
        x = self.last(torch.cat([x, bands], dim=1))[..., :num_frames, :]
        x = x.unflatten(1, (self.num_masks, self.num_bands, -1)).movedim(2, -2)  # (B, masks, 2 C, T, bands, F / bands)
        return x.flatten(-2).flatten(1, 2)  # type: ignore[no-any-return]
