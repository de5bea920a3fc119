"""Songs played, recorded and mixed."""

from dataclasses import dataclass, field

import numpy as np

from dssgan.errors import DataError
from dssgan.synthesis import band_tracks, bus, drum_tracks, mixing
from dssgan.synthesis.score import STEMS, Song
from dssgan.types import Audio

SOURCES = ("drums", "other")

_STREAM = 0x72656E64  # keeps these draws apart from those of the composer


@dataclass(frozen=True)
class RenderedSong:
    """A song as audio.

    Attributes:
        mix: (2, samples) at 44.1 kHz; the sum of drums and other, unless it was coloured.
        drums: (2, samples).
        other: (2, samples).
        credits: who wrote, played and made what is heard, with licences, a line each.
        coloured: saturation or a codec has been over the mix.
        pieces: (2, samples) for each of `dssgan.synthesis.score.STEMS` that is struck, which add up to the
            drums; empty where they were not wanted.
        kits: name of the kit that each piece was played on; of pieces that no kit has there is none, and no sound.
        microphones: names of the microphones in which every piece sounds, where a kit has several.
    """

    mix: Audio
    drums: Audio
    other: Audio
    credits: tuple[str, ...]
    coloured: bool
    pieces: dict[str, Audio] = field(default_factory=dict)
    kits: dict[str, str] = field(default_factory=dict)
    microphones: tuple[str, ...] = ()


def render(
    song: Song, *, colour: bool = True, pieces: bool = False, kits: frozenset[str] | None = None
) -> RenderedSong:
    """Play a song on this machine's instruments and mix it, the same for the same song and instruments.

    Args:
        song: what is played; its seed also draws the instruments, rooms and levels.
        colour: let some mixes be saturated or pass through an MP3 coder; the sources never are.
        pieces: give the pieces of the drums, too, which takes longer.
        kits: names of the drum kits that may be played; None for all.

    Raises:
        DataError: there are no instruments, or their libraries are not installed.
    """
    try:
        import pedalboard  # noqa: F401  (looked for before anything is played)
    except ImportError as error:
        raise DataError(
            "synthetic songs need packages that are not installed: `pip install dssgan[synthetic]`"
        ) from error
    generator = np.random.default_rng(np.random.SeedSequence([_STREAM, song.seed]))
    recorded = drum_tracks.record(song, generator, apart=pieces, named=kits)
    other, credits_ = band_tracks.record(song, generator)
    drums, other = _balance(song, recorded.stems, other, generator)
    mixed = bus.master(drums | {"other": other}, generator)
    other = mixed.pop("other")
    total = bus.total(mixed)
    mix = total + other
    coloured = bus.colour(mix, generator) if colour else None
    return RenderedSong(
        mix if coloured is None else coloured, total, other,
        tuple(sorted({*song.credits, *credits_, *recorded.credits})), coloured is not None,
        {name: stem for name, stem in mixed.items() if name in STEMS},
        recorded.kits, recorded.microphones,
    )  # fmt: skip


def _balance(
    song: Song, drums: dict[str, Audio], other: Audio, generator: np.random.Generator
) -> tuple[dict[str, Audio], Audio]:
    """Set the drums' level against the rest, as widely as real mixes differ."""
    if not song.acoustic and generator.random() < 0.6:
        kicks = [hit.start_seconds for hit in song.hits if hit.piece == "kick"]
        other = bus.pump(other, kicks, generator.uniform(2, 14), generator.uniform(0.12, 0.35))
    loudness = mixing.level(bus.total(drums)), mixing.level(other)
    wanted_db = float(np.clip(generator.normal(-3.5, 4.5), -14, 6))
    if min(loudness) > 0:
        gain = mixing.decibels(wanted_db) * np.float32(loudness[1] / loudness[0])
        drums = {name: stem * gain for name, stem in drums.items()}
    return drums, other
