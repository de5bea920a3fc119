"""A band-split recurrent network, which may be causal."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dssgan.errors import ConfigError
from dssgan.separators.base import require_positive
from dssgan.separators.dual_path import DualPath, State
from dssgan.separators.masking import Heads, MaskingSeparator
from dssgan.types import DRUMS, OTHER

# Lower edges of the bands for drums, Hz: single partials of kick and toms lie below 250 Hz, the snare's body and its
# ring up to 1 kHz; above, noise alone is left, for which a few wide bands suffice.
EDGES_HZ = (
    0, 43, 86, 129, 172, 237, 323, 431, 560, 710, 900, 1150, 1500, 2000, 2600, 3400, 4400, 5600, 7000, 8800, 11000,
    13500, 16500,
)  # fmt: skip
FINE_EDGES_HZ = (
    *range(0, 1000, 50), *range(1000, 2000, 100), *range(2000, 4000, 250), *range(4000, 8000, 500),
    *range(8000, 16000, 1000), 16000, 19000,
)  # fmt: skip


class BandSplit(MaskingSeparator):
    """Predict complex masks band by band, with recurrence along time and over the bands.

    The causal one depends on at most `n_fft` samples ahead of its output. Source: Luo and Yu, "Music source separation
    with band-split RNN", 2022, sections 2 and 3.4 (the drums' bands), arXiv 2209.15174.

    Args:
        sources: names of the estimates, in order.
        sample_rate: samples per second.
        channels: audio channels.
        n_fft: STFT window, samples: short for attacks, long for tone.
        hop_samples: STFT stride, samples.
        edges_hz: lower edges of the bands, Hz, rising from 0. The last band reaches up to half the sample rate; bands
            without a bin of their own are joined with the next.
        width: features of a band.
        num_layers: recurrences along time and over bands.
        hidden: units of each LSTM in each direction.
        causal: look back only along time.
        heads: see `MaskingSeparator`.
        segment_seconds: what one pass sees when a long file is separated, seconds.
        slots: see `MaskingSeparator`.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "tiny": {},
        "causal": {"causal": True, "hop_samples": 512, "hidden": 64},
        "base": {"hop_samples": 512, "edges_hz": FINE_EDGES_HZ, "width": 80, "num_layers": 6, "hidden": 128},
    }

    def __init__(
        self,
        *,
        sources: tuple[str, ...] = (DRUMS, OTHER),
        sample_rate: int = 44100,
        channels: int = 2,
        n_fft: int = 2048,
        hop_samples: int = 1024,
        edges_hz: tuple[float, ...] = EDGES_HZ,
        width: int = 32,
        num_layers: int = 3,
        hidden: int = 40,
        causal: bool = False,
        heads: Heads = "residual",
        segment_seconds: float = 8.0,
        slots: int = 1,
    ) -> None:
        super().__init__(
            sources=sources, sample_rate=sample_rate, channels=channels, n_fft=n_fft, hop_samples=hop_samples,
            heads=heads, segment_seconds=segment_seconds, slots=slots,
        )  # fmt: skip
        require_positive(width=width, num_layers=num_layers, hidden=hidden)
        if not edges_hz or edges_hz[0] != 0 or any(lower >= upper for lower, upper in pairwise(edges_hz)):
            raise ConfigError(f"edges_hz={edges_hz}: must rise from 0")
        self.edges_hz = edges_hz
        self.width = width
        self.num_layers = num_layers
        self.hidden = hidden
        self.causal = causal

        starts = sorted({round(edge * n_fft / sample_rate) for edge in edges_hz if edge < sample_rate / 2})
        self.band_sizes = [stop - start for start, stop in pairwise((*starts, self.num_bins))]
        inputs = 2 * channels
        self.split = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(inputs * size), nn.Linear(inputs * size, width)) for size in self.band_sizes
        )
        self.core = nn.ModuleList(DualPath(width, hidden, causal=causal) for _ in range(num_layers))
        self.merge = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GLU(dim=-1),
                nn.Linear(width, self.num_masks * inputs * size),
            )
            for size in self.band_sizes
        )  # fmt: skip
        for layer, size in zip(self.merge, self.band_sizes, strict=True):
            last = layer[-1]  # type: ignore[index]
            self.start_from_an_equal_share(last.weight, last.bias.view(self.num_masks, 2, channels, size))

    def masks(self, spectrum: Tensor) -> Tensor:
        """Predict masks; see `MaskingSeparator.masks`."""
        return self.advance(spectrum, [None] * self.num_layers)[0]

    def advance(self, spectrum: Tensor, states: Sequence[State | None]) -> tuple[Tensor, list[State | None]]:
        """Predict masks of frames that come next, if the network is causal.

        Args:
            spectrum: as for `masks`.
            states: states of each layer after the frames before; None at the beginning.

        Returns:
            Masks, and the states after these frames.
        """
        parts = spectrum.transpose(1, 2).split(self.band_sizes, dim=-1)  # (B, T, 2 C, bins of the band)
        x = torch.stack([layer(part.flatten(2)) for layer, part in zip(self.split, parts, strict=True)], dim=1)
        after: list[State | None] = []
        for layer, state in zip(self.core, states, strict=True):
            x, state_after = layer.advance(x, state)  # type: ignore[operator]  # (B, bands, T, width)
            after.append(state_after)
        masks = [
            layer(x[:, band]).unflatten(-1, (-1, size))  # (B, T, masks 2 C, bins of the band)
            for band, (layer, size) in enumerate(zip(self.merge, self.band_sizes, strict=True))
        ]
        return torch.cat(masks, dim=-1).transpose(1, 2), after
