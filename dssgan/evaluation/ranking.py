"""Which method is better, by how much, and whether that can be chance: groups of tracks are the sample."""

import gc
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from dssgan.evaluation.statistics import Of, Scores, intervals, signed_rank_p
from dssgan.metrics.catalogue import METRICS

SUMMARY_COLUMNS = (
    "method", "target", "metric", "mean", "mean_low", "mean_high", "median", "median_low", "median_high",
    "num_tracks", "num_nan_tracks",
)  # fmt: skip
PAIR_COLUMNS = (
    "target", "metric", "method", "other", "mean_difference", "low", "high", "wilcoxon_p", "conover_p", "friedman_p",
    "num_tracks", "num_dropped",
)  # fmt: skip
SIGNIFICANT = 0.05
FEWEST_SONGS = 6  # the signed-rank test of fewer never comes below that
NORMALISED = {"SDR": "NSDR", "SIR": "NSIR", "snr": "nsnr"}


def more_is_better(metric: str) -> bool:
    """Return whether more of a metric is better; of BSS Eval's, it always is."""
    return metric not in METRICS or METRICS[metric].more_is_better


def track_scores(
    frame: pd.DataFrame, whole_track: pd.DataFrame, mix: str | None = None, groups: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Reduce everything that was measured to one number a track.

    Args:
        frame: frame of BSS Eval, as `EvaluationResult.frame`: its median over frames counts, NaN left out.
        whole_track: as `EvaluationResult.whole_track`.
        mix: name of the method that gives the mix as every estimate. Where it is there, SDR, SIR and SNR are also given
            as what a method gains over it (NSDR, NSIR and NSNR, as MIREX has them).
        groups: group of each track; a track that is not among them stands alone.

    Returns:
        Columns method, track, target, metric, score and group.
    """
    keys = ["method", "track", "target", "metric"]
    medians = frame.groupby(keys, sort=False)["score"].median().reset_index()
    scores = pd.concat([medians, whole_track[[*keys, "score"]]], ignore_index=True)
    scores["group"] = scores["track"].map(lambda track: (groups or {}).get(track, track))
    if mix is None:
        return scores
    chosen = scores[scores["metric"].isin(list(NORMALISED))]
    of_mix = chosen[chosen["method"] == mix].drop(columns=["method", "group"])
    gained = chosen.merge(of_mix, on=["track", "target", "metric"], suffixes=("", "_of_mix"))
    gained["score"] -= gained.pop("score_of_mix")
    gained["metric"] = gained["metric"].map(NORMALISED)
    return pd.concat([scores, gained[scores.columns]], ignore_index=True)


def by_group(scores: pd.DataFrame) -> pd.DataFrame:
    """Give each group of tracks one number for every method, target and metric: the mean over its tracks.

    Songs of one record, and excerpts of one song, are alike: counted as many, they would pass for more music.

    Args:
        scores: as `track_scores` gives; without groups, tracks stand alone.

    Returns:
        Columns method, target, metric, track, which is the group, and score.
    """
    if "group" not in scores.columns:
        return scores
    keys = ["method", "target", "metric", "group"]
    means = scores.replace([np.inf, -np.inf], np.nan).groupby(keys, sort=False)["score"].mean()
    return means.reset_index().rename(columns={"group": "track"})


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Return every method's mean and median over groups of tracks, each with a 95 % bootstrap interval.

    Args:
        scores: as `track_scores` gives.

    Returns:
        Columns `SUMMARY_COLUMNS`. Groups without a score are left out and counted; intervals of fewer than two groups
        are NaN.
    """
    scores = by_group(scores)
    table = scores.pivot(index=["method", "target", "metric"], columns="track", values="score")
    table = table.loc[pd.MultiIndex.from_frame(scores[["method", "target", "metric"]].drop_duplicates())]
    values = table.to_numpy(np.float64)
    means, medians = (_centres(values, of) for of in ("mean", "median"))
    summary = pd.DataFrame(np.hstack([means, medians]), columns=list(SUMMARY_COLUMNS[3:9]), index=table.index)
    summary["num_tracks"] = np.isfinite(values).sum(axis=1)
    summary["num_nan_tracks"] = table.shape[1] - summary["num_tracks"]
    return summary.reset_index()


def compare_all(scores: pd.DataFrame) -> pd.DataFrame:
    """Compare every two methods on the groups of tracks that all have a score on.

    Args:
        scores: as `track_scores` gives.

    Returns:
        Columns `PAIR_COLUMNS`, `method` before `other` in the order in which they first appear: the mean difference
        with its bootstrap interval; p of the paired Wilcoxon signed-rank test; p of Conover and Iman's test, adjusted
        by Holm's method for the number of pairs; and p of Friedman's test that all methods are alike, without which
        it says nothing. The last two are NaN for fewer than three methods.
    """
    import scikit_posthocs  # takes two seconds to import

    scores = by_group(scores)
    rows = []
    for (target, metric), group in scores.groupby(["target", "metric"], sort=False):
        table = group.pivot(index="track", columns="method", values="score")
        table = table[list(dict.fromkeys(group["method"]))].replace([np.inf, -np.inf], np.nan)
        whole = table.dropna()
        friedman, conover = float("nan"), None
        if table.shape[1] > 2 and len(whole) > 1 and (whole.nunique(axis=1) > 1).any():
            friedman = float(stats.friedmanchisquare(*whole.to_numpy().T).pvalue)
            # all tracks of one order leave no variance
            with np.errstate(divide="ignore", invalid="ignore"), _little_garbage():
                conover = scikit_posthocs.posthoc_conover_friedman(whole.to_numpy(), p_adjust="holm").to_numpy()
        pairs = list(combinations(range(table.shape[1]), 2))
        values = table.to_numpy(np.float64)
        differences = np.stack([values[:, first] - values[:, second] for first, second in pairs] or [values[:0, 0]])
        for (first, second), (mean, low, high), row in zip(
            pairs, _centres(differences, "mean"), differences, strict=False
        ):
            kept = row[np.isfinite(row)]
            rows.append(
                (target, metric, table.columns[first], table.columns[second], mean, low, high, signed_rank_p(kept),
                 float(conover[first, second]) if conover is not None else float("nan"), friedman,
                 len(kept), len(row) - len(kept))
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(PAIR_COLUMNS))


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Leave only new objects to garbage collection: statsmodels starts one each time that it adjusts p-values."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def verdict(scores: pd.DataFrame, target: str, metric: str = "usdr", leave_out: Collection[str] = ()) -> str:
    """Return a sentence on which method is the best, by how much, and whether that may be chance.

    Args:
        scores: as `track_scores` gives.
        target: source that decides.
        metric: score that decides, by its mean over tracks.
        leave_out: methods that do not take part, such as the mix and oracles; unless there are no others.
    """
    chosen = scores[(scores["target"] == target) & (scores["metric"] == metric)]
    others = chosen[~chosen["method"].isin(list(leave_out))]
    chosen = chosen if others.empty else others
    title, unit = (METRICS[metric].title, METRICS[metric].unit) if metric in METRICS else (metric, "dB")
    unit = f" {unit}" if unit else ""
    summary = summarise(chosen).set_index("method")
    order = summary["mean"].sort_values(ascending=not more_is_better(metric)).index
    best = summary.loc[order[0]]
    text = f"{order[0]}: {target} {title} {best['mean']:.2f}{unit} over {_songs(best['num_tracks'])}"
    if np.isfinite(best["mean_low"]):
        text += f" (95 % interval {best['mean_low']:.2f} to {best['mean_high']:.2f})"
    if len(order) < 2:
        return text
    pair = compare_all(chosen[chosen["method"].isin(order[:2])]).iloc[0]
    sign = 1 if pair["method"] == order[0] else -1
    ends = sorted((sign * pair["low"], sign * pair["high"]))
    text += f", {abs(pair['mean_difference']):.2f}{unit} better than {order[1]}"
    if not np.isfinite(ends).all():
        return f"{text}; one song cannot say whether by chance"
    by_chance = ends[0] <= 0 <= ends[1] or pair["wilcoxon_p"] > SIGNIFICANT
    text += f" (95 % interval {ends[0]:.2f} to {ends[1]:.2f}, p = {pair['wilcoxon_p']:.3g})"
    return f"{text}; that can be chance" if by_chance else text


def _songs(count: float) -> str:
    return f"{count:.0f} song{'' if count == 1 else 's'}"


def _centres(rows: Scores, of: Of) -> Scores:
    """Return the mean or median of the finite numbers in each row, and its interval, (rows, 3)."""
    finite = np.isfinite(rows)
    found = np.full((len(rows), 3), np.nan)
    for pattern in np.unique(finite, axis=0):  # few: rows that are finite in the same columns are drawn together
        if pattern.any():
            alike = (finite == pattern).all(axis=1)
            part = rows[alike][:, pattern]
            found[alike] = np.column_stack([getattr(np, of)(part, axis=1), intervals(part, of=of)])
    return found
