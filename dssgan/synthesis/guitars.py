"""Distorted guitars: takes, palm mutes, feedback and hum, an amplifier and its cabinet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dssgan.synthesis import amplifiers, mixing, noises
from dssgan.synthesis.instruments import Instrument, Instruments
from dssgan.synthesis.score import Note
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

Play = Callable[[Sequence[Note]], Audio]  # notes to (2, samples) at 44.1 kHz

_DOUBLED = 0.7  # share of the parts that are recorded twice, left and right
_CAPTURED = 0.75  # share of the parts whose amplifier is a captured one, where there are any
_FED_BACK = 0.4  # share of the parts whose long tones feed back
_TIMING_SECONDS = 0.007  # standard deviation between takes
_MUTED_SECONDS, _MUTED_PITCH = 0.16, 56  # shorter and lower tones than these are muted with the palm
_LONG_SECONDS = 1.2
_RISE_SECONDS = 0.8  # after which a tone begins to feed back
_FEEDBACK_DB = -14.0
_FADE_SECONDS = 0.05
_SILENCE_SAMPLES = 11025  # a pause as long is not played through the amplifier


@dataclass(frozen=True)
class Rig:
    """An amplifier with its cabinet.

    Attributes:
        capture: the captured amplifier; None for one of filters and soft clipping.
        cabinet: the cabinet; None where the capture includes it.
    """

    capture: Instrument | None = None
    cabinet: Instrument | None = None

    @property
    def credits(self) -> set[str]:
        """Who captured them."""
        return {one.credit for one in (self.capture, self.cabinet) if one is not None}


def draw_rig(found: Instruments, generator: np.random.Generator) -> Rig:
    """Draw an amplifier among those of this machine; one of filters where there are no captures, or at times."""
    if not found.captures or generator.random() > _CAPTURED:
        return Rig()
    capture = amplifiers.draw_capture(found.captures, generator)
    cabinets = amplifiers.cabinets(found.responses)
    if amplifiers.has_cabinet(capture.path) or not cabinets:
        return Rig(capture)
    return Rig(capture, cabinets[int(generator.integers(len(cabinets)))])


def record(notes: Sequence[Note], seconds: float, play: Play, rig: Rig, generator: np.random.Generator) -> Audio:
    """Record a part, twice where both sides are to have a take of their own.

    Args:
        notes: the part.
        seconds: length.
        play: plays notes on the guitar itself.
        rig: the amplifier.
        generator: random generator.

    Returns:
        (2, samples) at 44.1 kHz.
    """
    drive_db, rest = generator.uniform(-10, 8), noises.hum(seconds, generator)
    fed_back = generator.random() < _FED_BACK
    if generator.random() > _DOUBLED:
        return np.repeat(_amplified(_dry(notes, seconds, play, fed_back) + rest, rig, drive_db, generator), 2, axis=0)
    width, seed = generator.uniform(0.6, 1.0), int(generator.integers(1 << 32))
    track = np.zeros((2, round(seconds * SAMPLE_RATE)), np.float32)
    for side in (-1, 1):
        dry = _dry(_another_take(notes, seconds, generator), seconds, play, fed_back) + rest
        # the same amplifier for both
        track += _amplified(dry, rig, drive_db, np.random.default_rng(seed)) * mixing.pan(side * width)
    return track


def riff(recording: Instrument, seconds: float, rig: Rig, generator: np.random.Generator) -> Audio:
    """Play a recording of a guitar or a bass without an amplifier through one, again from its start after its end.

    Args:
        recording: an audio file.
        seconds: length.
        rig: the amplifier.
        generator: random generator.

    Returns:
        (2, samples) at 44.1 kHz.

    Raises:
        AudioError: the file cannot be read.
    """
    dry = amplifiers.load_channel(recording.path)
    num_samples = round(seconds * SAMPLE_RATE)
    start = int(generator.integers(dry.shape[1]))
    repeated = np.take(dry, np.arange(start, start + num_samples), axis=1, mode="wrap")
    dry = _normal(repeated) + noises.hum(seconds, generator)
    return np.repeat(_amplified(dry, rig, generator.uniform(-10, 8), generator), 2, axis=0)


def _another_take(notes: Sequence[Note], seconds: float, generator: np.random.Generator) -> list[Note]:
    """Return notes as they come out another time: earlier and later, softer and stronger."""
    taken = []
    for note, late, strength in zip(
        notes, generator.normal(0, _TIMING_SECONDS, len(notes)), generator.normal(0, 0.1, len(notes)), strict=True
    ):
        start = float(np.clip(note.start_seconds + late, 0, seconds - _FADE_SECONDS))
        velocity = float(np.clip(note.velocity * np.exp(strength), 0.05, 1))
        taken.append(replace(note, start_seconds=start, velocity=velocity))
    return sorted(taken, key=lambda note: (note.start_seconds, note.pitch))


def _dry(notes: Sequence[Note], seconds: float, play: Play, fed_back: bool) -> Audio:
    """Return what comes from the pickups, (1, samples)."""
    import pedalboard

    ringing = [note for note in notes if note.seconds >= _MUTED_SECONDS or note.pitch >= _MUTED_PITCH]
    muted = [note for note in notes if note.seconds < _MUTED_SECONDS and note.pitch < _MUTED_PITCH]
    dry = np.zeros((1, round(seconds * SAMPLE_RATE)), np.float32)
    if ringing:
        dry += play(ringing).mean(axis=0, keepdims=True)
    if muted:
        damped = play(muted).mean(axis=0, keepdims=True)
        dry += mixing.through(damped, pedalboard.LowpassFilter(1200), pedalboard.LowShelfFilter(180, 4))
    dry = _normal(dry)
    return dry + _feedback(ringing, dry.shape[1]) if fed_back else dry


def _normal(dry: Audio) -> Audio:
    """Bring a guitar to the level at which pickups feed an amplifier."""
    scaled: Audio = dry * np.float32(0.3 / max(float(np.abs(dry).max()), 1e-6))
    return scaled


def _feedback(notes: Sequence[Note], num_samples: int) -> Audio:
    """Return the octave or the fifth above it that long tones rise to, (1, samples)."""
    track = np.zeros((1, num_samples), np.float32)
    for note in notes:
        if note.seconds < _LONG_SECONDS:
            continue
        start = round((note.start_seconds + _RISE_SECONDS) * SAMPLE_RATE)
        part = track[:, start : round((note.start_seconds + note.seconds) * SAMPLE_RATE)]
        times = np.arange(part.shape[1]) / SAMPLE_RATE
        pitch_hz = 440 * 2 ** ((note.pitch - 69) / 12) * (2 if note.pitch % 2 else 3)
        left = times[::-1] / _FADE_SECONDS
        envelope = np.clip(times / 1.5, 0, 1) * np.clip(left, 0, 1) * 0.3 * mixing.decibels(_FEEDBACK_DB)
        part += (envelope * np.sin(2 * np.pi * pitch_hz * times)).astype(np.float32)
    return track


def _amplified(dry: Audio, rig: Rig, drive_db: float, generator: np.random.Generator) -> Audio:
    if rig.capture is None:
        return mixing.through(dry, *_filters(generator))
    capture = amplifiers.load_capture(rig.capture.path)
    wet = np.zeros_like(dry)
    for start, end in _sounding(dry):
        wet[:, start:end] = capture.play(dry[:, start:end] * mixing.decibels(drive_db))
    return wet if rig.cabinet is None else amplifiers.through_cabinet(wet, rig.cabinet.path)


def _sounding(dry: Audio) -> list[tuple[int, int]]:
    """Return the stretches between long pauses, for a captured amplifier is slow."""
    loud = np.flatnonzero(np.abs(dry[0]) > 0.01)
    if not loud.size:
        return []
    gaps = np.flatnonzero(np.diff(loud) > 2 * _SILENCE_SAMPLES)
    starts = loud[np.concatenate([[0], gaps + 1])] - 441
    ends = loud[np.concatenate([gaps, [loud.size - 1]])] + _SILENCE_SAMPLES
    return [(max(int(start), 0), min(int(end), dry.shape[1])) for start, end in zip(starts, ends, strict=True)]


def _filters(generator: np.random.Generator) -> list[object]:
    """Draw an amplifier of filters and soft clipping, with its loudspeaker."""
    import pedalboard

    return [
        pedalboard.HighpassFilter(100), pedalboard.Compressor(-30, 4, 3, 80),
        pedalboard.Distortion(generator.uniform(22, 42)),
        pedalboard.PeakFilter(generator.uniform(400, 900), generator.uniform(-7, 2), 0.8),
        pedalboard.PeakFilter(generator.uniform(1800, 3500), generator.uniform(0, 6), 0.9),
        pedalboard.LowpassFilter(generator.uniform(4500, 7500)), pedalboard.LowpassFilter(8000),
    ]  # fmt: skip
