"""Mixing: levels, panning and channel strips."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dssgan.synthesis.score import Curve
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

_BLOCK_SAMPLES = 4410  # 0.1 s
_SMOOTH_SAMPLES = 441  # 10 ms


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


def room(generator: np.random.Generator, *, wettest: float) -> list[Any]:
    """Draw the reverberation of a room; none where it would be inaudible, for a room is the slowest of all effects."""
    import pedalboard

    wet = wettest * generator.random() ** 2
    if wet < 0.04:
        return []
    size = generator.uniform(0.1, 0.8)
    return [pedalboard.Reverb(size, generator.uniform(0.2, 0.8), wet, 1 - 0.5 * wet, generator.uniform(0.5, 1))]


def follow(curve: Curve, num_samples: int) -> NDArray[np.float32]:
    """Return the values that hold at each sample, (samples,), with steps smoothed over 10 ms.

    Args:
        curve: times, seconds, and the values from then on; the first holds before, too. At least one.
        num_samples: how many.
    """
    from scipy.ndimage import uniform_filter1d

    starts = [round(seconds * SAMPLE_RATE) for seconds, _ in curve[1:]]
    bounds = np.clip([0, *starts, num_samples], 0, num_samples)
    values = np.repeat(np.asarray([value for _, value in curve], np.float32), np.diff(bounds))
    smooth: NDArray[np.float32] = uniform_filter1d(values, _SMOOTH_SAMPLES, mode="nearest")
    return smooth


def pan_along(positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the gains of left and right, (2, samples), that pan a signal as `pan` does, by a position a sample."""
    angles = (positions + 1) * np.float32(np.pi / 4)
    gains: NDArray[np.float32] = np.float32(np.sqrt(2)) * np.stack([np.cos(angles), np.sin(angles)])
    return gains
