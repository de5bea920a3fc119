"""Checks of one recording, whatever it contains."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dssgan.curation.doctor.finding import Finding
from dssgan.types import Audio

_SILENT_DB = -60.0
_MAX_SILENT = 0.9
_FULL_SCALE = 0.985
_CLIPPED_SAMPLES = 3
_MAX_CLIPS_A_MINUTE = 10.0
_MAX_DC = 0.005
_LEAST_CUTOFF_HZ = 15500.0
_CODEC_DROP_DB = 25.0
_N_FFT = 4096


def level_db(audio: Audio) -> float:
    """Root mean square level, dB re full scale; -200 for digital silence."""
    return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-20)) if audio.size else -200.0


def examine_signal(audio: Audio, sample_rate: int, label: str) -> Iterator[Finding]:
    """Look for silence, clipping, a DC offset and a bandwidth cut by a codec.

    Args:
        audio: (channels, samples).
        sample_rate: Hz.
        label: the file's name, for messages.

    Yields:
        Findings without partition and track.
    """
    silent = silent_share(audio, sample_rate)
    if silent == 1.0:
        yield Finding(
            "warning", "silence", "is silent throughout", "leave the file out: a missing source is silence", file=label,
            value=1.0,
        )  # fmt: skip
        return
    if silent > _MAX_SILENT:
        yield Finding(
            "warning", "silence", f"is silent for {silent:.0%} of its length", "cut the song to where it plays",
            file=label, value=silent,
        )  # fmt: skip
    clips = clips_a_minute(audio, sample_rate)
    if clips > _MAX_CLIPS_A_MINUTE:
        yield Finding(
            "warning", "clipping", f"clips {clips:.0f} times a minute", "export it again at a lower level", file=label,
            value=clips,
        )  # fmt: skip
    dc = float(np.abs(audio.mean(axis=1, dtype=np.float64)).max())
    if dc > _MAX_DC:
        yield Finding("warning", "dc", f"has a DC offset of {dc:.3f}", "--fix takes it away", file=label, value=dc)
    cutoff_hz = cutoff(audio, sample_rate)
    if cutoff_hz < min(_LEAST_CUTOFF_HZ, 0.4 * sample_rate):
        yield Finding(
            "warning", "bandwidth", f"holds nothing above {cutoff_hz / 1000:.1f} kHz, as after a low-bitrate codec",
            "use the original instead of a compressed copy", file=label, value=cutoff_hz,
        )  # fmt: skip


def silent_share(audio: Audio, sample_rate: int) -> float:
    """Share of the blocks of 0.1 s that are under -60 dB, 0 to 1."""
    block = max(sample_rate // 10, 1)
    power = np.mean(np.square(audio, dtype=np.float64), axis=0)
    if power.size < block:
        return float(level_db(audio) < _SILENT_DB)
    blocks = power[: power.size // block * block].reshape(-1, block).mean(axis=1)
    return float(np.mean(blocks < 10 ** (_SILENT_DB / 10)))


def clips_a_minute(audio: Audio, sample_rate: int) -> float:
    """How often three samples or more in a row stay at the signal's own largest value, near full scale."""
    count = 0
    for channel in audio:
        largest = float(np.abs(channel).max(initial=0.0))
        if largest < _FULL_SCALE:
            continue
        for sign in (1, -1):
            at_top = channel * sign >= largest * (1 - 1e-4)
            edges = np.diff(np.concatenate([[0], at_top.astype(np.int8), [0]]))
            lengths = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
            count += int(np.sum(lengths >= _CLIPPED_SAMPLES))
    minutes = float(audio.shape[1]) / sample_rate / 60
    return count / minutes


def cutoff(audio: Audio, sample_rate: int) -> float:
    """Where a codec's low-pass cut the spectrum off, Hz; half the sample rate where nothing did.

    A codec leaves a cliff: the level falls by tens of dB within a few hundred hertz and stays there. Music and filters
    fall gradually.
    """
    spectrum_db = _long_term_db(audio)
    if spectrum_db is None:
        return sample_rate / 2
    hertz = np.arange(len(spectrum_db)) * sample_rate / _N_FFT
    width = max(round(600 * _N_FFT / sample_rate), 1)
    best = sample_rate / 2
    for bin_index in range(round(3000 * _N_FFT / sample_rate), len(spectrum_db) - 2 * width, width // 4 or 1):
        below = float(np.median(spectrum_db[bin_index - width : bin_index]))
        above = float(spectrum_db[bin_index + width :].max())
        if below - above > _CODEC_DROP_DB and below > spectrum_db.max() - 90:
            best = float(hertz[bin_index])
            break
    return best


def _long_term_db(audio: Audio) -> NDArray[np.float64] | None:
    from scipy.signal import welch

    mono = audio.mean(axis=0)
    if mono.size < _N_FFT:
        return None
    _, power = welch(mono, nperseg=_N_FFT)
    smooth = np.convolve(power, np.ones(5) / 5, mode="same")
    decibels: NDArray[np.float64] = 10 * np.log10(smooth + 1e-20)
    return decibels[:-4]  # the smoothing's own edge
