"""Songs by rule, songs by rule that people drum, and songs that people wrote."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from dssgan.errors import ConfigError, DataError, unknown
from dssgan.synthesis import band, drummer, performances
from dssgan.synthesis.form import Pulse, choose_pulse, lay_out, sections
from dssgan.synthesis.genres import GENRES
from dssgan.synthesis.material import NO_MATERIAL, Material
from dssgan.synthesis.score import Song
from dssgan.synthesis.written import song_of

_LOGGER = logging.getLogger(__name__)
_STREAM = 0x636F6D70  # keeps these draws apart from those of the renderer
_DRUMMED_MACHINES = 0.3  # share of the songs of drum machines that a drummer plays, where there are any
_SWUNG = ("jazz", "blues")

OnProblem = Callable[[str], None]
_T = TypeVar("_T")


@cache
def _warn_once(line: str) -> None:
    _LOGGER.warning(line)


def compose(
    seed: int, seconds: float, genre: str | None = None, material: Material = NO_MATERIAL,
    on_problem: OnProblem = _warn_once,
) -> Song:  # fmt: skip
    """Compose a song, the same for the same arguments on every machine.

    Args:
        seed: any number from zero up.
        seconds: length. A short song is a window of a whole one and may begin anywhere in its form.
        genre: a key of `GENRES`; None draws one, and lets songs be written ones where there are any.
        material: performances that drummers play, and songs that people wrote.
        on_problem: called with a line for each file that cannot be used; another one takes its place.

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
    if genre is None and material.written and generator.random() < material.share:
        written = _first_readable(
            material.written, lambda path: song_of(path, material.written_credit, seed, seconds, generator),
            generator, on_problem,
        )  # fmt: skip
        if written is not None:
            return written
    style = GENRES[name]
    pulse, performance = choose_pulse(style, generator), None
    if material.drummers and (style.acoustic or generator.random() < _DRUMMED_MACHINES):
        candidates = performances.fitting(material.drummers, name)
        read = partial(performances.read_performance, electronic=material.electronic)
        performance = _first_readable(candidates, read, generator, on_problem)
    if performance is not None:
        pulse = Pulse(performance.tempo, performance.metre, pulse.swing if name in _SWUNG else 0.0)
    bars = lay_out(style, pulse, seconds, generator, steady=performance is not None)
    hits, kicks = (
        drummer.play(style, bars, generator) if performance is None else performances.play(performance, bars, generator)
    )
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
        style.acoustic, () if performance is None else (material.drummers_credit,),
    )  # fmt: skip


def _first_readable(
    paths: Sequence[Path], read: Callable[[Path], _T], generator: np.random.Generator, on_problem: OnProblem
) -> _T | None:
    """Read one of some files by chance, another where that fails; None where none can be read."""
    left = list(paths)
    while left:
        path = left.pop(int(generator.integers(len(left))))
        try:
            return read(path)
        except DataError as error:
            on_problem(str(error))
    return None
