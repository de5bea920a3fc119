"""Normalisation of recordings far from the usual level, as float recorders and scaled integers leave them.

Networks have learnt from music at the levels at which it is published. At 24 dB more a separator loses a third of its
drums' SDR, at 40 dB more all of it; from 24 dB less to 12 dB more than usual nothing changes.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dssgan.types import Audio

ORDINARY_DB = (-42.0, -6.0)  # root mean square of what sounds, dB of full scale
_USUAL_DB = -18.0
_WINDOW_SECONDS = 0.4
_SOUNDING = 1e-4  # of the loudest window's power: 40 dB below it
_LARGEST_OFFSET = 0.1  # of what sounds: more is no music
_SMALLEST = 1e-30  # power of silence
_MEMORY_SECONDS = 3.0
_MAX_CHANGE_DB_PER_SECOND = 12.0


@dataclass(frozen=True)
class Level:
    """Gain and offset that normalise a recording: constants of the whole of it.

    Args:
        gain: factor, after the offset has been taken away.
        offset: mean of each channel; empty where there is none worth mentioning.
    """

    gain: float = 1.0
    offset: tuple[float, ...] = ()

    @property
    def is_ordinary(self) -> bool:
        """Whether it changes nothing."""
        return self.gain == 1 and not self.offset

    def normalise(self, block: Audio) -> Audio:
        """Normalise a block of the recording, (channels, samples); return it unchanged where its level is ordinary."""
        if self.is_ordinary:
            return block
        offset = np.asarray(self.offset or 0.0).reshape(-1, 1)
        normalised: Audio = ((block - offset) * self.gain).astype(np.float32)
        return normalised

    def restore(self, estimates: Audio) -> Audio:
        """Scale estimates, any shape, back to the recording's own level."""
        if self.gain == 1:
            return estimates
        back: Audio = (estimates.astype(np.float64) / self.gain).astype(np.float32)
        return back


@dataclass
class LevelMeter:
    """Measures a recording block by block; the result does not depend on how it is cut.

    Args:
        sample_rate: sample rate of the recording, Hz.
    """

    sample_rate: int
    _powers: list[float] = field(default_factory=list)
    _sums: NDArray[np.float64] | None = None
    _num_samples: int = 0
    _rest: Audio | None = None

    def push(self, block: Audio) -> None:
        """Measure the next block, (channels, samples)."""
        sums = block.sum(axis=1, dtype=np.float64)
        self._sums = sums if self._sums is None else self._sums + sums
        self._num_samples += block.shape[1]
        joined = block if self._rest is None else np.concatenate([self._rest, block], axis=1)
        size = max(1, round(_WINDOW_SECONDS * self.sample_rate))
        whole = joined.shape[1] // size * size
        windows = joined[:, :whole].reshape(joined.shape[0], -1, size)
        self._powers += [_variance(windows[:, number]) for number in range(windows.shape[1])]
        self._rest = joined[:, whole:].copy()

    def level(self) -> Level:
        """Return the gain and offset that normalise the recording."""
        powers = list(self._powers)
        if self._rest is not None and self._rest.shape[1] > 1 and not powers:
            powers.append(_variance(self._rest))
        sounding = [power for power in powers if power > max(_SOUNDING * max(powers), _SMALLEST)]
        if self._sums is None or not sounding:
            return Level()
        power = math.fsum(sounding) / len(sounding)
        if not math.isfinite(power):
            return Level()  # reading or separating it fails with an error
        means = self._sums / self._num_samples
        offset = tuple(means.tolist()) if np.abs(means).max() > _LARGEST_OFFSET * math.sqrt(power) else ()
        level_db = 10 * math.log10(power)
        gain = 1.0 if ORDINARY_DB[0] <= level_db <= ORDINARY_DB[1] else 10 ** ((_USUAL_DB - level_db) / 20)
        return Level(gain, offset)


class SlowGain:
    """Follows the level of a stream whose rest is not there yet.

    The gain stays 1 while the stream is at an ordinary level. Otherwise it moves towards the gain that scales the
    latest seconds to the usual one, by 12 dB a second at most, but for where the stream begins.

    Args:
        step_seconds: time between two frames.
    """

    def __init__(self, step_seconds: float) -> None:
        self._step_seconds = step_seconds
        self._power = 0.0  # mean of the latest seconds that sound
        self._num_frames = 0
        self._gain_db = 0.0

    def next_gains(self, powers: Sequence[float]) -> list[float]:
        """Return the gain of each of the next frames.

        Args:
            powers: mean square of each.
        """
        return [self._next(power) for power in powers]

    def _next(self, power: float) -> float:
        if power > max(_SOUNDING * self._power, _SMALLEST):
            self._num_frames += 1
            weight = max(1 / self._num_frames, self._step_seconds / _MEMORY_SECONDS)
            self._power += weight * (power - self._power)
            level_db = 10 * math.log10(self._power)
            wanted_db = 0.0 if ORDINARY_DB[0] <= level_db <= ORDINARY_DB[1] else _USUAL_DB - level_db
            largest = math.inf if self._num_frames == 1 else _MAX_CHANGE_DB_PER_SECOND * self._step_seconds
            self._gain_db += min(max(wanted_db - self._gain_db, -largest), largest)
        return float(10 ** (self._gain_db / 20))


def measure_level(blocks: Iterable[Audio], sample_rate: int) -> Level:
    """Measure a recording.

    Args:
        blocks: (channels, any number of samples) each.
        sample_rate: their sample rate, Hz.
    """
    meter = LevelMeter(sample_rate)
    for block in blocks:
        meter.push(block)
    return meter.level()


def normalise_blocks(blocks: Iterable[Audio], level: Level) -> Iterator[Audio]:
    """Normalise blocks; yield them unchanged where their level is ordinary."""
    return iter(blocks) if level.is_ordinary else map(level.normalise, blocks)


def _variance(window: Audio) -> float:
    """Mean over the channels of the variance: the power without what is constant."""
    return float(window.var(axis=1, dtype=np.float64).mean())
