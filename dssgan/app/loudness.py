"""Loudness of music as broadcasters measure it: ITU-R BS.1770-4, block by block."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dssgan.extras import import_from
from dssgan.types import Audio

_BLOCK_SECONDS, _STEP_SECONDS = 0.4, 0.1
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
_OFFSET_DB = -0.691
_STEPS_A_BLOCK = round(_BLOCK_SECONDS / _STEP_SECONDS)


@dataclass
class LoudnessMeter:
    """Integrated loudness of mono or stereo music, and its highest sample.

    Source: ITU-R BS.1770-4, annex 1; the filters for other rates than 48 kHz as in its implementations, by the bilinear
    transform of the analogue ones (De Man, "Evaluation of implementations of the EBU R128 loudness measurement", 2018).

    Args:
        sample_rate: Hz.
        channels: number of channels; all count alike.
    """

    sample_rate: int
    channels: int
    peak: float = 0.0
    _energies: list[float] = field(default_factory=list, init=False)
    _rest: NDArray[np.float64] = field(init=False)
    _states: list[NDArray[np.float64]] = field(init=False)

    def __post_init__(self) -> None:
        self._signal = import_from("scipy.signal", "app")
        self._filters = _k_weighting(self.sample_rate)
        self._states = [np.zeros((self.channels, 2)) for _ in self._filters]
        self._rest = np.zeros((self.channels, 0))

    def push(self, block: Audio) -> None:
        """Add the next samples, (channels, samples)."""
        if block.size == 0:
            return
        self.peak = max(self.peak, float(np.abs(block).max()))
        weighted = block.astype(np.float64)
        for number, (numerator, denominator) in enumerate(self._filters):
            weighted, self._states[number] = self._signal.lfilter(
                numerator, denominator, weighted, axis=-1, zi=self._states[number]
            )
        whole = np.concatenate([self._rest, weighted], axis=1)
        step = round(_STEP_SECONDS * self.sample_rate)
        num_steps = whole.shape[1] // step
        parts = whole[:, : num_steps * step].reshape(self.channels, num_steps, step)
        self._energies += np.square(parts).sum(axis=(0, 2)).tolist()
        self._rest = whole[:, num_steps * step :]

    def integrated(self) -> float:
        """Return the loudness so far, LUFS; minus infinity of silence, and of less than 0.4 s."""
        if len(self._energies) < _STEPS_A_BLOCK:
            return float("-inf")
        sums = np.convolve(self._energies, np.ones(_STEPS_A_BLOCK), mode="valid")
        powers = sums / (_STEPS_A_BLOCK * round(_STEP_SECONDS * self.sample_rate))
        kept = powers[_lufs(powers) > _ABSOLUTE_GATE]
        if not kept.size:
            return float("-inf")
        kept = kept[_lufs(kept) > _lufs(kept.mean()) + _RELATIVE_GATE]
        return float(_lufs(kept.mean()))


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return _OFFSET_DB + 10 * np.log10(np.maximum(power, 1e-30))


def _k_weighting(sample_rate: int) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return a shelf for the head and a high-pass, each as numerator and denominator."""
    gain_db, quality, hertz = 3.999843853973347, 0.7071752369554196, 1681.974450955533
    k = np.tan(np.pi * hertz / sample_rate)
    high = 10 ** (gain_db / 20)
    band = high**0.4996667741545416
    shelf = np.array([high + band * k / quality + k * k, 2 * (k * k - high), high - band * k / quality + k * k])
    shelf_below = np.array([1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k])
    quality, hertz = 0.5003270373238773, 38.13547087602444
    k = np.tan(np.pi * hertz / sample_rate)
    below = np.array([1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k])
    return [
        (shelf / shelf_below[0], shelf_below / shelf_below[0]),
        (np.array([1.0, -2.0, 1.0]), below / below[0]),
    ]
