"""A synthetic song before it sounds: hits and notes in time. Composing writes it, rendering reads it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

Curve = tuple[tuple[float, float], ...]  # times, seconds, and the values from then on

PIECES = (
    "kick", "snare", "sidestick", "clap", "closed_hat", "pedal_hat", "open_hat", "low_tom", "mid_tom", "high_tom",
    "crash", "ride", "ride_bell", "china", "splash", "tambourine", "shaker", "cowbell", "clave", "low_conga",
    "high_conga", "timbale",
)  # fmt: skip

# which pieces each stem holds; together they are the drums, so percussion is with the drums that it sounds like
STEMS: dict[str, tuple[str, ...]] = {
    "kick": ("kick",),
    "snare": ("snare", "sidestick", "clap"),
    "toms": ("low_tom", "mid_tom", "high_tom", "low_conga", "high_conga", "timbale"),
    "hihat": ("closed_hat", "pedal_hat", "open_hat", "shaker", "tambourine"),
    "cymbals": ("ride", "ride_bell", "crash", "china", "splash", "cowbell", "clave"),
}
STEM_OF = {piece: stem for stem, pieces in STEMS.items() for piece in pieces}

WRITTEN = "written"  # the genre of songs out of MIDI files

ROLES = ("bass", "guitar", "keys", "pad", "lead", "brass", "strings", "arpeggio", "vocals", "noise")


@dataclass(frozen=True)
class Hit:
    """One stroke.

    Attributes:
        start_seconds: when it sounds; humanised already.
        piece: one of `PIECES`.
        velocity: strength in (0, 1].
        opening: how far a hi-hat is open, 0 closed to 1; None for what the piece's name says.
        muted_seconds: when a hand or the pedal mutes it; None where it rings.
    """

    start_seconds: float
    piece: str
    velocity: float
    opening: float | None = None
    muted_seconds: float | None = None

    def moved(self, time: Callable[[float], float]) -> "Hit":
        """Return the stroke at another time, and muted at another.

        Args:
            time: gives the new time of an old one, seconds.
        """
        muted = None if self.muted_seconds is None else time(self.muted_seconds)
        return replace(self, start_seconds=time(self.start_seconds), muted_seconds=muted)


@dataclass(frozen=True)
class Note:
    """One tone.

    Attributes:
        start_seconds: when it begins; humanised already.
        seconds: how long it is held.
        pitch: MIDI note number, 60 is middle C.
        velocity: strength in (0, 1].
    """

    start_seconds: float
    seconds: float
    pitch: int
    velocity: float


@dataclass(frozen=True)
class Part:
    """One player but the drummer.

    Attributes:
        role: one of `ROLES`.
        program: General MIDI program, 0 to 127; for vocals and noise the renderer chooses the sound.
        notes: its notes, in the order of their beginnings.
        bends: how far its tones are bent, semitones; each from its time on.
        levels_db: how loud it is against others of its role, dB; each from its time on.
        pans: where it stands, -1 left to 1 right; each from its time on. Empty where the mix decides.
    """

    role: str
    program: int
    notes: tuple[Note, ...]
    bends: Curve = ()
    levels_db: Curve = ()
    pans: Curve = ()


@dataclass(frozen=True)
class SongSection:
    """A stretch of the song.

    Attributes:
        name: "intro", "verse", "chorus", "break", "bridge", "outro" and so on.
        start_seconds: where it begins.
        seconds: its length.
        energy: how much is going on, 0 to 1.
    """

    name: str
    start_seconds: float
    seconds: float
    energy: float


@dataclass(frozen=True)
class Song:
    """A song before it sounds: its form, the strokes of its drums and the notes of its other parts.

    Attributes:
        genre: one of `dssgan.synthesis.genres.GENRES`, or `WRITTEN`.
        seed: what it was composed from.
        seconds: length.
        tempo: quarter notes a minute.
        metre: beats a bar and the note that is one beat, such as (4, 4).
        swing: how late the off-beats come, 0 straight to 1 triplets.
        sections: its sections, in order, without gaps.
        hits: the drummer's and percussionist's strokes in order.
        parts: everybody else.
        acoustic: people play it, rather than machines.
        credits: who wrote or played it, with the licence, a line each; empty where it was composed by rule.
    """

    genre: str
    seed: int
    seconds: float
    tempo: float
    metre: tuple[int, int]
    swing: float
    sections: tuple[SongSection, ...]
    hits: tuple[Hit, ...]
    parts: tuple[Part, ...]
    acoustic: bool = True
    credits: tuple[str, ...] = ()
