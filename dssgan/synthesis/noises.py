"""Sounds of noise: brushes on a snare drum, an audience, an amplifier at rest, sweeps of a synthesizer."""

from collections.abc import Sequence

import numpy as np

from dssgan.synthesis import mixing
from dssgan.synthesis.score import Hit, Note, Song
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

_HANDS = 8  # kinds of claps in an audience
_MAINS_HZ = (50.0, 60.0)


def sweeps(notes: Sequence[Note], seconds: float, generator: np.random.Generator) -> Audio:
    """Make noise that rises and brightens up to a section's start, or falls and darkens after it.

    Args:
        notes: when; those above middle C fall.
        seconds: length of the track.
        generator: random generator.

    Returns:
        (2, samples).
    """
    import pedalboard

    track = np.zeros((2, round(seconds * SAMPLE_RATE)), np.float32)
    for note in notes:
        start = round(note.start_seconds * SAMPLE_RATE)
        num_samples = min(round(note.seconds * SAMPLE_RATE), track.shape[1] - start)
        if num_samples <= 0:
            continue
        white = generator.standard_normal((2, num_samples), dtype=np.float32) * np.float32(0.2)
        dark = mixing.through(white, pedalboard.LowpassFilter(900))
        rise = np.linspace(0, 1, num_samples, dtype=np.float32)
        if note.pitch > 60:
            rise = rise[::-1]
        track[:, start : start + num_samples] += (dark * (1 - rise) * 2 + white * rise) * rise**1.5
    return track


def brushes(strokes: Sequence[Hit], song: Song, generator: np.random.Generator) -> Audio:
    """Play the snare drum with brushes: taps, and between the first and the last of them wires that circle on the head.

    Args:
        strokes: on the snare drum.
        song: what they belong to.
        generator: random generator.

    Returns:
        (2, samples), as loud as kits' snare drums about.
    """
    import pedalboard

    num_samples = round(song.seconds * SAMPLE_RATE)
    if not strokes:
        return np.zeros((2, num_samples), np.float32)
    gain = np.zeros(num_samples, np.float32)
    attack, decay = (round(generator.uniform(*range_) * SAMPLE_RATE) for range_ in ((0.003, 0.02), (0.05, 0.18)))
    shape = np.concatenate([np.linspace(0, 1, attack), np.exp(-np.arange(4 * decay) / decay)]).astype(np.float32)
    for stroke in strokes:
        start = round(stroke.start_seconds * SAMPLE_RATE)
        part = gain[start : start + len(shape)]
        part += shape[: len(part)] * np.float32(stroke.velocity)
    first, last = (round(stroke.start_seconds * SAMPLE_RATE) for stroke in (strokes[0], strokes[-1]))
    circle_seconds = 60 / song.tempo * generator.choice((1, 2))
    times = np.arange(last - first) / SAMPLE_RATE
    circles = (0.5 + 0.5 * np.cos(2 * np.pi * (times / circle_seconds + generator.random()))) ** 2
    gain[first:last] += (generator.uniform(0.05, 0.35) * (0.2 + circles)).astype(np.float32)
    wires = generator.standard_normal((1, num_samples), dtype=np.float32) * gain * np.float32(0.15)
    processed = mixing.through(
        wires, pedalboard.HighpassFilter(generator.uniform(300, 900)),
        pedalboard.PeakFilter(generator.uniform(1500, 5000), generator.uniform(0, 6), 0.7),
        pedalboard.LowpassFilter(generator.uniform(7000, 14000)),
    )  # fmt: skip
    return np.repeat(processed, 2, axis=0)


def applause(seconds: float, generator: np.random.Generator) -> Audio:
    """Let an audience clap, at the song's beginning, at its end or all the way.

    Args:
        seconds: length of the track.
        generator: random generator.

    Returns:
        (2, samples) with a root mean square of 1 where they clap.
    """
    from scipy.signal import fftconvolve

    num_samples = round(seconds * SAMPLE_RATE)
    claps_a_second = np.exp(generator.uniform(np.log(60), np.log(400)))
    track = np.zeros((2, num_samples), np.float32)
    for _ in range(_HANDS):
        positions = generator.integers(num_samples, size=generator.poisson(claps_a_second * seconds / _HANDS))
        struck = np.zeros(num_samples, np.float32)
        np.add.at(struck, positions, generator.lognormal(0, 0.4, len(positions)).astype(np.float32))
        length = round(generator.uniform(0.01, 0.04) * SAMPLE_RATE)
        times = np.arange(length) / SAMPLE_RATE
        pitch_hz = generator.uniform(600, 2500)  # of the hollow between the hands
        clap = np.exp(-times / generator.uniform(0.002, 0.008)) * (
            generator.standard_normal(length) + np.sin(2 * np.pi * pitch_hz * times)
        )
        track += fftconvolve(struck, clap.astype(np.float32))[:num_samples] * mixing.pan(generator.uniform(-1, 1))
    track = mixing.through(track, *mixing.room(generator, wettest=0.6))
    track /= np.float32(mixing.level(track) or 1.0)
    fade = np.clip(np.linspace(-1, 1, num_samples) * generator.choice((-3.0, 3.0)), 0, 1)
    return track if generator.random() < 0.3 else track * fade.astype(np.float32)


def hum(seconds: float, generator: np.random.Generator) -> Audio:
    """Return the noise of a guitar's pickups without a tone: mains hum and hiss.

    Args:
        seconds: length.
        generator: random generator.

    Returns:
        (1, samples), of full scale 1.
    """
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    mains_hz = generator.choice(_MAINS_HZ)
    hummed = sum(np.sin(2 * np.pi * mains_hz * harmonic * times) / harmonic for harmonic in (1, 2, 3, 5))
    hiss = generator.standard_normal(len(times))
    levels = 10 ** (generator.uniform(-75, -50, 2) / 20)
    noise: Audio = (levels[0] * hummed + levels[1] * hiss)[np.newaxis].astype(np.float32)
    return noise
