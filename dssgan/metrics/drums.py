"""Scores of separated drums: whole hits, silence between them, and each drum of the kit."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from dssgan.types import Audio

Mask = npt.NDArray[np.bool_]

# What each part of the kit has to itself, Hz: a kick's fundamental and punch, a snare's body and its first ring, and
# what cymbals and hi-hats have above everything else.
BANDS_HZ: dict[str, tuple[float, float]] = {
    "kick": (20.0, 120.0),
    "snare": (150.0, 2500.0),
    "cymbals": (6000.0, float("inf")),
}
ONSET_WINDOW_SECONDS = (0.010, 0.100)  # before and after an onset
SILENCE_DB = -60.0
SHORTEST_SILENCE_SECONDS = 0.2
ATTACK_SECONDS = 0.020
LARGEST_ATTACK_ERROR_DB = 60.0  # of an attack that is gone
ONSET_TOLERANCE_SECONDS = 0.050  # MIREX's

_FRAME_SECONDS = 0.010
_FLUX_WINDOW_SECONDS = 0.023
_SHORTEST_GAP_SECONDS = 0.050
_COMPRESSION = 100.0
_LOCAL_SECONDS = 0.5


@dataclass(frozen=True)
class DrumScores:
    """Scores of one track's drums.

    Args:
        onset_sdr_db: SDR in the windows around the reference's onsets, dB; NaN where there is no onset.
        num_onsets: onsets found in the reference.
        attack_error_db: how much louder or softer the first 20 ms of a hit are than in the reference, the mean over its
            onsets of the amount, dB: the lower, the better; NaN where there is no onset.
        bleed_db: energy of the estimate where the reference is silent, in parts of the mix's there, dB: the lower, the
            better; NaN where the drums never pause while something plays.
        silent_seconds: how long that is in all.
        band_sdr_db: SDR within each band of `BANDS_HZ`, dB; NaN where the reference has nothing there.
    """

    onset_sdr_db: float
    num_onsets: int
    attack_error_db: float
    bleed_db: float
    silent_seconds: float
    band_sdr_db: dict[str, float]


def score_drums(estimate: Audio, reference: Audio, mix: Audio, sample_rate: int) -> DrumScores:
    """Score estimated drums.

    Args:
        estimate: estimated drums, (channels, samples).
        reference: true drums, the same shape.
        mix: what they were taken from, the same shape.
        sample_rate: Hz.

    Returns:
        The scores.

    Raises:
        ValueError: the shapes differ.
    """
    if not estimate.shape == reference.shape == mix.shape:
        raise ValueError(f"estimate {estimate.shape}, reference {reference.shape} and mix {mix.shape} must be alike")
    onsets = onset_times(reference, sample_rate)
    error = estimate - reference
    quiet = _silent(reference, sample_rate) & ~_silent(mix, sample_rate)
    return DrumScores(
        _sdr_around(onsets, error, reference, sample_rate),
        len(onsets),
        _attack_error(onsets, estimate, reference, sample_rate),
        _ratio_db(_energy(estimate[:, quiet]), _energy(mix[:, quiet])) if quiet.any() else float("nan"),
        float(quiet.sum() / sample_rate),
        _band_sdr(error, reference, sample_rate),
    )


def onset_sdr(estimate: Audio, reference: Audio, sample_rate: int) -> float:
    """Score estimated drums around their onsets, which listeners notice first.

    Args:
        estimate: estimated drums, (channels, samples).
        reference: true drums, the same shape.
        sample_rate: Hz.

    Returns:
        SDR in the windows around the reference's onsets, dB; NaN where there is no onset.
    """
    return _sdr_around(onset_times(reference, sample_rate), estimate - reference, reference, sample_rate)


def onset_f1(estimate: Audio, reference: Audio, sample_rate: int) -> float:
    """Return the F1 score of the onsets detected in estimated drums against those detected in the true ones.

    By mir_eval, with MIREX's tolerance of 50 ms: a lost hit costs recall, a bass note that is taken for one costs
    precision.

    Args:
        estimate: estimated drums, (channels, samples).
        reference: true drums, the same shape.
        sample_rate: Hz.

    Returns:
        F-measure, from 0 to 1; NaN where the reference has no onset.
    """
    from mir_eval.onset import f_measure  # an extra: only what asks for it needs it

    true, found = onset_times(reference, sample_rate), onset_times(estimate, sample_rate)
    if not len(true):
        return float("nan")
    if not len(found):  # of which mir_eval warns
        return 0.0
    return float(f_measure(true, found, window=ONSET_TOLERANCE_SECONDS)[0])


def onset_times(drums: Audio, sample_rate: int) -> npt.NDArray[np.float64]:
    """Find hits by spectral flux.

    Logarithmic magnitudes rise together at a hit; a peak counts that stands out of the half second around it. Source:
    Böck et al., "Evaluating the online capabilities of onset detection methods", 2012, sections 2.1 and 2.3.

    Args:
        drums: (channels, samples).
        sample_rate: Hz.

    Returns:
        Times, seconds, rising; a hit with a sharp attack is found within 10 ms, so that the windows hold all of it.
    """
    hop = max(1, round(_FRAME_SECONDS * sample_rate))
    window = max(2 * hop, round(_FLUX_WINDOW_SECONDS * sample_rate))
    mono = drums.mean(axis=0, dtype=np.float64)
    if mono.size < window or not mono.any():
        return np.empty(0)
    # zeros before the first hit, or it would have nothing to rise from
    padded = np.concatenate([np.zeros(2 * window), mono, np.zeros(window)])
    _, times, spectrum = signal.stft(
        padded, sample_rate, nperseg=window, noverlap=window - hop, boundary=None, padded=False
    )
    loud = np.log1p(_COMPRESSION * np.abs(spectrum))
    flux = np.maximum(np.diff(loud, axis=1), 0).sum(axis=0)
    around = max(3, round(_LOCAL_SECONDS / _FRAME_SECONDS) | 1)
    local = np.convolve(np.pad(flux, around // 2, mode="reflect"), np.ones(around) / around, mode="valid")
    peaks, _ = signal.find_peaks(
        flux - local, height=0.1 * flux.max(), distance=round(_SHORTEST_GAP_SECONDS / _FRAME_SECONDS)
    )
    # the difference belongs to the later frame, and is largest where a hit lies at about that frame's centre
    found: npt.NDArray[np.float64] = times[peaks + 1] - 2 * window / sample_rate
    return np.clip(found, 0, mono.size / sample_rate)


def _sdr_around(onsets: npt.NDArray[np.float64], error: Audio, reference: Audio, sample_rate: int) -> float:
    if not len(onsets):
        return float("nan")
    near = _around(onsets, reference.shape[-1], sample_rate)
    return _ratio_db(_energy(reference[:, near]), _energy(error[:, near]))


def _attack_error(onsets: npt.NDArray[np.float64], estimate: Audio, reference: Audio, sample_rate: int) -> float:
    errors = []
    for start in np.round(onsets * sample_rate).astype(int):
        attack = slice(start, start + round(ATTACK_SECONDS * sample_rate))
        true = _energy(reference[:, attack])
        if true > 0:
            ratio = abs(_ratio_db(_energy(estimate[:, attack]), true))
            errors.append(min(ratio, LARGEST_ATTACK_ERROR_DB))
    return float(np.mean(errors)) if errors else float("nan")


def _around(onsets: npt.NDArray[np.float64], num_samples: int, sample_rate: int) -> Mask:
    near = np.zeros(num_samples, np.bool_)
    before, after = ONSET_WINDOW_SECONDS
    for onset in onsets:
        near[max(0, round((onset - before) * sample_rate)) : round((onset + after) * sample_rate)] = True
    return near


def _silent(audio: Audio, sample_rate: int) -> Mask:
    """Return for every sample whether it belongs to a silence that is long enough to count."""
    frame = max(1, round(SHORTEST_SILENCE_SECONDS * sample_rate))
    loudest = np.abs(audio).max(axis=0)
    sounding = np.flatnonzero(loudest > 10 ** (SILENCE_DB / 20))
    silent = np.zeros(loudest.size, np.bool_)
    edges = np.concatenate([[-1], sounding, [loudest.size]])
    for gap in np.flatnonzero(np.diff(edges) - 1 >= frame):  # few: most samples of music lie between two that sound
        silent[edges[gap] + 1 : edges[gap + 1]] = True
    return silent


def _band_sdr(error: Audio, reference: Audio, sample_rate: int) -> dict[str, float]:
    length = fft.next_fast_len(reference.shape[-1], real=True)
    frequencies = fft.rfftfreq(length, 1 / sample_rate)
    # energy in a band by Parseval: no filter whose slopes would have to be chosen
    true, wrong = (np.square(np.abs(fft.rfft(audio, length))).sum(axis=0) for audio in (reference, error))
    scores = {}
    for name, (low, high) in BANDS_HZ.items():
        inside = (frequencies >= low) & (frequencies < high)
        scores[name] = _ratio_db(float(true[inside].sum()), float(wrong[inside].sum()))
    return scores


def _energy(audio: Audio) -> float:
    return float(np.square(audio, dtype=np.float64).sum())


def _ratio_db(above: float, below: float) -> float:
    if above == 0:
        return float("nan") if below == 0 else -float("inf")
    return float("inf") if below == 0 else float(10 * np.log10(above / below))
