"""Songs that people wrote: MIDI files as songs to be rendered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from dssgan.errors import DataError
from dssgan.synthesis import gm
from dssgan.synthesis.midi_file import EXPRESSION, PAN, VOLUME, Channel, MidiFile, MidiNote, read_midi, value_at
from dssgan.synthesis.performances import strokes_of
from dssgan.synthesis.score import WRITTEN, Curve, Hit, Note, Part, Song, SongSection

_MAX_TRANSPOSITION = 3  # semitones
_MAX_STRETCH = 0.08  # of the tempo
_SHORTEST_FILE_SECONDS = 5.0
_FEWEST_NOTES = 8
_SHORTEST_SECONDS = 0.03
_CUT_SECONDS = 0.25  # what is left of a tone that began before the song does is played from here on
_USUAL_VOLUME = 100  # of a channel that says nothing
_MOST_DB = 6.0
_SUNG = 0.35  # share of the melodies that voices sing
_MONOPHONIC = 0.9  # share of a melody's notes that begin after the one before has ended
_OVERLAP_SECONDS = 0.06
# roles of General MIDI's families of eight programs; None for what is struck, or is no tone
_ROLES = (
    "keys", "keys", "keys", "guitar", "bass", "strings", "pad", "brass", "lead", "lead", "lead", "pad", "pad", "guitar",
    None, None,
)  # fmt: skip
_TUNED_PERCUSSION = {108: "keys", 112: "keys", 114: "keys"}  # kalimba, bells, steel drums
_CHOIR = (52, 53, 54)


@lru_cache(maxsize=16)
def _read(path: Path) -> MidiFile:
    content = read_midi(path)
    if content.seconds < _SHORTEST_FILE_SECONDS:
        raise DataError(f"{path}: plays for {content.seconds:.1f} s, which is no song; leave it out")
    if not any(map(_role, {note.program for channel in content.tonal.values() for note in channel.notes})):
        raise DataError(f"{path}: has nothing but drums; leave it out, or play it with --drummers")
    return content


def song_of(path: Path, credit: str, seed: int, seconds: float, generator: np.random.Generator) -> Song:
    """Make a song of a window of a MIDI file, a little higher or lower and faster or slower than it is written.

    Args:
        path: the file.
        credit: who wrote it, and the licence.
        seed: what the song is called after.
        seconds: length of the window, which is anywhere in the file; a shorter file begins again.
        generator: random generator.

    Raises:
        DataError: the file cannot be read, or has nothing but drums.
    """
    content = _read(path)
    stretch = float(np.exp(generator.uniform(-_MAX_STRETCH, _MAX_STRETCH)))
    transposition = int(generator.integers(-_MAX_TRANSPOSITION, _MAX_TRANSPOSITION + 1))
    window = _Window(float(generator.uniform(0, max(content.seconds - seconds / stretch, 0.0))), stretch, seconds)
    repeats = [content.seconds * turn for turn in range(int(window.end // content.seconds) + 1)]
    parts = [
        part
        for channel in content.tonal.values()
        for part in _parts(channel, window, repeats, transposition, generator)
    ]
    strokes = strokes_of(content)
    hits = [hit for offset in repeats for hit in window.hits(strokes, offset)]
    tempo = value_at(content.tempos, window.start % content.seconds, 120.0) / stretch
    metre = value_at(content.metres, window.start % content.seconds, (4, 4))
    electronic = sum(len(part.notes) for part in parts if part.program in gm.SYNTH_BASS + gm.SYNTH_LEAD + gm.SYNTH_PAD)
    return Song(
        WRITTEN, seed, seconds, tempo, metre, 0.0, (SongSection(WRITTEN, 0.0, seconds, 0.8),),
        tuple(sorted(hits, key=lambda hit: (hit.start_seconds, hit.piece))), tuple(parts),
        acoustic=electronic * 2 <= sum(len(part.notes) for part in parts), credits=(credit,),
    )  # fmt: skip


@dataclass(frozen=True)
class _Window:
    """Which seconds of a file become the song.

    Attributes:
        start: where it begins in the file.
        stretch: how much longer everything takes.
        seconds: length of the song.
    """

    start: float
    stretch: float
    seconds: float

    @property
    def end(self) -> float:
        """Where it ends in the file."""
        return self.start + self.seconds / self.stretch

    def time(self, seconds: float, offset: float) -> float:
        """Return when something sounds in the song, in a repeat of the file `offset` seconds after the first."""
        return (seconds + offset - self.start) * self.stretch

    def notes(self, notes: Iterable[MidiNote], offset: float, transposition: int) -> list[Note]:
        inside = []
        for note in notes:
            start = self.time(note.start_seconds, offset)
            end = start + note.seconds * self.stretch
            if start >= self.seconds or end <= 0 or (start < 0 and end < _CUT_SECONDS):
                continue
            start = max(start, 0.0)
            seconds = max(min(end, self.seconds) - start, min(_SHORTEST_SECONDS, self.seconds - start))
            pitch = int(np.clip(note.key + transposition, 0, 127))
            inside.append(Note(start, seconds, pitch, max(note.velocity, 1) / 127))
        return inside

    def hits(self, hits: Iterable[Hit], offset: float) -> list[Hit]:
        moved = [hit.moved(lambda seconds: self.time(seconds, offset)) for hit in hits]
        return [hit for hit in moved if 0 <= hit.start_seconds < self.seconds]

    def curve(self, points: Sequence[tuple[float, float]], repeats: Sequence[float]) -> Curve:
        """Return what holds at the song's start, and every change in it, in order."""
        # what a file changes after its last tone would come amid its next repeat
        length = repeats[1] - repeats[0] if len(repeats) > 1 else float("inf")
        moved = [(self.time(at, offset), value) for offset in repeats for at, value in points if at < length]
        before = [value for at, value in moved if at <= 0]
        inside = [(at, value) for at, value in moved if 0 < at < self.seconds]
        return ((0.0, before[-1]), *inside) if before else tuple(inside)


def _parts(
    channel: Channel, window: _Window, repeats: Sequence[float], transposition: int, generator: np.random.Generator
) -> Iterable[Part]:
    """Yield a part for each program of a channel that plays in the window."""
    bends = window.curve(channel.bends, repeats)
    pans = window.curve([(at, (value - 64) / 64) for at, value in channel.controllers.get(PAN, [])], repeats)
    levels_db = window.curve(_levels_db(channel), repeats)
    for program in sorted({note.program for note in channel.notes}):
        role = _role(program)
        if role is None:
            continue
        own = [note for note in channel.notes if note.program == program]
        notes = sorted(
            (note for offset in repeats for note in window.notes(own, offset, transposition)),
            key=lambda note: (note.start_seconds, note.pitch),
        )
        if not notes:
            continue
        if (role == "lead" or program in _CHOIR) and _is_melody(notes) and generator.random() < _SUNG:
            role = "vocals"
        yield Part(role, program, tuple(notes), bends, levels_db, pans)


def _role(program: int) -> str | None:
    return _TUNED_PERCUSSION.get(program, _ROLES[program // 8])


def _is_melody(notes: Sequence[Note]) -> bool:
    apart = sum(
        after.start_seconds >= note.start_seconds + note.seconds - _OVERLAP_SECONDS for note, after in pairwise(notes)
    )
    return len(notes) >= _FEWEST_NOTES and apart >= _MONOPHONIC * (len(notes) - 1)


def _levels_db(channel: Channel) -> list[tuple[float, float]]:
    """Return volume times expression in time, as General MIDI reads them, against a channel that says nothing."""
    changes = sorted({at for number in (VOLUME, EXPRESSION) for at, _ in channel.controllers.get(number, [])})
    return [(at, _level_db(channel, at)) for at in changes]


def _level_db(channel: Channel, seconds: float) -> float:
    volume = value_at(channel.controllers.get(VOLUME, []), seconds, _USUAL_VOLUME) / _USUAL_VOLUME
    expression = value_at(channel.controllers.get(EXPRESSION, []), seconds, 127) / 127
    return min(40 * float(np.log10(max(volume * expression, 1e-3))), _MOST_DB)
