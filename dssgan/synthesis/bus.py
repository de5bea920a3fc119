"""Buses: what several tracks pass through together.

Filters and rooms are linear, and compressors, saturation and limiters act as one gain that is worked out from the sum
and that every track takes alike: so tracks still add up to their sum afterwards.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dssgan.synthesis import mixing
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

_CEILING = 0.98
_LOOKAHEAD_SAMPLES = 221  # 5 ms
_RELEASE_SAMPLES = 2205  # 50 ms
_FLOOR = 1e-5  # level below which a compressor's gain is 1
_GLUED = 0.5  # share of the mixes with a compressor on the bus
_SATURATED = 0.12  # share of the mixes that are saturated
_CODED = 0.1  # share of the mixes that pass a codec

Gain = NDArray[np.float32]  # (samples,)
Tracks = Mapping[str, Audio]


def total(tracks: Tracks) -> Audio:
    """Return the sum of tracks, (channels, samples) each."""
    summed: Audio = np.sum(list(tracks.values()), axis=0, dtype=np.float32)
    return summed


def drum_bus(tracks: Tracks, generator: np.random.Generator) -> dict[str, Audio]:
    """Equalise, compress and at times saturate drums, and put them into a room.

    Args:
        tracks: (2, samples) each; one, or one for each piece.
        generator: random generator, drawn from alike for any number of tracks.
    """
    import pedalboard

    equaliser: list[Any] = [
        pedalboard.LowShelfFilter(generator.uniform(60, 150), generator.uniform(-4, 4)),
        pedalboard.PeakFilter(generator.uniform(250, 600), generator.uniform(-5, 2), 0.8),
        pedalboard.HighShelfFilter(generator.uniform(4000, 9000), generator.uniform(-5, 6)),
    ]
    after = []
    gains: list[Callable[[Audio], Gain]] = []
    if generator.random() < 0.6:
        settings = (
            generator.uniform(-24, -10), generator.uniform(2, 8), generator.uniform(2, 30), generator.uniform(50, 250)
        )  # fmt: skip
        gains.append(lambda mix: compression(mix, *settings))
    if generator.random() < 0.2:
        drive_db = generator.uniform(2, 12)
        gains.append(lambda mix: saturation(mix, drive_db))
    if generator.random() < 0.08:
        after.append(pedalboard.LowpassFilter(generator.uniform(3000, 9000)))
    after += mixing.room(generator, wettest=0.35)
    return _through(_leveled(_through(tracks, equaliser), gains), after)


def master(tracks: Tracks, generator: np.random.Generator) -> dict[str, Audio]:
    """Give a mix its tone, compress it at times, and bring it up to a level under a limiter.

    Args:
        tracks: (2, samples) each, which add up to the mix.
        generator: random generator.
    """
    loud = _through(tracks, tone(generator))
    loudest = float(np.abs(total(loud)).max()) or 1.0
    gains: list[Callable[[Audio], Gain]] = []
    if generator.random() < _GLUED:
        settings = (
            generator.uniform(-18, -6),
            generator.uniform(1.5, 4),
            generator.uniform(5, 40),
            generator.uniform(80, 400),
        )
        gains.append(lambda mix: compression(mix, *settings))
    drive = mixing.decibels(generator.choice((generator.uniform(-6, 0), generator.uniform(0, 9))))
    gains.append(lambda mix: limit(mix * drive) * drive)
    return _leveled({name: track / np.float32(loudest) for name, track in loud.items()}, gains)


def colour(mix: Audio, generator: np.random.Generator) -> Audio | None:
    """Saturate a mix, or pass it through an MP3 coder, as some are; None for those that are left as they are.

    The parts of such a mix stay as they were, so they add up to it no longer.

    Args:
        mix: (2, samples).
        generator: random generator.
    """
    import pedalboard

    coloured = None
    if generator.random() < _SATURATED:
        drive = mixing.decibels(generator.uniform(0, 8))
        coloured = np.tanh(mix * drive) / drive
    if generator.random() < _CODED:
        coloured = mixing.through(
            mix if coloured is None else coloured, pedalboard.MP3Compressor(generator.uniform(2, 7))
        )
    return coloured


def _through(tracks: Tracks, effects: Sequence[Any]) -> dict[str, Audio]:
    """Run each track through effects of its own with the same settings."""
    return {name: mixing.through(track, *effects) if effects else track for name, track in tracks.items()}


def _leveled(tracks: Tracks, gains: Sequence[Callable[[Audio], Gain]]) -> dict[str, Audio]:
    """Apply gains in turn, each worked out from the sum of the tracks as the ones before have left it."""
    leveled = dict(tracks)
    for gain_of in gains:
        gain = gain_of(total(leveled))
        leveled = {name: track * gain for name, track in leveled.items()}
    return leveled


def tone(generator: np.random.Generator) -> list[Any]:
    """Draw the tone of a whole recording, from bright to as dark as an old one; none for as many as have any."""
    import pedalboard

    shelves: list[Any] = [
        pedalboard.LowShelfFilter(generator.uniform(80, 250), generator.uniform(-3, 9)),
        pedalboard.HighShelfFilter(generator.uniform(1500, 6000), generator.uniform(-15, 3)),
    ]
    return shelves if generator.random() < 0.5 else []


def compression(mix: Audio, threshold_db: float, ratio: float, attack_ms: float, release_ms: float) -> Gain:
    """Work out the gain of a compressor whose channels are linked.

    Args:
        mix: (channels, samples).
        threshold_db: level from which it turns down, dB of full scale.
        ratio: by how many dB the input rises for one dB of the output.
        attack_ms: how long it takes to turn down.
        release_ms: how long it takes to come back.

    Returns:
        (samples,), at most 1.
    """
    import pedalboard

    peak = np.abs(mix).max(axis=0, keepdims=True) + np.float32(_FLOOR)
    compressed = mixing.through(peak, pedalboard.Compressor(threshold_db, ratio, attack_ms, release_ms))
    gain: Gain = np.minimum(compressed[0] / peak[0], np.float32(1))
    return gain


def saturation(mix: Audio, drive_db: float) -> Gain:
    """Work out the gain by which soft clipping changes each sample, the larger of both channels deciding.

    Args:
        mix: (channels, samples).
        drive_db: how far it is driven.

    Returns:
        (samples,), at most 1.
    """
    driven = np.abs(mix).max(axis=0) * mixing.decibels(drive_db) + np.float32(_FLOOR)
    gain: Gain = np.tanh(driven) / driven
    return gain


def pump(audio: Audio, kick_seconds: Sequence[float], depth_db: float, seconds: float) -> Audio:
    """Duck a signal at each bass drum stroke, as a compressor keyed by it would.

    Args:
        audio: (channels, samples).
        kick_seconds: when the bass drum strikes.
        depth_db: how far it is turned down, dB above zero.
        seconds: until it is back.
    """
    gain_db = np.zeros(audio.shape[1], np.float32)
    length = round(seconds * SAMPLE_RATE)
    curve = -depth_db * (1 - np.linspace(0, 1, length, dtype=np.float32)) ** 1.5
    for strike in kick_seconds:
        start = round(strike * SAMPLE_RATE)
        part = gain_db[start : start + length]
        np.minimum(part, curve[: len(part)], out=part)
    ducked: Audio = audio * (10 ** (gain_db / 20)).astype(np.float32)
    return ducked


def limit(mix: Audio) -> Gain:
    """Work out the gain of a look-ahead limiter.

    The gain is returned rather than applied, so that every source takes the same one and their sum stays the mix.

    Args:
        mix: (channels, samples), as hot as wanted.

    Returns:
        (samples,) gain that keeps every sample of `mix` at or under 0.98.
    """
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    peak = np.abs(mix).max(axis=0)
    needed = np.minimum(1.0, _CEILING / np.maximum(peak, 1e-9)).astype(np.float32)
    held = minimum_filter1d(needed, 2 * _RELEASE_SAMPLES + 1, mode="nearest")
    # the mean over a window no wider than the minimum's never exceeds what any of its samples needs
    smooth = uniform_filter1d(held, 2 * _LOOKAHEAD_SAMPLES + 1, mode="nearest")
    gain: Gain = np.minimum(smooth, needed)
    return gain
