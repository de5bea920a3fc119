"""Whether one method is better than another, judged over tracks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from dssgan.errors import DataError

Scores = npt.NDArray[np.float64]

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
        p_value: of the Wilcoxon signed-rank test, two-sided: how likely a difference like this is where there is none;
            1 where every track scores alike.
        seed_spread: standard deviation over seeds of the mean difference; NaN for a single seed.
    """

    num_tracks: int
    num_dropped: int
    mean: float
    low: float
    high: float
    p_value: float
    seed_spread: float


def interval(values: Scores, *, confidence: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Give a bootstrap interval of a mean.

    Bias-corrected and accelerated. Source: Efron, "Better bootstrap confidence intervals", 1987.

    Args:
        values: one number a track, (tracks,), finite.
        confidence: probability that the interval holds the mean.
        seed: of the draws.

    Returns:
        Lower and upper end; both NaN for fewer than two values, both the mean where all are one.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    # what differs by rounding alone, as 1.1 - 1.0 and 2.1 - 2.0 do, has no spread to correct for: it would give NaN
    if np.ptp(values) <= _ROUNDING * max(1.0, float(np.abs(values).max())):
        mean = float(np.mean(values))
        return mean, mean
    found = stats.bootstrap(
        (values,), np.mean, confidence_level=confidence, n_resamples=9999, rng=np.random.default_rng(seed)
    ).confidence_interval
    return float(found.low), float(found.high)


def compare(scores: Scores, others: Scores, *, confidence: float = 0.95, seed: int = 0) -> Comparison:
    """Compare two methods.

    Tracks are the sample: several seeds of a method are averaged track by track first, so that training again and
    again does not pass for more music. How far seeds differ is told beside it.

    Args:
        scores: of the method, (seeds, tracks) or (tracks,); NaN where a track has no score.
        others: of the other method, the same shape, seeds in the same order.
        confidence: of the interval.
        seed: of the bootstrap's draws.

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
    p_value = 1.0 if not of_tracks.any() else float(stats.wilcoxon(of_tracks).pvalue)
    spread = float(kept.mean(axis=1).std(ddof=1)) if len(kept) > 1 else float("nan")
    num_tracks = int(whole.sum())
    return Comparison(num_tracks, whole.size - num_tracks, float(of_tracks.mean()), low, high, p_value, spread)
