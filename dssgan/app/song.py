"""A song of the library: what it is, how it is separated, and how far that is."""

import unicodedata
from collections.abc import Sequence
from pathlib import PureWindowsPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["queued", "separating", "done", "failed", "cancelled"]
OPEN: frozenset[State] = frozenset({"queued", "separating"})

MIX = "mix"
CLICK = "click"
_FLOAT_BYTES = 4
_MOST_SOURCES = 6  # the pieces of a kit, and everything else
_MAX_NAME = 200  # characters; file systems take 255 bytes


class Options(BaseModel):
    """How a song is separated, as `dssgan separate` names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(default="default", description="A name that GET /models lists.")
    pieces: bool = Field(default=False, description="Also kick, snare, toms, hihat and cymbals.")
    midi: bool = Field(default=False, description="Also the drums as MIDI, with a click track where there is a beat.")
    drums: bool = Field(default=False, description="The recording is drums already.")
    precision: Literal["auto", "float32", "bf16"] = Field(default="auto", description="What the network computes in.")
    shifts: int = Field(default=1, ge=1, le=10, description="Runs with shifted segments, which are averaged.")

    @property
    def takes_apart(self) -> bool:
        """Whether the drums become pieces, for themselves or for their strokes."""
        return self.pieces or self.midi


class Passage(BaseModel):
    """A part of another song of the library.

    Attributes:
        song: its identifier.
        start_seconds: where it begins there.
        seconds: its length.
    """

    song: str
    start_seconds: float
    seconds: float


class Song(BaseModel):
    """A song of the library.

    Attributes:
        id: identifier.
        name: name of the file that was sent, without its suffix.
        file: name of its file in the library.
        added: when it was added, seconds since 1970.
        seconds: its length.
        sample_rate: Hz.
        channels: number of channels.
        options: how it is separated.
        state: how far it is.
        error: why it failed, in one line; "" otherwise.
        done_seconds: seconds of it that are separated.
        left_seconds: how long the rest will take; None where that is not known.
        note: remarks on the file and on what was found in it; "" for none.
        sources: names of the estimates, which sum to the song.
        sums: names of the sources that make up a further stem, by the stem's name.
        beats: number of beats that were found, where MIDI was asked for.
        passage: what it is a part of; None for a whole song.
    """

    id: str
    name: str
    file: str
    added: float
    seconds: float
    sample_rate: int
    channels: int
    options: Options
    state: State = "queued"
    error: str = ""
    done_seconds: float = 0.0
    left_seconds: float | None = None
    note: str = ""
    sources: tuple[str, ...] = ()
    sums: dict[str, tuple[str, ...]] = {}
    beats: int = 0
    passage: Passage | None = None

    @property
    def num_frames(self) -> int:
        """Samples a channel."""
        return round(self.seconds * self.sample_rate)

    @property
    def stems_bytes(self) -> int:
        """What its estimates take on the disk, as floats."""
        return self.num_frames * self.channels * _FLOAT_BYTES * (_MOST_SOURCES if self.options.takes_apart else 2)

    @property
    def is_open(self) -> bool:
        """Whether work on it is still to be done."""
        return self.state in OPEN

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the stems that can be had, as `dssgan separate` would write them with the song's options."""
        names = (*self.sources, *self.sums)
        if self.options.pieces:
            return names
        parts = {part for parts in self.sums.values() for part in parts}
        return tuple(name for name in names if name not in parts)

    def parts_of(self, stem: str) -> Sequence[str]:
        """Return the sources whose sum a stem is."""
        return self.sums.get(stem, (stem,))


def clean_name(text: str) -> str:
    """Return the last part of a file's path as a name to show: one line without control characters.

    Args:
        text: what a client calls the file, a path of any system.
    """
    last = PureWindowsPath(text.replace("/", "\\")).name
    shown = "".join(character for character in last if unicodedata.category(character)[0] != "C")
    return " ".join(shown.split())[:_MAX_NAME] or "song"


def split_suffix(name: str) -> tuple[str, str]:
    """Split a file's name into what it is called and its suffix, such as ("song", ".stem.mp4").

    Returns:
        The name, and the suffix in lower case; "" where it is none that a sound file could have.
    """
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or not suffix.isascii() or not suffix.isalnum() or len(suffix) > 5:
        return name, ""
    if suffix.lower() == "mp4" and stem.lower().endswith(".stem") and len(stem) > len(".stem"):
        return stem[: -len(".stem")], ".stem.mp4"
    return stem, f".{suffix.lower()}"
