"""Songs by rule."""

from dataclasses import replace

import numpy as np

from dssgan.errors import ConfigError, unknown
from dssgan.synthesis import band, drummer
from dssgan.synthesis.form import choose_pulse, lay_out, sections
from dssgan.synthesis.genres import GENRES
from dssgan.synthesis.score import Song

_STREAM = 0x636F6D70  # keeps these draws apart from those of the renderer


def compose(seed: int, seconds: float, genre: str | None = None) -> Song:
    """Compose a song, the same for the same arguments on every machine.

    Args:
        seed: any number from zero up.
        seconds: length. A short song is a window of a whole one and may begin anywhere in its form.
        genre: a key of `GENRES`; None draws one.

    Returns:
        The song, every stroke and tone inside it.

    Raises:
        ConfigError: there is no such genre, or the length is not above zero.
    """
    if not seconds > 0:
        raise ConfigError(f"a song of {seconds} s: must be longer than nothing")
    generator = np.random.default_rng(np.random.SeedSequence([_STREAM, seed]))
    drawn = list(GENRES)[int(generator.integers(len(GENRES)))]
    name = drawn if genre is None else genre
    if name not in GENRES:
        raise ConfigError(unknown("genre", name, GENRES))
    style = GENRES[name]
    pulse = choose_pulse(style, generator)
    bars = lay_out(style, pulse, seconds, generator)
    hits, kicks = drummer.play(style, bars, generator)
    parts = band.play(style, bars, kicks, generator)
    return Song(
        name, seed, seconds, pulse.tempo, pulse.metre, pulse.swing, sections(bars, seconds),
        tuple(hit for hit in hits if hit.start_seconds < seconds),
        tuple(
            replace(part, notes=tuple(
                replace(note, seconds=min(note.seconds, seconds - note.start_seconds))
                for note in part.notes if note.start_seconds < seconds
            )) for part in parts if part.notes[0].start_seconds < seconds
        ),
    )  # fmt: skip
