"""A light sparse-compression network: fine where low frequencies are, coarse above."""

from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssgan.separators.base import require_positive
from dssgan.separators.dual_path import DualPath
from dssgan.separators.masking import Heads, MaskingSeparator
from dssgan.types import DRUMS, OTHER

# Of a spectrum: the share of its cells in each of three bands, and by how much a layer thins each of them. Most of what
# distinguishes sources is at low frequencies. Source: Tong et al. 2024, table 1.
SHARES = (0.175, 0.392, 0.433)
STRIDES = (1, 4, 16)
KERNELS = (3, 4, 16)


def cut_sizes(num_cells: int) -> tuple[int, ...]:
    """Cut a spectrum into the three bands.

    Args:
        num_cells: its frequency cells, at least 3.

    Returns:
        Cells of each band, low to high; each at least one.
    """
    low = max(1, round(num_cells * SHARES[0]))
    middle = max(1, round(num_cells * SHARES[1]))
    return low, middle, num_cells - low - middle


def thinned_sizes(num_cells: int) -> tuple[int, ...]:
    """Count what a layer leaves of each band; see `cut_sizes`."""
    return tuple(-(-size // stride) for size, stride in zip(cut_sizes(num_cells), STRIDES, strict=True))


class Convolutions(nn.Module):
    """Gated convolutions along frequency, each added to what was there.

    Source: Tong et al. 2024, section 2.2 (after the Conformer's convolution module, Gulati et al. 2020,
    arXiv 2005.08100).

    Args:
        channels: channels of the map.
        depth: how many.
        compression: how many times narrower the inside is.
    """

    def __init__(self, channels: int, depth: int, compression: int = 4) -> None:
        super().__init__()
        inside = max(4, channels // compression)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(1, channels), nn.Conv2d(channels, 2 * inside, (1, 3), padding=(0, 1)), nn.GLU(dim=1),
                nn.Conv2d(inside, inside, (1, 3), padding=(0, 1), groups=inside), nn.GroupNorm(1, inside), nn.SiLU(),
                nn.Conv2d(inside, channels, 1),
            )
            for _ in range(depth)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Transform: (batch, channels, frames, cells) to the same shape."""
        for layer in self.layers:
            x = x + layer(x)
        return x


class Thin(nn.Module):
    """Thin a spectrum out, the higher the band the more.

    Args:
        channels_in: channels of the input.
        channels: channels of the output.
        depths: convolutions after each band's thinning, low to high.
    """

    def __init__(self, channels_in: int, channels: int, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.shrink = nn.ModuleList(
            nn.Conv2d(channels_in, channels, (1, kernel), stride=(1, stride))
            for kernel, stride in zip(KERNELS, STRIDES, strict=True)
        )
        self.refine = nn.ModuleList(Convolutions(channels, depth) for depth in depths)
        self.join = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Transform: (batch, channels_in, frames, cells) to (batch, channels, frames, sum of `thinned_sizes`)."""
        parts = []
        for index, part in enumerate(x.split(cut_sizes(x.shape[-1]), dim=-1)):
            kernel, stride = KERNELS[index], STRIDES[index]
            missing = (-(-part.shape[-1] // stride) - 1) * stride + kernel - part.shape[-1]
            shrunk = self.shrink[index](functional.pad(part, (missing // 2, missing - missing // 2)))
            parts.append(functional.silu(self.refine[index](shrunk)))
        return self.join(torch.cat(parts, dim=-1))  # type: ignore[no-any-return]


class Thicken(nn.Module):
    """Undo a `Thin` with what was there before it.

    Args:
        channels_in: channels of the input.
        channels: channels of the output.
    """

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.fuse = nn.Sequential(nn.Conv2d(channels_in, 2 * channels_in, 3, padding=1), nn.GLU(dim=1))
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(channels_in, channels, (1, kernel), stride=(1, stride))
            for kernel, stride in zip(KERNELS, STRIDES, strict=True)
        )

    def forward(self, x: Tensor, skip: Tensor, num_cells: int) -> Tensor:
        """Transform.

        Args:
            x: (batch, channels_in, frames, cells).
            skip: what `Thin` gave, the same shape.
            num_cells: what `Thin` got.

        Returns:
            (batch, channels, frames, num_cells).
        """
        x = self.fuse(x + skip)
        sizes = cut_sizes(num_cells)
        parts = []
        for index, part in enumerate(x.split(thinned_sizes(num_cells), dim=-1)):
            grown = self.grow[index](part)
            before = (grown.shape[-1] - sizes[index]) // 2
            parts.append(grown[..., before : before + sizes[index]])
        return torch.cat(parts, dim=-1)


class SCLite(MaskingSeparator):
    """Predict complex masks on a spectrum that is thinned in three bands, with recurrence along time and frequency.

    Unlike the original, its core has no Fourier layers (ONNX has none to export), and it masks where the original maps.
    Source: Tong et al., "SCNet: sparse compression network for music source separation", 2024, section 2,
    arXiv 2401.13276.

    Args:
        sources: names of the estimates, in order.
        sample_rate: samples per second.
        channels: audio channels.
        n_fft: STFT window, samples: short for attacks, long for tone.
        hop_samples: STFT stride, samples.
        widths: channels after each thinning.
        depths: convolutions after each band's thinning, low to high.
        num_layers: recurrences along time and frequency.
        hidden: units of each LSTM in each direction.
        heads: see `MaskingSeparator`.
        segment_seconds: what one pass sees when a long file is separated, seconds.
        slots: see `MaskingSeparator`.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "tiny": {},
        "base": {"hop_samples": 512, "widths": (40, 80, 128), "num_layers": 5, "hidden": 128},
    }

    def __init__(
        self,
        *,
        sources: tuple[str, ...] = (DRUMS, OTHER),
        sample_rate: int = 44100,
        channels: int = 2,
        n_fft: int = 2048,
        hop_samples: int = 1024,
        widths: tuple[int, ...] = (16, 32, 56),
        depths: tuple[int, int, int] = (3, 2, 1),
        num_layers: int = 2,
        hidden: int = 56,
        heads: Heads = "residual",
        segment_seconds: float = 8.0,
        slots: int = 1,
    ) -> None:
        super().__init__(
            sources=sources, sample_rate=sample_rate, channels=channels, n_fft=n_fft, hop_samples=hop_samples,
            heads=heads, segment_seconds=segment_seconds, slots=slots,
        )  # fmt: skip
        require_positive(num_layers=num_layers, hidden=hidden, num_widths=len(widths), narrowest=min(widths, default=0))
        self.widths = widths
        self.depths = depths
        self.num_layers = num_layers
        self.hidden = hidden

        inputs = 2 * channels
        self.encoder = nn.ModuleList(Thin(narrow, wide, depths) for narrow, wide in pairwise((inputs, *widths)))
        self.core = nn.ModuleList(DualPath(widths[-1], hidden) for _ in range(num_layers))
        outputs = (self.num_masks * inputs, *widths)
        self.decoder = nn.ModuleList(Thicken(wide, narrow) for narrow, wide in pairwise(outputs))
        for grow in self.decoder[0].grow:  # type: ignore[union-attr]
            self.start_from_an_equal_share(grow.weight, grow.bias.view(self.num_masks, 2, channels))

    def masks(self, spectrum: Tensor) -> Tensor:
        """Predict masks; see `MaskingSeparator.masks`."""
        x, skips, sizes = spectrum, [], []
        for layer in self.encoder:
            sizes.append(x.shape[-1])
            x = layer(x)
            skips.append(x)
        x = x.permute(0, 3, 2, 1)  # (B, cells, T, width)
        for layer in self.core:
            x = layer(x)
        x = x.permute(0, 3, 2, 1)
        for layer in reversed(self.decoder):
            x = layer(x, skips.pop(), sizes.pop())
        return x
