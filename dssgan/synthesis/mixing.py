"""Mixing: channel strips, rooms, compression and the master bus."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

_CEILING = 0.98
_LOOKAHEAD_SAMPLES = 221  # 5 ms
_RELEASE_SAMPLES = 2205  # 50 ms
_BLOCK_SAMPLES = 4410  # 0.1 s


def decibels(gain_db: float) -> np.float32:
    """Turn a level in dB into a factor."""
    return np.float32(10 ** (gain_db / 20))


def level(audio: Audio) -> float:
    """Root mean square of where a signal sounds, linear; 0 for silence."""
    power = np.square(audio).mean(axis=0)
    whole = len(power) // _BLOCK_SAMPLES * _BLOCK_SAMPLES
    blocks = power[:whole].reshape(-1, _BLOCK_SAMPLES).mean(axis=1, dtype=np.float64) if whole else power
    audible = blocks[blocks > 1e-4 * blocks.max(initial=0.0)]
    return float(np.sqrt(audible.mean())) if audible.size else 0.0


def pan(position: float) -> NDArray[np.float32]:
    """Return the gains of left and right, (2, 1), that pan a signal from -1, left, to 1, right, with constant power."""
    angle = (position + 1) * np.pi / 4
    gains: NDArray[np.float32] = (np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]])).astype(np.float32)
    return gains


def dynamics(velocity: float, num_layers: int) -> float:
    """Return a factor of a stroke's or tone's level: velocity layers have dynamics of their own; one layer has none."""
    return float(velocity ** (0.7 if num_layers > 2 else 1.6))


def read_at(recording: Audio, positions: NDArray[np.floating]) -> Audio:
    """Read a recording, (channels, samples), at positions between its samples, linearly."""
    return np.stack([np.interp(positions, np.arange(side.size), side) for side in recording]).astype(np.float32)


def through(audio: Audio, *effects: Any) -> Audio:
    """Run a signal through pedalboard's effects."""
    import pedalboard

    board = pedalboard.Pedalboard(list(effects))  # type: ignore[attr-defined]
    processed: Audio = board(audio, SAMPLE_RATE)
    return processed


def strip(role: str, generator: np.random.Generator) -> list[Any]:
    """Draw the effects of one part: equaliser, movement, echo."""
    import pedalboard

    effects: list[Any] = [
        pedalboard.LowShelfFilter(generator.uniform(100, 300), generator.uniform(-6, 3)),
        pedalboard.HighShelfFilter(generator.uniform(3000, 8000), generator.uniform(-6, 7)),
    ]
    if role != "bass" and generator.random() < 0.5:
        effects.append(pedalboard.HighpassFilter(generator.uniform(60, 250)))
    if role in ("pad", "keys", "guitar", "lead") and generator.random() < 0.25:
        effects.append(pedalboard.Chorus(rate_hz=generator.uniform(0.3, 2), depth=0.2))
    if role in ("lead", "arpeggio", "vocals") and generator.random() < 0.5:
        effects.append(
            pedalboard.Delay(generator.uniform(0.15, 0.5), generator.uniform(0.1, 0.45), generator.uniform(0.1, 0.35))
        )
    if role in ("bass", "lead", "arpeggio") and generator.random() < 0.3:
        effects += [
            pedalboard.Distortion(generator.uniform(3, 18)),
            pedalboard.LowpassFilter(generator.uniform(3000, 9000)),
        ]
    if role == "vocals":
        effects.append(pedalboard.Compressor(-22, generator.uniform(2, 6), 5, 120))
    if role == "bass" or (role in ("guitar", "keys", "brass") and generator.random() < 0.5):
        # a slow one lets the attack through and holds back what follows: plucked and struck tones click like drums
        attack_ms = generator.choice((5, generator.uniform(15, 50)))
        effects.append(pedalboard.Compressor(generator.uniform(-32, -20), generator.uniform(2, 8), attack_ms, 120))
    return effects


def without_bass() -> Any:
    """Return the filter that keeps a singer and removes the bass below."""
    import pedalboard

    return pedalboard.HighpassFilter(180)


def amplifier(generator: np.random.Generator) -> list[Any]:
    """Draw a distorting guitar amplifier with its loudspeaker."""
    import pedalboard

    return [
        pedalboard.HighpassFilter(100), pedalboard.Compressor(-30, 4, 3, 80),
        pedalboard.Distortion(generator.uniform(22, 42)),
        pedalboard.PeakFilter(generator.uniform(400, 900), generator.uniform(-7, 2), 0.8),
        pedalboard.PeakFilter(generator.uniform(1800, 3500), generator.uniform(0, 6), 0.9),
        pedalboard.LowpassFilter(generator.uniform(4500, 7500)), pedalboard.LowpassFilter(8000),
    ]  # fmt: skip


def room(audio: Audio, generator: np.random.Generator, *, wettest: float) -> Audio:
    """Add the reverberation of a room to a signal."""
    import pedalboard

    wet = wettest * generator.random() ** 2
    if wet < 0.04:  # it would be inaudible, and a room is the slowest of all effects
        return audio
    size = generator.uniform(0.1, 0.8)
    return through(
        audio, pedalboard.Reverb(size, generator.uniform(0.2, 0.8), wet, 1 - 0.5 * wet, generator.uniform(0.5, 1))
    )


def drum_bus(audio: Audio, generator: np.random.Generator) -> Audio:
    """Equalise, compress and at times saturate the drums."""
    import pedalboard

    effects: list[Any] = [
        pedalboard.LowShelfFilter(generator.uniform(60, 150), generator.uniform(-4, 4)),
        pedalboard.PeakFilter(generator.uniform(250, 600), generator.uniform(-5, 2), 0.8),
        pedalboard.HighShelfFilter(generator.uniform(4000, 9000), generator.uniform(-5, 6)),
    ]
    if generator.random() < 0.6:
        effects.append(
            pedalboard.Compressor(
                generator.uniform(-24, -10),
                generator.uniform(2, 8),
                generator.uniform(2, 30),
                generator.uniform(50, 250),
            )
        )
    if generator.random() < 0.2:
        effects.append(pedalboard.Distortion(generator.uniform(2, 12)))
    if generator.random() < 0.08:
        effects.append(pedalboard.LowpassFilter(generator.uniform(3000, 9000)))
    return through(audio, *effects)


def tone(generator: np.random.Generator) -> list[Any]:
    """Draw the tone of a whole recording, from bright to as dark as an old one; none for as many as have any."""
    import pedalboard

    shelves: list[Any] = [
        pedalboard.LowShelfFilter(generator.uniform(80, 250), generator.uniform(-3, 9)),
        pedalboard.HighShelfFilter(generator.uniform(1500, 6000), generator.uniform(-15, 3)),
    ]
    return shelves if generator.random() < 0.5 else []


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


def limit(mix: Audio) -> NDArray[np.float32]:
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
    gain: NDArray[np.float32] = np.minimum(smooth, needed)
    return gain
