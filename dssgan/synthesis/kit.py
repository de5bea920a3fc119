"""A drum kit: recorded strokes by piece, strength and, of a hi-hat, how far it is open."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

MAX_SECONDS = 4.0  # of a stroke

_ELECTRONIC = re.compile(r"808|electr|vari|rumpf", re.IGNORECASE)
_TAIL_DB = -66.0
_HATS = ("closed_hat", "open_hat")
_CLOSING = ("closed_hat", "pedal_hat")
_MUTE_SECONDS = 0.03  # how long an open hi-hat takes to close


@dataclass(frozen=True)
class Layer:
    """Strokes of about one strength.

    Attributes:
        most: velocity up to which they are used, 0 to 1.
        strokes: recordings, (2, samples) at 44.1 kHz each; taken in turn.
    """

    most: float
    strokes: tuple[Audio, ...]


Loader = Callable[[], tuple[Layer, ...]]


@dataclass(frozen=True)
class Kit:
    """A drum kit; a piece is decoded when it is first wanted.

    Attributes:
        name: what it is called.
        credit: the makers, and the licence.
        electronic: made by machines.
        loaders: for each piece how to read its layers.
        hats: for a hi-hat that was recorded at several openings, from closed to open: the opening up to which each is
            used, 0 to 1, and how to read its layers.
        muted_by: for a piece the pieces whose strokes mute it.
        mute_seconds: how long each piece takes to fade once it is muted, where the kit says so.
        microphones: names of its microphones, where several were added up.
    """

    name: str
    credit: str
    electronic: bool
    loaders: Mapping[str, Loader]
    hats: tuple[tuple[float, Loader], ...] = ()
    muted_by: Mapping[str, frozenset[str]] = field(default_factory=lambda: {"open_hat": frozenset(_CLOSING)})
    mute_seconds: Mapping[str, float] = field(default_factory=dict)
    microphones: tuple[str, ...] = ()

    @cached_property
    def _loaded(self) -> dict[tuple[str, int], tuple[Layer, ...]]:
        return {}

    def fade_seconds(self, piece: str) -> float:
        """Return how long a piece takes to fade once it is muted."""
        return self.mute_seconds.get(piece, _MUTE_SECONDS)

    def layers(self, piece: str, opening: float | None = None) -> tuple[Layer, ...]:
        """Read a piece's layers, softest first.

        Args:
            piece: a key of `loaders`.
            opening: how far a hi-hat is open, 0 closed to 1; None for what the piece's name says.

        Raises:
            DssganError: a recording is missing or broken.
        """
        loader, number = self.loaders[piece], -1
        if opening is not None and piece in _HATS and self.hats:
            number = next((index for index, (most, _) in enumerate(self.hats) if opening <= most), len(self.hats) - 1)
            loader = self.hats[number][1]
            piece = "hats"
        if (piece, number) not in self._loaded:
            layers = loader()
            # kits differ by 20 dB in level; the mix decides how loud a piece is
            peaks = [float(np.abs(stroke).max(initial=0.0)) for layer in layers for stroke in layer.strokes]
            peak = max(peaks, default=0.0) or 1.0
            scaled = tuple(Layer(layer.most, tuple(stroke / peak for stroke in layer.strokes)) for layer in layers)
            self._loaded[piece, number] = scaled
        return self._loaded[piece, number]


def is_electronic(name: str) -> bool:
    """Whether a kit's name says that machines made it."""
    return bool(_ELECTRONIC.search(name))


def trimmed(stroke: Audio) -> Audio:
    """Cut silence before a stroke and after it has died away, with a short fade."""
    level = np.abs(stroke).max(axis=0)
    loud = np.flatnonzero(level > (level.max() if level.size else 0.0) * 10 ** (_TAIL_DB / 20))
    if not loud.size or level.max() == 0:
        return np.zeros((2, 0), np.float32)
    first = max(int(loud[0]) - 32, 0)
    stroke = np.array(stroke[:, first : min(int(loud[-1]) + 1, first + round(MAX_SECONDS * SAMPLE_RATE))])
    fade = min(stroke.shape[1], 441)
    stroke[:, stroke.shape[1] - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return stroke
