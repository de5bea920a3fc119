"""Tones from a General MIDI soundfont, through FluidSynth."""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from dssgan.errors import DataError
from dssgan.synthesis.score import Curve, Note
from dssgan.types import Audio

SAMPLE_RATE = 44100
_BLOCK = 64  # FluidSynth's own: whole blocks leave it in the same state after any notes
_DRUM_CHANNEL = 9
_POLYPHONY = 96
_PERCUSSION_BANK = 128
_ENDS, _BENDS, _BEGINS = range(3)  # in the order in which events of one moment happen
_MOST_SEMITONES = 12
_BEND_RANGE = (
    (101, 0),
    (100, 0),
    (6, _MOST_SEMITONES),
    (38, 0),
)  # the registered parameter that holds it, and its value


class SoundfontSynthesizer:
    """A synthesiser; each soundfont is loaded when it is first wanted.

    Its voices keep traces of what they played before (some -50 dB), which no reset takes away: so use a new one for
    each song, so that a song does not depend on those rendered before it. Loading 150 MB again takes 80 ms.

    Raises:
        DataError: FluidSynth is not installed.
    """

    def __init__(self) -> None:
        try:
            import fluidsynth
        except ImportError as error:
            raise DataError(
                "synthetic songs need FluidSynth, which is missing: install instruments with `make instruments` and "
                "the extra `pip install dssgan[synthetic]`"
            ) from error
        # the project adds rooms of its own, and these two would make a song depend on the one before
        settings = {"synth.reverb.active": 0, "synth.chorus.active": 0, "synth.polyphony": _POLYPHONY}
        self._synth: Any = fluidsynth.Synth(gain=0.5, samplerate=float(SAMPLE_RATE), **settings)
        # pyfluidsynth offers 16-bit samples only, whose dither would also remember the song before
        self._write: Any = fluidsynth._fl.fluid_synth_write_float
        self._fonts: dict[Path, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._synth.delete()

    def play(
        self, path: Path, notes: Sequence[Note], program: int, seconds: float, *, bank: int = 0, bends: Curve = ()
    ) -> Audio:
        """Play notes on one program.

        Args:
            path: the soundfont.
            notes: the notes, in the order of their beginnings.
            program: General MIDI program, 0 to 127.
            seconds: length; tones that last longer are cut.
            bank: 0 for tones, 128 for drums.
            bends: how far tones are bent, semitones, at most an octave; each from its time on.

        Returns:
            (2, samples) at 44.1 kHz, not scaled to anything.

        Raises:
            DataError: the soundfont cannot be read.
        """
        if path not in self._fonts:
            font = self._synth.sfload(str(path))
            if font < 0:
                raise DataError(f"{path}: not a soundfont that FluidSynth can read; install it again or remove it")
            self._fonts[path] = font
        channel = _DRUM_CHANNEL if bank == _PERCUSSION_BANK else 0
        self._synth.program_select(channel, self._fonts[path], bank, program)
        num_samples = round(seconds * SAMPLE_RATE)
        audio = np.zeros((2, -(-num_samples // _BLOCK) * _BLOCK), np.float32)
        events = [(note.start_seconds, _BEGINS, note.pitch, note.velocity) for note in notes]
        events += [(note.start_seconds + note.seconds, _ENDS, note.pitch, 0.0) for note in notes]
        # before what begins with them; the last one is undone for the part that comes next
        events += [(at_seconds, _BENDS, 0, semitones) for at_seconds, semitones in (*bends, *_straight(bends, seconds))]
        now = 0
        for at_seconds, kind, pitch, value in sorted(events):
            now = self._run(audio, now, min(round(at_seconds * SAMPLE_RATE / _BLOCK) * _BLOCK, audio.shape[1]))
            if kind == _BEGINS:
                self._synth.noteon(channel, pitch, max(round(value * 127), 1))
            elif kind == _ENDS:
                self._synth.noteoff(channel, pitch)
            else:
                self._bend(channel, value)
        self._run(audio, now, audio.shape[1])
        return audio[:, :num_samples]

    def _bend(self, channel: int, semitones: float) -> None:
        for controller, value in _BEND_RANGE:
            self._synth.cc(channel, controller, value)
        reach = max(min(semitones / _MOST_SEMITONES, 1.0), -1.0)
        self._synth.pitch_bend(channel, round(reach * 8191))

    def _run(self, audio: Audio, start: int, end: int) -> int:
        if end > start:
            left, right = (audio[side, start:end].ctypes.data_as(ctypes.c_void_p) for side in range(2))
            self._write(ctypes.c_void_p(self._synth.synth), end - start, left, 0, 1, right, 0, 1)
        return max(start, end)


def _straight(bends: Curve, seconds: float) -> Curve:
    """Return the end of all bending, where there is any."""
    return ((seconds + 1.0, 0.0),) if bends else ()
