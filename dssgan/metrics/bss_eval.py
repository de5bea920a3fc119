"""BSS Eval, versions 3 and 4: how much of an estimate is its source, filtered source, other sources, and none of them.

The estimate is projected by least squares onto what filters of 512 taps can make of the true sources. Nothing but
energies is asked of the parts, so they stay in the frequency domain (Parseval), and what depends on the true sources
alone, the factors of the normal equations, is computed once for all estimates of a song.

Source: Vincent, Gribonval and Fevotte, "Performance measurement in blind audio source separation", 2006; Stoeter,
Liutkus and Ito, "The 2018 signal separation evaluation campaign", 2018, section 3 (arXiv 1804.06267). The numbers are
museval's.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, linalg

from dssgan.errors import AudioError
from dssgan.types import Signal

Array = npt.NDArray[np.float64]
Spectrum = npt.NDArray[np.complex128]

METRICS = ("SDR", "ISR", "SIR", "SAR")
FILTER_LENGTH = 512  # samples
_BLOCK = 2**16  # samples of one transform when a whole song is correlated


@dataclass(frozen=True)
class Version:
    """One way in which BSS Eval has been done.

    Args:
        name: under which its scores are kept.
        window_seconds: length of a frame; infinite for the whole track.
        hop_seconds: stride between frames.
        framewise_filters: fit filters anew to each frame, as up to version 3.
        images: compare with the true source's image in all channels. Otherwise the mean over the channels is compared,
            and the true source is filtered first to what is closest to the estimate, so that a wrong colour costs
            nothing and there is no ISR.
        sdr_only: leave out the filters, which images' SDR does not need, and with them ISR, SIR and SAR.
    """

    name: str
    window_seconds: float
    hop_seconds: float
    framewise_filters: bool
    images: bool
    sdr_only: bool = False


VERSIONS = {
    version.name: version
    for version in (
        Version("v4", 1.0, 1.0, framewise_filters=False, images=True),
        Version("v3", float("inf"), float("inf"), framewise_filters=True, images=False),
        Version("images-v3", 30.0, 15.0, framewise_filters=True, images=True),
        Version("fast", 1.0, 1.0, framewise_filters=False, images=True, sdr_only=True),
    )
}


class References:
    """The true sources of one song, ready for the estimates of many methods.

    >>> import numpy as np
    >>> sources = np.random.default_rng(0).standard_normal((2, 1, 16000))
    >>> references = References(sources, 8000)
    >>> references.score(sources + 0.1 * sources[::-1]).shape  # metrics, sources, frames
    (4, 2, 2)

    Args:
        sources: (sources, channels, samples).
        sample_rate: Hz.
        version: a version of `VERSIONS`.

    Raises:
        AudioError: there are no samples, or one that is not a finite number.
    """

    def __init__(self, sources: Signal, sample_rate: int, version: Version = VERSIONS["v4"]) -> None:
        if sources.ndim != 3 or sources.shape[-1] == 0:
            raise AudioError(f"references {sources.shape}: must be (sources, channels, samples), and hold a sample")
        if not np.isfinite(sources).all():
            raise AudioError("references: hold a sample that is not a finite number; export them again")
        self.version = version
        self.sources = sources
        self._compared_sources = self._compared(sources)
        self.sample_rate = sample_rate
        self._frames = list(_frames(sources.shape[-1], sample_rate, version))
        self._filters: _Projections | None = None

    @property
    def num_frames(self) -> int:
        """Frames that are scored: whole windows, or the track itself where it is shorter than one."""
        return len(self._frames)

    def score(self, estimates: Signal) -> Array:
        """Score one method's estimates.

        A frame in which any source is silent, in references or estimates, is NaN for all of them. Silent is what
        museval calls silent: the channels add up to zero at every sample. So is every frame of a track in which a
        source is silent throughout.

        Args:
            estimates: the shape of the references.

        Returns:
            dB, (metrics of `METRICS`, sources, frames). What the version does not have is NaN. What has no error is at
            infinity.

        Raises:
            ValueError: the shapes differ.
        """
        if estimates.shape != self.sources.shape:
            raise ValueError(f"estimates {estimates.shape} and references {self.sources.shape}: must be alike")
        guessed = self._compared(estimates)
        scores = np.full((len(METRICS), len(guessed), self.num_frames), np.nan)
        if _any_silent(self._compared_sources) or _any_silent(guessed):
            return scores
        whole = None
        if not (self.version.framewise_filters or self.version.sdr_only):
            whole = self._projections(slice(0, self.sources.shape[-1])).fit(guessed)
        for index, span in enumerate(self._frames):
            true, estimate = self._compared_sources[..., span], guessed[..., span]
            if _any_silent(true) or _any_silent(estimate):
                continue
            if self.version.sdr_only:
                scores[METRICS.index("SDR"), :, index] = _plain_sdr(true, estimate)
            else:
                filters = whole or self._projections(span).fit(estimate)
                scores[..., index] = filters.ratios(true, estimate, images=self.version.images)
        return scores

    def _compared(self, audio: Signal) -> Signal:
        return audio if self.version.images else audio.mean(axis=1, keepdims=True, dtype=np.float64)

    def _projections(self, span: slice) -> "_Projections":
        # the last one is kept, which serves every method where one span is all that is fitted
        if self._filters is None or self._filters.span != span:
            self._filters = _Projections(self._compared_sources[..., span], span)
        return self._filters


@dataclass(frozen=True)
class _Filters:
    """Filters that make of the true sources what is closest to each estimate.

    Args:
        by_all: filters from all sources, (estimates, sources, channels, taps, channels of the estimate).
        by_own: filters from the estimate's own source, (estimates, channels, taps, channels of the estimate).
    """

    by_all: Array
    by_own: Array

    def ratios(self, true: Signal, estimate: Signal, *, images: bool) -> Array:
        """Return the four ratios of a frame, dB, (metrics, sources)."""
        size = fft.next_fast_len(true.shape[-1] + FILTER_LENGTH - 1, real=True)
        spectra, guesses = _spectrum(true, size), _spectrum(estimate, size)  # (sources, channels, bins)
        by_all = fft.rfft(self.by_all, size, axis=-2)
        by_own = fft.rfft(self.by_own, size, axis=-2)
        weight = np.full(spectra.shape[-1], 2.0)  # of each bin: all but the outer ones stand for two
        weight[0] = 1
        if size % 2 == 0:
            weight[-1] = 1

        def energy(part: Spectrum) -> float:
            return float((part.real**2 + part.imag**2).sum(axis=0) @ weight)

        ratios = np.empty((len(METRICS), len(guesses)))
        for source, guess in enumerate(guesses):
            own = np.einsum("cf,cfd->df", spectra[source], by_own[source])
            everything = np.einsum("scf,scfd->df", spectra, by_all[source])
            filtered, interference, artifacts = energy(own), everything - own, guess - everything
            if images:
                target = energy(spectra[source])
                ratios[:, source] = (
                    _decibels(target, energy(guess - spectra[source])),
                    _decibels(target, energy(own - spectra[source])),
                    _decibels(filtered, energy(interference)),
                    _decibels(energy(everything), energy(artifacts)),
                )
            else:
                ratios[:, source] = (
                    _decibels(filtered, energy(guess - own)),
                    np.nan,
                    _decibels(filtered, energy(interference)),
                    _decibels(energy(everything), energy(artifacts)),
                )
        return ratios


class _Projections:
    """The normal equations of the least-squares projections, factored."""

    def __init__(self, true: Signal, span: slice) -> None:
        self.span = span
        self._true = true
        num_sources, num_channels = true.shape[:2]
        self._num_rows = num_channels * FILTER_LENGTH
        correlations = _correlations(true, true)  # (delayed source and channel, taps, source and channel)
        rows = [
            [linalg.toeplitz(correlations[later, :, sooner], correlations[sooner, :, later]) for sooner in range(count)]
            for count in [num_sources * num_channels]
            for later in range(count)
        ]
        matrix = np.block(rows)
        self._all = _Equations(matrix)
        self._own = [
            _Equations(matrix[start : start + self._num_rows, start : start + self._num_rows])
            for start in range(0, len(matrix), self._num_rows)
        ]

    def fit(self, estimates: Signal) -> _Filters:
        num_sources, num_channels = self._true.shape[:2]
        right = _correlations(self._true, estimates)
        right = right.reshape(num_sources * self._num_rows, num_sources, num_channels)
        by_all = self._all.solve(right.reshape(len(right), -1))
        by_all = by_all.reshape(num_sources, num_channels, FILTER_LENGTH, num_sources, num_channels)
        own = [
            equations.solve(right[source * self._num_rows : (source + 1) * self._num_rows, source])
            for source, equations in enumerate(self._own)
        ]
        by_own = np.stack(own).reshape(num_sources, num_channels, FILTER_LENGTH, num_channels)
        return _Filters(np.moveaxis(by_all, 3, 0), by_own)


class _Equations:
    """A symmetric system, solved by LU as museval does, and by least squares where it is singular."""

    def __init__(self, matrix: Array) -> None:
        self._matrix: Any = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", linalg.LinAlgWarning)  # exactly singular: its factors show it, below
            self._factors = linalg.lu_factor(matrix + np.finfo(float).eps * np.eye(len(matrix)), check_finite=False)
        if not self._factors[0].diagonal().all():
            self._matrix = matrix

    def solve(self, right: Array) -> Array:
        if self._matrix is not None:
            least: Array = linalg.lstsq(self._matrix, right, cond=np.finfo(float).eps * len(right))[0]
            return least
        solution: Array = linalg.lu_solve(self._factors, right, check_finite=False)
        return solution


def _correlations(true: Signal, estimates: Signal) -> Array:
    """Correlate estimates with true sources that are delayed by up to a filter's length.

    Args:
        true: (sources, channels, samples).
        estimates: likewise.

    Returns:
        (true sources and channels, taps, estimates and channels): sums over n of estimate[n] true[n - tap].
    """
    delayed, ahead = true.reshape(-1, true.shape[-1]), estimates.reshape(-1, true.shape[-1])
    num_samples, history = delayed.shape[-1], FILTER_LENGTH - 1
    size = min(_BLOCK, fft.next_fast_len(num_samples + history, real=True))
    total = np.zeros((len(delayed), len(ahead), size // 2 + 1), np.complex128)
    step = size - history
    for start in range(0, num_samples, step):
        first = max(0, start - history)
        past = np.zeros((len(delayed), size))
        past[:, first - start + history : min(start + step, num_samples) - start + history] = (
            delayed[:, first : start + step]
        )  # fmt: skip
        spectra = fft.rfft(past, axis=-1)
        now = np.conj(fft.rfft(ahead[:, start : start + step].astype(np.float64), size, axis=-1))
        total += spectra[:, None] * now[None]
    lags = fft.irfft(total, size, axis=-1)[..., :FILTER_LENGTH]
    return np.moveaxis(lags[..., ::-1], 2, 1)


def _plain_sdr(true: Signal, estimate: Signal) -> list[float]:
    """Compare energies of sources and errors: the decomposition's three errors add up to the whole one."""
    signal, guess = true.astype(np.float64), estimate.astype(np.float64)
    energies = np.square(signal).sum(axis=(1, 2)), np.square(guess - signal).sum(axis=(1, 2))
    return [_decibels(*pair) for pair in zip(*energies, strict=True)]


def _frames(num_samples: int, sample_rate: int, version: Version) -> Iterator[slice]:
    """Return museval's frames: whole windows, or one frame for a track that is no longer than a window."""
    if version.window_seconds * sample_rate >= num_samples:
        yield slice(0, num_samples)
        return
    window, hop = int(version.window_seconds * sample_rate), int(version.hop_seconds * sample_rate)
    for start in range(0, num_samples - window + 1, hop):
        yield slice(start, start + window)


def _any_silent(audio: Signal) -> bool:
    return bool((audio.sum(axis=1) == 0).all(axis=-1).any())


def _spectrum(audio: Signal, size: int) -> Spectrum:
    found: Spectrum = fft.rfft(audio.astype(np.float64), size, axis=-1)
    return found


def _decibels(signal: float, error: float) -> float:
    if error == 0:
        return float("inf")
    return 10 * float(np.log10(signal / error)) if signal else -float("inf")
