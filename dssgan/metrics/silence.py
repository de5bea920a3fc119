"""Silence of true sources."""

import numpy as np

from dssgan.types import Audio

# The dither of 16 bits lies 6 dB below, and what codecs make of silence lower still; no source is so soft all along.
NOISE_FLOOR_DB = -90.0


def without_noise(sources: Audio) -> Audio:
    """Make sources that hold nothing but dither or a codec's noise digitally silent.

    Their SDR would say how much an estimate differs from that noise: -50 dB and less, which no other song's score could
    make up for in a mean.

    Args:
        sources: (sources, channels, samples).

    Returns:
        The same shape; the same array where no source is changed.
    """
    power = np.square(sources, dtype=np.float32).mean(axis=(-2, -1), dtype=np.float64)
    noise = (power > 0) & (power < 10 ** (NOISE_FLOOR_DB / 10))
    if not noise.any():
        return sources
    return np.where(noise[:, None, None], np.float32(0), sources)
