"""Which recordings sound the same, at any level and sample rate, in any codec and under any name.

Peaks of the spectrogram are joined in pairs, and the pairs of two recordings counted that lie at one common distance in
time: chance agrees on few, common audio on many. Source: Wang 2003, "An industrial-strength audio search algorithm",
section 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dssgan.audio.resample import resample
from dssgan.types import Audio

SAMPLE_RATE = 11025
_N_FFT = 1024
_HOP_SAMPLES = 256
_HIGHEST_BIN = 400  # 4.3 kHz: what every codec and sample rate keeps
_REACH_BINS, _REACH_FRAMES = 12, 8  # a peak is the highest of its neighbourhood
_FLOOR_DB = 60.0  # under the loudest
_FAN = 6  # later peaks each is paired with
_MAX_FRAMES_APART = 64
_MAX_ALIKE = 40  # a pair that occurs more often than this, and than there are recordings, distinguishes nothing
_FEWEST_PAIRS = 40
_LEAST_SHARE = 0.02  # of the shorter recording's pairs; different songs agree on 0.005 at most, copies on 0.18 or more
_SLACK_FRAMES = 1

Landmarks = tuple[NDArray[np.uint32], NDArray[np.int32]]


@dataclass(frozen=True)
class Match:
    """Two recordings with audio in common.

    Attributes:
        first: number of one.
        second: number of the other, larger.
        share: share of the shorter one's landmarks, 0 to 1.
        offset_seconds: where the second's beginning lies in the first.
    """

    first: int
    second: int
    share: float
    offset_seconds: float


def landmarks(audio: Audio, sample_rate: int) -> Landmarks:
    """Find pairs of spectral peaks.

    Args:
        audio: (channels, samples).
        sample_rate: Hz.

    Returns:
        For each pair a number made of its two frequencies and their distance, and its frame.
    """
    from scipy.ndimage import maximum_filter
    from scipy.signal import stft

    mono = resample(audio.mean(axis=0, keepdims=True), sample_rate, SAMPLE_RATE)[0]
    nothing = np.zeros(0, np.uint32), np.zeros(0, np.int32)
    if mono.size < _N_FFT or not np.any(mono):
        return nothing
    _, _, spectrum = stft(mono, nperseg=_N_FFT, noverlap=_N_FFT - _HOP_SAMPLES, boundary=None, padded=False)
    power_db = 20 * np.log10(np.abs(spectrum[:_HIGHEST_BIN]) + 1e-10)  # (bins, frames)
    highest = maximum_filter(power_db, (2 * _REACH_BINS + 1, 2 * _REACH_FRAMES + 1))
    bins, frames = np.nonzero((power_db == highest) & (power_db > power_db.max() - _FLOOR_DB))
    order = np.lexsort((bins, frames))
    bins, frames = bins[order].astype(np.int64), frames[order].astype(np.int64)
    keys, times = [], []
    for step in range(1, _FAN + 1):
        apart = frames[step:] - frames[:-step]
        near = (apart > 0) & (apart <= _MAX_FRAMES_APART)
        # half of a bin's resolution: resampling and codecs move a peak by one
        keys.append((((bins[:-step] // 2) << 16) | ((bins[step:] // 2) << 8) | apart)[near])
        times.append(frames[:-step][near])
    if not keys:
        return nothing
    return np.concatenate(keys).astype(np.uint32), np.concatenate(times).astype(np.int32)


def matches(
    recordings: Sequence[Landmarks], *, num_queries: int | None = None, fewest_pairs: int = _FEWEST_PAIRS
) -> list[Match]:
    """Find every two recordings that have audio in common.

    Args:
        recordings: the landmarks of each.
        num_queries: compare only the first so many with all that follow them; None for all.
        fewest_pairs: landmarks that two must have in common to count.

    Returns:
        Matches, in the order of their numbers.
    """
    sizes = [len(keys) for keys, _ in recordings]
    if sum(sizes) == 0:
        return []
    keys = np.concatenate([keys for keys, _ in recordings])
    times = np.concatenate([times for _, times in recordings])
    owners = np.repeat(np.arange(len(recordings)), sizes)
    order = np.argsort(keys, kind="stable")
    keys, times, owners = keys[order], times[order], owners[order]
    found = []
    for number, (own_keys, own_times) in enumerate(recordings[:num_queries]):
        found += _matches_of(number, own_keys, own_times, keys, times, owners, sizes, fewest_pairs)
    return found


def _matches_of(
    number: int,
    own_keys: NDArray[np.uint32],
    own_times: NDArray[np.int32],
    keys: NDArray[np.uint32],
    times: NDArray[np.int32],
    owners: NDArray[np.int64],
    sizes: list[int],
    fewest_pairs: int,
) -> list[Match]:
    first, last = np.searchsorted(keys, own_keys, "left"), np.searchsorted(keys, own_keys, "right")
    counts = np.where(last - first > max(_MAX_ALIKE, len(sizes)), 0, last - first)
    if not counts.sum():
        return []
    # the indices first[i] ... last[i] - 1 for every i, one after the other
    indices = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    later = owners[indices] > number
    others, apart = owners[indices][later], (np.repeat(own_times, counts) - times[indices])[later].astype(np.int64)
    found = []
    for other in np.unique(others):
        values, agreeing = np.unique(apart[others == other], return_counts=True)
        near = np.array(
            [agreeing[np.abs(values - value) <= _SLACK_FRAMES].sum() for value in values[np.argsort(agreeing)[-3:]]]
        )
        best = int(near.max())
        share = best / min(sizes[number], sizes[other])
        if best >= fewest_pairs and share >= _LEAST_SHARE:
            offset = float(values[np.argsort(agreeing)[-3:]][int(near.argmax())]) * _HOP_SAMPLES / SAMPLE_RATE
            found.append(Match(number, int(other), min(share, 1.0), offset))
    return found
