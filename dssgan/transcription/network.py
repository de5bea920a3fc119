"""The network that hears strokes in the spectra of a kit's pieces."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dssgan.synthesis.score import STEMS
from dssgan.transcription.spectra import NUM_BANDS

STEM_NAMES = tuple(STEMS)
KINDS = tuple(piece for pieces in STEMS.values() for piece in pieces)  # what is struck, stem by stem


@dataclass(frozen=True)
class Heard:
    """What the network hears in every frame, with any dimensions before.

    Attributes:
        onsets: (..., frames, stems), logits of a stroke that begins there.
        kinds: (..., frames, kinds), logits of which of the stem's drums it is.
        velocities: (..., frames, stems), how hard it is struck, 0 to 1, as far as the frames around tell.
    """

    onsets: Tensor
    kinds: Tensor
    velocities: Tensor


class StrokeNetwork(nn.Module):
    """Convolutions over time and bands of all pieces together, then over time alone.

    All pieces are heard at once: what leaked from one into another is struck at the same time there, and softer.

    Args:
        num_filters: channels of the first convolutions.
        width: channels of those over time.
    """

    def __init__(self, num_filters: int = 16, width: int = 96) -> None:
        super().__init__()
        more = 2 * num_filters
        self.over_bands = nn.Sequential(
            nn.Conv2d(len(STEM_NAMES), num_filters, 3, padding=1), nn.BatchNorm2d(num_filters), nn.ReLU(),
            nn.Conv2d(num_filters, num_filters, 3, padding=1), nn.BatchNorm2d(num_filters), nn.ReLU(),
            nn.MaxPool2d((1, 4)),
            nn.Conv2d(num_filters, more, 3, padding=1), nn.BatchNorm2d(more), nn.ReLU(), nn.MaxPool2d((1, 2)),
        )  # fmt: skip
        layers: list[nn.Module] = []
        channels = more * (NUM_BANDS // 8)
        for dilation in (1, 2, 4):
            layers += [
                nn.Conv1d(channels, width, 5, padding=2 * dilation, dilation=dilation), nn.BatchNorm1d(width),
                nn.ReLU(),
            ]  # fmt: skip
            channels = width
        self.over_time = nn.Sequential(*layers)
        self.last = nn.Conv1d(width, 2 * len(STEM_NAMES) + len(KINDS), 1)

    @property
    def context_frames(self) -> int:
        """Frames to either side that what is heard in one depends on."""
        return 3 + 2 * (1 + 2 + 4)

    def forward(self, spectra: Tensor) -> Heard:
        """Listen.

        Args:
            spectra: (batch, frames, stems, bands), as `SpectrumStream` gives them.
        """
        x = self.over_bands(spectra.movedim(2, 1))  # (batch, channels, frames, bands)
        x = self.last(self.over_time(x.movedim(3, 2).flatten(1, 2))).mT
        onsets, kinds, velocities = x.split([len(STEM_NAMES), len(KINDS), len(STEM_NAMES)], dim=-1)
        return Heard(onsets, kinds, torch.sigmoid(velocities))
