"""Checks across the files of one song."""

from collections.abc import Iterator, Sequence

import numpy as np

from dssgan.curation.doctor.finding import Finding
from dssgan.curation.doctor.signal import level_db
from dssgan.types import DRUMS, Audio

_GOOD_DB = -30.0
_BAD_DB = -10.0
_MAX_LAG_SECONDS = 1.0
_LAG_BETTER_DB = 3.0
_LEAST_PERCUSSIVE = 0.55
_CERTAIN_GAP = 0.15
_FAINT_DB = -60.0
_HPSS_N_FFT = 1024  # at 22.05 kHz
_LOWEST_BIN = 8  # 170 Hz


def examine_sum(mix: Audio, sources: Audio, names: Sequence[str], sample_rate: int) -> Iterator[Finding]:
    """Compare a mix with the sum of its sources, and find what is out of step.

    Args:
        mix: (channels, samples).
        sources: (sources, channels, samples).
        names: names of the sources.
        sample_rate: Hz.

    Yields:
        Findings without partition and track.
    """
    loudness = level_db(mix)
    error_db = level_db(mix - sources.sum(axis=0)) - loudness
    if error_db <= _GOOD_DB or loudness < -100:
        return
    lags = misalignments(mix, sources, sample_rate)
    late = {name: lag for name, lag in zip(names, lags, strict=True) if lag}
    if late:
        lags_of = ", ".join(f"{name} {lag / sample_rate * 1000:+.1f} ms" for name, lag in late.items())
        yield Finding(
            "error", "alignment", f"does not start with its mix: {lags_of}", "--fix shifts it",
            value=max(late.values(), key=abs) / sample_rate,
        )  # fmt: skip
        return
    yield Finding(
        "error" if error_db > _BAD_DB else "warning", "sum",
        f"the mix differs from the sum of the sources by {error_db:.1f} dB",
        "give the mix before mastering, or none: then it is the sum", value=error_db,
    )  # fmt: skip


def misalignments(mix: Audio, sources: Audio, sample_rate: int) -> list[int]:
    """Find by how many samples each source comes later than in the mix; 0 where shifting would not help.

    Each source is held against the mix less the other sources, in which it is alone where these are in step; and all of
    them against the mix, in case it is the mix that is out of step.

    Args:
        mix: (channels, samples).
        sources: (sources, channels, samples).
        sample_rate: Hz.
    """
    total = sources.sum(axis=0)
    most = round(_MAX_LAG_SECONDS * sample_rate)
    alone = [_lag(source, mix - (total - source), most) if np.any(source) else 0 for source in sources]
    together = [_lag(total, mix, most)] * len(sources)

    def error_db(lags: list[int]) -> float:
        moved = sum(shifted(source, lag) for source, lag in zip(sources, lags, strict=True))
        return level_db(mix - moved)

    stay = [0] * len(sources)
    best = min((alone, together, stay), key=error_db)
    return best if error_db(stay) - error_db(best) > _LAG_BETTER_DB else stay


def _lag(late: Audio, early: Audio, most: int) -> int:
    from scipy.signal import correlate

    a, b = late.mean(axis=0), early.mean(axis=0)
    # two minutes from the middle are enough
    middle, half = a.size // 2, 60 * 44100
    a, b = a[max(middle - half, 0) : middle + half], b[max(middle - half, 0) : middle + half]
    correlation = correlate(a, b, mode="full", method="fft")
    centre = b.size - 1
    window = correlation[max(centre - most, 0) : centre + most + 1]
    best: int = int(np.argmax(window)) - min(centre, most)
    return best


def shifted(audio: Audio, lag: int) -> Audio:
    """Make a signal come earlier by `lag` samples (later where it is below zero), filled up with silence."""
    moved = np.zeros_like(audio)
    if lag >= 0:
        moved[..., : audio.shape[-1] - lag] = audio[..., lag:]
    else:
        moved[..., -lag:] = audio[..., :lag]
    return moved


def percussiveness(audio: Audio, sample_rate: int) -> float:
    """Share of a signal's magnitude above the bass that is percussive rather than harmonic, 0 to 1.

    Eighteen songs' drums have 0.64 to 0.97 and what accompanies them 0.26 to 0.74, always less than the drums of the
    same song. Source: Fitzgerald 2010, "Harmonic/percussive separation using median filtering".
    """
    from scipy.ndimage import median_filter
    from scipy.signal import stft

    mono = _loudest(audio, sample_rate)[:: max(round(sample_rate / 22050), 1)]
    if mono.size < _HPSS_N_FFT or not np.any(mono):
        return 0.0
    _, _, spectrum = stft(mono, nperseg=_HPSS_N_FFT, noverlap=_HPSS_N_FFT // 2)
    magnitude = np.abs(spectrum[_LOWEST_BIN:]).astype(np.float32)  # a bass drum's tone is as steady as a bass
    harmonic, percussive = median_filter(magnitude, (1, 17)), median_filter(magnitude, (17, 1))
    mask = percussive**2 / (percussive**2 + harmonic**2 + 1e-12)
    return float(np.sum(mask * magnitude) / (np.sum(magnitude) + 1e-12))


def _loudest(audio: Audio, sample_rate: int) -> Audio:
    """The loudest minute, in pieces of ten seconds."""
    mono: Audio = audio.mean(axis=0)
    piece = 10 * sample_rate
    pieces = [mono[start : start + piece] for start in range(0, mono.size, piece)]
    loudest = sorted(pieces, key=lambda part: -float(np.sum(np.square(part))))[:6]
    return np.concatenate(loudest) if loudest else mono


def examine_drums(sources: Audio, names: Sequence[str], sample_rate: int) -> Iterator[Finding]:
    """Ask whether the source called drums is drums.

    Args:
        sources: (sources, channels, samples).
        names: names of the sources.
        sample_rate: Hz.

    Yields:
        Findings without partition and track.
    """
    if DRUMS not in names:
        return
    drums = list(names).index(DRUMS)
    if level_db(sources[drums]) < _FAINT_DB:
        return
    found = percussiveness(sources[drums], sample_rate)
    audible = [part for number, part in enumerate(sources) if number != drums and level_db(part) > _FAINT_DB]
    rest = max((percussiveness(part, sample_rate) for part in audible), default=0.0)
    if found >= (rest if audible else _LEAST_PERCUSSIVE):
        return
    # both may be percussive, or neither; only a low figure or a wide gap is beyond doubt
    certain = found < _LEAST_PERCUSSIVE or rest - found > _CERTAIN_GAP
    yield Finding(
        "error" if certain else "warning", "drums",
        f"its drums are percussive for {found:.0%} only, the rest for {rest:.0%}", "look whether sources were swapped",
        value=found,
    )  # fmt: skip
