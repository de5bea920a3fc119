"""Tones of recorded instruments that SFZ files describe."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dssgan.audio.files import probe, read
from dssgan.audio.resample import to_channels
from dssgan.synthesis import gm, instruments, mixing
from dssgan.synthesis.score import Curve, Note
from dssgan.synthesis.sfz import Region, read_regions
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

_SHORTEST_RELEASE_SECONDS = 0.05
_MAX_CACHED = 64  # recordings, some 3 MB each
_DRUMS = re.compile(r"drum|kit", re.IGNORECASE)
# General MIDI programs that an instrument plays in place of a soundfont, by its name
_PROGRAMS = tuple(
    (re.compile(pattern, re.IGNORECASE), programs)
    for pattern, programs in (
        (r"bass", gm.DOUBLE_BASS + gm.ELECTRIC_BASS),
        (r"guitar",
         gm.ACOUSTIC_GUITAR + gm.JAZZ_GUITAR + gm.CLEAN_GUITAR + gm.MUTED_GUITAR + gm.DISTORTED_GUITAR),
        (r"rhodes|electric.?piano|wurl|pianet|cp ?80", gm.ELECTRIC_PIANO),
        (r"piano", gm.PIANO),
        (r"organ", gm.ORGAN),
        (r"sax", gm.SAXOPHONE),
        (r"flute", gm.FLUTES),
        (r"tuba", gm.TUBA),
    )
)  # fmt: skip


@dataclass(frozen=True)
class SampledInstrument:
    """An instrument whose every tone was recorded, or one a few semitones away.

    Attributes:
        credit: the makers, and the licence.
        programs: General MIDI programs it can play.
        regions: its recordings.
    """

    credit: str
    programs: tuple[int, ...]
    regions: tuple[Region, ...]

    def play(
        self, notes: Sequence[Note], seconds: float, generator: np.random.Generator, *, bends: Curve = ()
    ) -> Audio:
        """Play notes; what lies beyond the instrument's range sounds in the nearest octave within.

        Args:
            notes: the notes, in the order of their beginnings.
            seconds: length; tones that last longer are cut.
            generator: random generator.
            bends: how far tones are bent, semitones; each from its time on.

        Returns:
            (2, samples) at 44.1 kHz, not scaled to anything.

        Raises:
            DssganError: a recording is broken.
        """
        audio = np.zeros((2, round(seconds * SAMPLE_RATE)), np.float32)
        lowest, highest = min(one.keys[0] for one in self.regions), max(one.keys[1] for one in self.regions)
        bent = mixing.follow(bends, audio.shape[1]) if bends else None
        turns: Counter[int] = Counter()
        num_layers = len({one.velocities for one in self.regions})
        for note in notes:
            pitch = note.pitch
            while pitch < lowest:
                pitch += 12
            while pitch > highest:
                pitch -= 12
            for region in self._struck(pitch, note.velocity, turns, generator):
                gain = region.gain * mixing.dynamics(note.velocity, num_layers)
                start = round(note.start_seconds * SAMPLE_RATE)
                along = None if bent is None else bent[start:]
                tone = _tone(region, pitch, note.seconds, along) * (mixing.pan(region.pan) * np.float32(gain))
                part = audio[:, start : start + tone.shape[1]]
                part += tone[:, : part.shape[1]]
        return audio

    def _struck(self, pitch: int, velocity: float, turns: Counter[int], generator: np.random.Generator) -> list[Region]:
        strength, draw = max(round(velocity * 127), 1), generator.random()
        fitting = [
            one
            for one in self.regions
            if one.keys[0] <= pitch <= one.keys[1]
            and one.velocities[0] <= strength <= one.velocities[1]
            and one.chance[0] <= draw < one.chance[1]
        ]
        robin = sorted({one.turn for one in fitting})
        if not robin:
            return []
        turns[pitch] += 1
        return [one for one in fitting if one.turn == robin[turns[pitch] % len(robin)]]


def programs_of(instrument: instruments.Instrument) -> tuple[int, ...]:
    """Return the programs of an SFZ file, by the first of its name, its folder's and the parent folder's that says it.

    Returns:
        General MIDI programs; none where it is a drum kit.
    """
    path = instrument.path
    for name in (path.stem, path.parent.name, path.parent.parent.name):
        if _DRUMS.search(name):
            return ()
        for words, programs in _PROGRAMS:
            if words.search(name):
                return programs
    return ()


@cache
def find() -> tuple[SampledInstrument, ...]:
    """List the recorded instruments of this machine that play tones, in an order that does not depend on it.

    Raises:
        DataError: there are no soundfonts either.
        DssganError: an SFZ file cannot be read.
    """
    found = []
    for instrument in instruments.find().sfz:
        programs = programs_of(instrument)
        # with every controller as it is at first
        regions = tuple(one for one in read_regions(instrument.path) if one.opening[0] == 0) if programs else ()
        if regions:
            found.append(SampledInstrument(instrument.credit, programs, regions))
    return tuple(found)


def _tone(region: Region, pitch: int, held_seconds: float, bent: NDArray[np.float32] | None) -> Audio:
    """One recording at a pitch, bent by semitones a sample, held and let go."""
    recording, sample_rate = _recording(region.sample)
    ratio = 2 ** ((pitch - region.pitch) / 12) * sample_rate / SAMPLE_RATE
    held = round(held_seconds * SAMPLE_RATE)
    release = round(max(region.release_seconds, _SHORTEST_RELEASE_SECONDS) * SAMPLE_RATE)
    positions = np.arange(held + release) * ratio
    if bent is not None and bent.any():
        steps = np.full(held + release, ratio)
        steps[: len(bent)] *= 2 ** (bent[: held + release] / 12)
        positions = np.cumsum(steps) - steps[0]
    num_samples = int(np.searchsorted(positions, recording.shape[1] - 1))
    tone = mixing.read_at(recording, positions[:num_samples])
    tone[:, held:] *= np.linspace(1, 0, release, dtype=np.float32)[: max(num_samples - held, 0)] ** 2
    return tone


@lru_cache(_MAX_CACHED)
def _recording(path: Path) -> tuple[Audio, int]:
    return to_channels(read(path), 2), probe(path).sample_rate
