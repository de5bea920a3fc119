"""Whether one method is better than another, judged over tracks."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from dssgan.errors import DataError

Scores = npt.NDArray[np.float64]
Of = Literal["mean", "median"]

_RESAMPLES = 9999
_AT_ONCE = 1 << 22  # numbers drawn, 32 MiB
_ROUNDING = 1e-9  # dB; of scores up to some tens


@dataclass(frozen=True)
class Comparison:
    """One method against another on the same tracks, the other taken from the one.

    Args:
        num_tracks: tracks that both have a score on.
        num_dropped: tracks that one of them has none on.
        mean: mean difference.
        low: lower end of its interval; NaN for fewer than two tracks.
        high: upper end.
        p_value: p of the Wilcoxon signed-rank test, two-sided: how likely a difference like this is where there is
            none; 1 where every track scores alike.
        seed_spread: standard deviation over seeds of the mean difference; NaN for a single seed.
    """

    num_tracks: int
    num_dropped: int
    mean: float
    low: float
    high: float
    p_value: float
    seed_spread: float


def interval(values: Scores, *, confidence: float = 0.95, seed: int = 0, of: Of = "mean") -> tuple[float, float]:
    """Return a bootstrap interval of a mean, or of a median; see `intervals`.

    Args:
        values: one number a track, (tracks,), finite.
        confidence: probability that the interval holds what is estimated.
        seed: random seed of the draws.
        of: what is estimated.

    Returns:
        Lower and upper end.
    """
    low, high = intervals(np.asarray(values)[None], confidence=confidence, seed=seed, of=of)[0]
    return float(low), float(high)


def intervals(rows: Scores, *, confidence: float = 0.95, seed: int = 0, of: Of = "mean") -> Scores:
    """Return bootstrap intervals of many means, or medians, over the same tracks.

    Bias-corrected and accelerated for a mean; plain percentiles for a median, whose jackknife, which the acceleration
    needs, does not work. Source: Efron, "Better bootstrap confidence intervals", 1987.

    Args:
        rows: (rows, tracks), finite.
        confidence: probability that an interval holds what is estimated.
        seed: random seed of the draws, which all rows share.
        of: what is estimated.

    Returns:
        Lower and upper ends, (rows, 2); both NaN for fewer than two tracks, both the mean where all tracks are one.
    """
    rows = np.asarray(rows, np.float64)
    if rows.shape[1] < 2:
        return np.full((len(rows), 2), np.nan)
    ends = np.repeat(rows.mean(axis=1, keepdims=True), 2, axis=1)
    # what differs by rounding alone, as 1.1 - 1.0 and 2.1 - 2.0 do, has no spread to correct for: it would give NaN
    spread = np.ptp(rows, axis=1) > _ROUNDING * np.maximum(1.0, np.abs(rows).max(axis=1))
    if spread.any():
        found = stats.bootstrap(
            (rows[spread],), getattr(np, of), axis=-1, vectorized=True, confidence_level=confidence,
            n_resamples=_RESAMPLES, batch=max(1, _AT_ONCE // rows.size), rng=np.random.default_rng(seed),
            method="BCa" if of == "mean" else "percentile",
        ).confidence_interval  # fmt: skip
        ends[spread] = np.stack([found.low, found.high], axis=1)
    return ends


def compare(scores: Scores, others: Scores, *, confidence: float = 0.95, seed: int = 0) -> Comparison:
    """Compare two methods.

    Tracks are the sample: several seeds of a method are averaged track by track first, so that training again and
    again does not pass for more music. How far seeds differ is reported beside it.

    Args:
        scores: scores of the method, (seeds, tracks) or (tracks,); NaN where a track has no score.
        others: scores of the other method, the same shape, seeds in the same order.
        confidence: confidence of the interval.
        seed: random seed of the bootstrap's draws.

    Returns:
        The comparison.

    Raises:
        DataError: the shapes differ, or there is no track that both have a score on.
    """
    first, second = np.atleast_2d(np.asarray(scores, np.float64)), np.atleast_2d(np.asarray(others, np.float64))
    if first.shape != second.shape:
        raise DataError(f"scores of {first.shape} and {second.shape} seeds and tracks: compare the same ones")
    difference = first - second
    whole = np.isfinite(difference).all(axis=0)
    kept = difference[:, whole]
    if not kept.size:
        raise DataError("no track has a score by both methods: there is nothing to compare")
    of_tracks = kept.mean(axis=0)
    low, high = interval(of_tracks, confidence=confidence, seed=seed)
    p_value = signed_rank_p(of_tracks)
    spread = float(kept.mean(axis=1).std(ddof=1)) if len(kept) > 1 else float("nan")
    num_tracks = int(whole.sum())
    return Comparison(num_tracks, whole.size - num_tracks, float(of_tracks.mean()), low, high, p_value, spread)


def signed_rank_p(differences: Scores) -> float:
    """Return p of the two-sided Wilcoxon signed-rank test.

    Args:
        differences: differences of two methods on each track, (tracks,), finite.

    Returns:
        How likely differences like these are where there is none; 1 where every track scores alike, NaN without any.
    """
    if not differences.size:
        return float("nan")
    return float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0
