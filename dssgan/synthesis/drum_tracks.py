"""Drums played on kits: a track for each stem."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dssgan.synthesis import bus, kits, mixing, noises
from dssgan.synthesis.kit import Kit
from dssgan.synthesis.score import STEM_OF, Hit, Song
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

# level against the bass drum, dB
_PIECES_DB = {
    "kick": 0.0, "snare": 0.0, "sidestick": -5.0, "clap": -3.0, "closed_hat": -11.0, "pedal_hat": -14.0,
    "open_hat": -10.0,
    "low_tom": -2.0, "mid_tom": -2.0, "high_tom": -2.0, "crash": -7.0, "ride": -10.0, "ride_bell": -10.0, "china": -8.0,
    "splash": -9.0, "tambourine": -13.0, "shaker": -14.0, "cowbell": -11.0, "clave": -11.0, "low_conga": -7.0,
    "high_conga": -7.0, "timbale": -7.0,
}  # fmt: skip
_PANS = {
    "closed_hat": 0.3, "pedal_hat": 0.3, "open_hat": 0.3, "crash": -0.5, "ride": -0.4, "ride_bell": -0.4, "china": 0.6,
    "splash": 0.4, "low_tom": -0.5, "mid_tom": 0.0, "high_tom": 0.4, "tambourine": 0.5, "shaker": -0.6, "cowbell": 0.4,
    "clave": -0.4, "low_conga": 0.5, "high_conga": 0.4, "timbale": -0.5,
}  # fmt: skip
# what stands in for a piece that no kit has
_NEAREST = {"ride_bell": "ride", "pedal_hat": "closed_hat", "china": "crash", "splash": "crash", "sidestick": "snare"}
_HALF_OPEN = 0.15  # from which opening on a hi-hat rings until it is closed
_BRUSHED_GENRES, _BRUSHED = ("jazz", "ballad"), 0.4
_BRUSHES = "brushes"


@dataclass(frozen=True)
class DrumTracks:
    """Drums as recorded and mixed.

    Attributes:
        stems: (2, samples) at 44.1 kHz each, which add up to the drums; those that are struck, or all in one.
        kits: the kit of each piece that sounds, by name, or "brushes".
        microphones: names of the microphones in which every piece sounds, where a kit has several.
        credits: the kits' makers, with licences.
    """

    stems: dict[str, Audio]
    kits: dict[str, str]
    microphones: tuple[str, ...]
    credits: frozenset[str]


def record(
    song: Song, generator: np.random.Generator, *, apart: bool, named: frozenset[str] | None = None
) -> DrumTracks:
    """Play a song's drums on kits of this machine, and put them through their bus.

    Args:
        song: the song.
        generator: random generator; drawn from alike whether stems are apart or not.
        apart: give a stem for each of `score.STEMS` that is struck; else one for all, "drums".
        named: the kits that may be played, by name; None for all.

    Raises:
        DataError: this machine has no kits.
    """
    available = tuple(kit for kit in kits.find() if named is None or kit.name in named)
    fitting = [kit for kit in available if kit.electronic != song.acoustic or generator.random() < 0.1] or list(
        available
    )
    complete = [kit for kit in fitting if {"kick", "snare", "closed_hat"} <= kit.loaders.keys()] or fitting
    main = complete[int(generator.integers(len(complete)))]
    width = generator.uniform(0.2, 1.0)
    borrowing = 0.08 if song.acoustic else 0.3  # people play one kit, producers pick sounds
    brushed = song.genre in _BRUSHED_GENRES and generator.random() < _BRUSHED
    shape = (2, round(song.seconds * SAMPLE_RATE))
    stems: dict[str, Audio] = {}
    used: dict[str, Kit] = {}
    names: dict[str, str] = {}
    for piece in sorted({hit.piece for hit in song.hits}):
        stem_name = STEM_OF[piece] if apart else "drums"
        if brushed and piece == "snare":
            stem = stems.setdefault(stem_name, np.zeros(shape, np.float32))
            stem += noises.brushes([hit for hit in song.hits if hit.piece == piece], song, generator)
            names[piece] = _BRUSHES
            continue
        gain = mixing.decibels(_PIECES_DB[piece] + generator.normal(0, 3.5))
        played, kit = _choose(piece, main, fitting, available, borrowing, generator)
        if kit is not None:
            used[piece] = kit
            names[piece] = kit.name
            gains = mixing.pan(_PANS.get(piece, 0.0) * width) * gain
            stem = stems.setdefault(stem_name, np.zeros(shape, np.float32))
            _strike(stem, song.hits, piece, played, kit, gains, generator)
    if not stems:
        stems["drums"] = np.zeros(shape, np.float32)
    return DrumTracks(
        bus.drum_bus(stems, generator), names,
        tuple(sorted({name for kit in used.values() for name in kit.microphones})),
        frozenset(kit.credit for kit in used.values()),
    )  # fmt: skip


def _choose(
    piece: str, main: Kit, fitting: Sequence[Kit], available: Sequence[Kit], borrowing: float,
    generator: np.random.Generator,
) -> tuple[str, Kit | None]:  # fmt: skip
    """Choose the kit of a piece, mostly the song's own, and what that calls the piece or the nearest that it has."""
    if piece not in main.loaders and _NEAREST.get(piece) in main.loaders:
        piece = _NEAREST[piece]
    owners = [kit for kit in fitting if piece in kit.loaders] or [kit for kit in available if piece in kit.loaders]
    if not owners:
        return piece, None
    kit = owners[int(generator.integers(len(owners)))]
    return piece, main if piece in main.loaders and generator.random() > borrowing else kit


def _strike(
    track: Audio, hits: Sequence[Hit], piece: str, played: str, kit: Kit, gains: NDArray[np.float32],
    generator: np.random.Generator,
) -> None:  # fmt: skip
    """Add every stroke on a piece to a track, times the gains of left and right.

    Args:
        track: (2, samples), changed in place.
        hits: all strokes of the song.
        piece: the piece.
        played: what the kit calls it.
        kit: the kit.
        gains: (2, 1).
        generator: random generator.
    """
    tuning = 2 ** (generator.uniform(-2.5, 2.5) / 12)
    tuned: dict[tuple[int, int, int], Audio] = {}
    closings = _times(hits, kit.muted_by.get(piece, frozenset()))
    hat_closings = _times(hits, kit.muted_by.get("open_hat", frozenset())) if piece == "closed_hat" else closings
    fade = round(kit.fade_seconds(played) * SAMPLE_RATE)
    for number, hit in enumerate(hit for hit in hits if hit.piece == piece):
        layers = kit.layers(played, hit.opening)
        if not layers:
            continue
        index = next((index for index, layer in enumerate(layers) if hit.velocity <= layer.most), len(layers) - 1)
        turn = number % len(layers[index].strokes)
        key = id(layers), index, turn
        if key not in tuned:
            tuned[key] = _tuned(layers[index].strokes[turn], tuning) * gains
        rings = hat_closings if (hit.opening or 0) > _HALF_OPEN else closings
        stroke = _muted(tuned[key], hit, rings, fade)
        start = round(hit.start_seconds * SAMPLE_RATE)
        part = track[:, start : start + stroke.shape[1]]
        part += stroke[:, : part.shape[1]] * np.float32(mixing.dynamics(hit.velocity, len(layers)))


def _times(hits: Sequence[Hit], pieces: frozenset[str]) -> NDArray[np.float64]:
    return np.array([hit.start_seconds for hit in hits if hit.piece in pieces])


def _tuned(stroke: Audio, ratio: float) -> Audio:
    return mixing.read_at(stroke, np.arange(0, max(stroke.shape[1] - 1, 0), ratio))


def _muted(stroke: Audio, hit: Hit, closings: NDArray[np.float64], fade: int) -> Audio:
    """End a stroke where another one or a hand mutes it."""
    index = int(np.searchsorted(closings, hit.start_seconds + 0.02, side="right"))
    ends = [float(closings[index])] if index < len(closings) else []
    if hit.muted_seconds is not None:
        ends.append(hit.muted_seconds)
    end = max(round((min(ends) - hit.start_seconds) * SAMPLE_RATE), 0) if ends else stroke.shape[1]
    if end >= stroke.shape[1]:
        return stroke
    kept = np.array(stroke[:, : end + fade])
    kept[:, end:] *= np.linspace(1, 0, kept.shape[1] - end, dtype=np.float32)
    return kept
