"""Drums as people played them: MIDI files of drummers, in place of the drummer by rule."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from dssgan.errors import DataError
from dssgan.synthesis.form import Bar
from dssgan.synthesis.gm import BONGO_KEYS, DRUM_KEYS, ELECTRONIC_KIT_KEYS, Keys
from dssgan.synthesis.midi_file import HAT_PEDAL, MidiFile, read_midi, value_at
from dssgan.synthesis.score import Hit

_TABLE = "info.csv"  # the Groove MIDI Dataset's own description of its files

# styles of performances for each genre, as the Groove MIDI Dataset names them, the most fitting first
STYLES: dict[str, tuple[str, ...]] = {
    "hip_hop": ("hiphop",), "trap": ("hiphop",), "rock": ("rock", "blues"), "metal": ("rock", "punk"),
    "funk": ("funk", "neworleans", "afrobeat", "gospel"), "jazz": ("jazz", "neworleans"),
    "latin": ("latin", "afrocuban", "afrobeat", "highlife", "middleeastern"), "ballad": ("pop", "soul", "rock"),
    "reggae": ("reggae",), "country": ("country",), "punk": ("punk", "rock"), "blues": ("blues", "rock"),
    "soul": ("soul", "gospel", "funk"), "house": ("dance",), "synth_pop": ("pop", "dance"),
    "techno": ("dance",), "drum_and_bass": ("dance", "hiphop"),
}  # fmt: skip
_SHORTEST_BARS = 2
_EARLY_SECONDS = 0.06  # how much before a bar its first stroke may come
_PEDAL_DOWN = 64  # the least value of a hi-hat pedal that can mean closed
_HALF_OPEN = 0.35  # the most and the least that a hi-hat is open where its key says closed or open
_EDGES = {22, 26}  # keys that only Roland's electronic kits send: the edge of a hi-hat
_CHOKED = ("crash", "ride", "ride_bell", "china", "splash")
_RESOLUTION_SECONDS = 1e-3
# In the Groove MIDI Dataset 99 % of the kicks that follow another by 50 to 70 ms have velocities of 0.15 or less: the
# beater bounces on the pad. No drummer plays two kicks so fast, the second one so softly.
_BOUNCE_SECONDS = 0.09
_BOUNCE_VELOCITY = 0.15


@dataclass(frozen=True)
class Performance:
    """A drummer's recording as MIDI.

    Attributes:
        tempo: quarter notes a minute.
        metre: beats a bar and their note value.
        seconds: its length.
        strokes: what is struck, in order.
    """

    tempo: float
    metre: tuple[int, int]
    seconds: float
    strokes: tuple[Hit, ...]

    @property
    def bar_seconds(self) -> float:
        """Length of a bar."""
        return 60 / self.tempo * 4 * self.metre[0] / self.metre[1]

    @property
    def num_bars(self) -> int:
        """Whole bars; one that is nearly whole counts."""
        return int(self.seconds / self.bar_seconds + 0.25)


def styles_of(folder: Path) -> dict[Path, str]:
    """List a folder's MIDI files with their styles, "" where that is not known.

    Args:
        folder: MIDI files in any depth. A table `info.csv` as the Groove MIDI Dataset has it tells the styles, and
            which files are fills or shorter than two bars, which are left out.

    Raises:
        DataError: the table is not readable.
    """
    table = folder / _TABLE
    styles = dict.fromkeys(midi_files(folder), "")
    if not is_groove(folder):
        return styles
    try:
        with table.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                path = folder / row["midi_filename"]
                if path in styles:
                    styles[path] = row["style"].partition("/")[0]
                    if row["beat_type"] != "beat" or _num_bars(row) < _SHORTEST_BARS:
                        del styles[path]
    except (OSError, KeyError, ValueError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise DataError(f"{table}: not the table of the Groove MIDI Dataset ({error}); take it away") from error
    return styles


def _num_bars(row: Mapping[str, str]) -> int:
    beats, value = map(int, row["time_signature"].split("-"))
    return Performance(float(row["bpm"]), (beats, value), float(row["duration"]), ()).num_bars


def is_groove(folder: Path) -> bool:
    """Whether a folder has the table of the Groove MIDI Dataset, whose drummers play Roland's electronic kits."""
    return (folder / _TABLE).is_file()


def midi_files(folder: Path) -> list[Path]:
    """List the MIDI files below a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".mid", ".midi") and path.is_file())


@lru_cache(maxsize=16)
def read_performance(path: Path, *, electronic: bool = False) -> Performance:
    """Read a performance.

    Args:
        path: a MIDI file.
        electronic: its keys are those of Roland's electronic kits.

    Raises:
        DataError: it cannot be read, or has no two bars of drums.
    """
    content = read_midi(path)
    strokes = strokes_of(content, electronic=electronic)
    tempo, metre = value_at(content.tempos, 0.0, None), value_at(content.metres, 0.0, None)
    performance = Performance(tempo, metre, content.seconds, strokes)
    if not strokes or performance.num_bars < _SHORTEST_BARS:
        raise DataError(f"{path}: has no two bars of drums on channel 10; leave it out")
    return performance


def strokes_of(content: MidiFile, *, electronic: bool = False) -> tuple[Hit, ...]:
    """Return a file's drums as strokes, in order.

    Keys of neither General MIDI nor Roland's electronic kits are left out. A hi-hat is open as far as its pedal is,
    within what its key says; it is muted when the pedal goes down, and a cymbal when a hand touches it. A beater that
    bounces on the pad of a bass drum is no stroke.

    Args:
        content: the file.
        electronic: its keys are those of Roland's electronic kits, as they are where a hi-hat has edges, too.
    """
    drums = content.drums
    pedal = drums.controllers.get(HAT_PEDAL, [])
    electronic = electronic or bool(_EDGES & {note.key for note in drums.notes})
    pieces = _pieces_by_key(ELECTRONIC_KIT_KEYS if electronic else DRUM_KEYS)
    down = max((value for _, value in pedal), default=0)
    hits: dict[tuple[int, str], Hit] = {}
    for note in drums.notes:
        piece = pieces.get(note.key)
        if piece is None:
            continue
        hit = Hit(note.start_seconds, piece, max(note.velocity, 1) / 127)
        if piece in ("closed_hat", "open_hat") and down >= _PEDAL_DOWN:
            opening = float(np.clip(1 - value_at(pedal, note.start_seconds, down) / down, 0, 1))
            opening = min(opening, _HALF_OPEN) if piece == "closed_hat" else max(opening, _HALF_OPEN)
            hit = replace(hit, opening=opening)
            if piece == "open_hat":
                hit = replace(hit, muted_seconds=_closing(pedal, note.start_seconds, down))
        elif piece in _CHOKED:
            touched = (at for at, key in drums.chokes if pieces.get(key) == piece and at > note.start_seconds)
            hit = replace(hit, muted_seconds=min(touched, default=None))
        # some pads send a stroke twice
        key = round(note.start_seconds / _RESOLUTION_SECONDS), piece
        if key not in hits or hits[key].velocity < hit.velocity:
            hits[key] = hit
    strokes = sorted(hits.values(), key=lambda hit: (hit.start_seconds, hit.piece))
    kicks = [hit for hit in strokes if hit.piece == "kick"]
    bounces = {
        id(hit)
        for before, hit in pairwise(kicks)
        if hit.velocity <= _BOUNCE_VELOCITY and hit.start_seconds - before.start_seconds <= _BOUNCE_SECONDS
    }
    return tuple(hit for hit in strokes if id(hit) not in bounces)


def _pieces_by_key(keys: Keys) -> dict[int, str]:
    known = {key: piece for piece, all_keys in BONGO_KEYS.items() for key in all_keys}
    return known | {key: piece for piece, all_keys in keys.items() for key in all_keys}


def _closing(pedal: Sequence[tuple[float, int]], after: float, down: int) -> float | None:
    """When the pedal is down next; None where it never is."""
    return next((at for at, value in pedal if at > after + _EARLY_SECONDS / 2 and value >= 0.9 * down), None)


def fitting(styles: Mapping[Path, str], genre: str) -> list[Path]:
    """Return the performances of a genre's styles; where there are none, those of no known style.

    Args:
        styles: performances with their styles, as `styles_of` lists them.
        genre: a key of `STYLES`.
    """
    chosen = [path for path, style in styles.items() if style in STYLES[genre]]
    return chosen or [path for path, style in styles.items() if not style]


def play(
    performance: Performance, bars: Sequence[Bar], generator: np.random.Generator
) -> tuple[list[Hit], list[list[int]]]:
    """Let a performance be the drummer of a song whose bars are as long as its own.

    Args:
        performance: what is played, from any bar on, and again from its first after its last.
        bars: the song; where its drummer rests, nothing is played.
        generator: random generator.

    Returns:
        Strokes in order, and for each bar the sixteenths on which the bass drum is struck.
    """
    strokes = performance.strokes
    first = int(generator.integers(performance.num_bars))
    length = performance.bar_seconds
    hits: list[Hit] = []
    kicks: list[list[int]] = []
    for number, bar in enumerate(bars):
        begin = (first + number) % performance.num_bars * length
        shift = bar.start_seconds - begin
        inside = [
            hit for hit in strokes if begin - _EARLY_SECONDS <= hit.start_seconds < begin + length - _EARLY_SECONDS
        ]
        shifted = [hit.moved(partial(_later, shift)) for hit in inside if bar.drums]
        hits += shifted
        kicks.append(sorted({
            min(max(round((hit.start_seconds - bar.start_seconds) / bar.step_seconds), 0), bar.num_steps - 1)
            for hit in shifted if hit.piece == "kick"
        }))  # fmt: skip
    return sorted(hits, key=lambda hit: (hit.start_seconds, hit.piece)), kicks


def _later(shift: float, seconds: float) -> float:
    return max(seconds + shift, 0.0)
