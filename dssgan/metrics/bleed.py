"""Excess and missing sound of an estimate in mel bands: bleedless and fullness.

As the training framework MSST defines them (github.com/ZFTurbo/Music-Source-Separation-Training, `bleed_full`), with
which its leaderboards are made: a mel spectrogram in decibels, and the means of what lies above and below the
reference's.
"""

import numpy as np
import numpy.typing as npt
from scipy import fft, signal, sparse

from dssgan.types import Signal

Array = npt.NDArray[np.float64]

_FFT = 4096
_HOP = 1024
_MELS = 512
_RANGE_DB = 80.0  # below the loudest
_FRAMES = 256  # transformed at a time


def bleedless_and_fullness(estimate: Signal, reference: Signal, sample_rate: int) -> tuple[float, float]:
    """Score an estimate from 0 to 100 by what it adds, and by what it lacks.

    Args:
        estimate: (channels, samples).
        reference: the true source, the same shape.
        sample_rate: Hz.

    Returns:
        Bleedless and fullness: 100 over one plus the mean excess, and the mean lack, in dB. More is better; 100 is
        nothing too much, or nothing missing.

    Raises:
        ValueError: the shapes differ.
    """
    if estimate.shape != reference.shape:
        raise ValueError(f"estimate {estimate.shape} and reference {reference.shape}: must be alike")
    difference = _mel_decibels(estimate, sample_rate) - _mel_decibels(reference, sample_rate)
    excess, lack = difference[difference > 0], difference[difference < 0]
    return (
        100 / (1 + (float(excess.mean()) if excess.size else 0.0)),
        100 / (1 - (float(lack.mean()) if lack.size else 0.0)),
    )


def _mel_decibels(audio: Signal, sample_rate: int) -> npt.NDArray[np.float32]:
    """Return (channels, frames, mels), with centred frames and both ends padded with silence."""
    window = signal.get_window("hann", _FFT).astype(np.float32)
    padded = np.pad(audio.astype(np.float32), ((0, 0), (_FFT // 2, _FFT // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT, axis=-1)[:, ::_HOP]
    filters = sparse.csr_array(mel_filters(sample_rate).astype(np.float32).T)  # a bin lies in two triangles of 512
    bands = np.empty((*frames.shape[:2], _MELS), np.float32)
    for channel, rows in enumerate(frames):
        for start in range(0, len(rows), _FRAMES):
            magnitudes = np.abs(fft.rfft(rows[start : start + _FRAMES] * window, axis=-1))
            bands[channel, start : start + _FRAMES] = magnitudes @ filters
    decibels = 20 * np.log10(np.maximum(bands, 1e-10))
    loud: npt.NDArray[np.float32] = np.maximum(decibels, decibels.max() - _RANGE_DB)
    return loud


def mel_filters(sample_rate: int, n_fft: int = _FFT, num_mels: int = _MELS) -> Array:
    """Return triangles on Slaney's mel scale, each of the same area, as is librosa's default.

    Args:
        sample_rate: Hz.
        n_fft: samples of the transform.
        num_mels: how many.

    Returns:
        (num_mels, n_fft // 2 + 1).
    """
    edges = _hertz(np.linspace(0, _mels(sample_rate / 2), num_mels + 2))
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles: Array = np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])[:, None]
    return triangles


# linear up to 1000 Hz, 200/3 Hz a mel; then 27 mels to a factor of 6.4
_STEP_HZ, _KNEE_HZ, _LOG_STEP = 200 / 3, 1000.0, float(np.log(6.4)) / 27


def _mels(hertz: float) -> float:
    if hertz < _KNEE_HZ:
        return hertz / _STEP_HZ
    return _KNEE_HZ / _STEP_HZ + float(np.log(hertz / _KNEE_HZ)) / _LOG_STEP


def _hertz(mels: Array) -> Array:
    knee = _KNEE_HZ / _STEP_HZ
    return np.where(mels < knee, mels * _STEP_HZ, _KNEE_HZ * np.exp(_LOG_STEP * (mels - knee)))
