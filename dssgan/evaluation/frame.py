"""Scores of many methods and tracks in one pandas frame, and the field's usual summaries of it."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from dssgan.atomic import replacing
from dssgan.errors import DataError
from dssgan.evaluation.track_scores import TrackScores
from dssgan.metrics.bss_eval import METRICS

COLUMNS = ("method", "track", "target", "metric", "score", "time")  # SiSEC's
WHOLE_COLUMNS = ("method", "track", "target", "metric", "score")  # of whole songs


def scores_frame(results: Iterable[TrackScores]) -> pd.DataFrame:
    """Put the scores of BSS Eval of many tracks into one frame, a row for each number.

    Args:
        results: the scores of each method and track.

    Returns:
        Columns method, track, target, metric, score (dB, NaN where museval gives none), time (seconds at which the
        frame begins), in the order of `results`.

    Raises:
        DataError: the targets are not museval's.
    """
    rows: list[tuple[str, str, str, str, float, float]] = []
    for result in results:
        try:
            for target in result.targets:
                for metric in METRICS:
                    rows += [
                        (result.method, result.track, target["name"], metric, float(frame["metrics"][metric]),
                         float(frame["time"]))
                        for frame in target["frames"]
                    ]  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{result.method}/{result.track}: these are not museval's scores; evaluate the track again"
            ) from error
    return pd.DataFrame(rows, columns=list(COLUMNS))


def whole_track_frame(results: Iterable[TrackScores]) -> pd.DataFrame:
    """Put the scores of whole tracks into one frame, with the columns method, track, target, metric and score."""
    rows = [
        (result.method, result.track, source, metric, score)
        for result in results
        for metric, by_source in result.whole_track.items()
        for source, score in by_source.items()
    ]
    return pd.DataFrame(rows, columns=list(WHOLE_COLUMNS))


def save_frame(frame: pd.DataFrame, folder: Path, name: str) -> None:
    """Write a frame as NAME.parquet, and pickled as NAME.pkl as SiSEC published its scores; each whole or not at all.

    Args:
        frame: as `scores_frame` gives.
        folder: where to.
        name: NAME, by custom the data set's.

    Raises:
        DssganError: a file cannot be written.
    """
    with replacing(folder / f"{name}.pkl") as temporary:
        frame.to_pickle(temporary, compression=None)
    with replacing(folder / f"{name}.parquet") as temporary:
        frame.to_parquet(temporary, index=False)


def summary(frame: pd.DataFrame, usdr: pd.DataFrame) -> pd.DataFrame:
    """Reduce all frames and tracks to one line for every method and target.

    Args:
        frame: as `scores_frame` gives.
        usdr: whole-track SDR, columns method, track, target, score (dB).

    Returns:
        Columns method, target, then SDR, ISR, SIR and SAR (each the median over frames, then the median over tracks:
        SDR is cSDR), uSDR (mean over tracks), and num_frames, num_nan_frames, num_tracks, num_nan_tracks (tracks
        without any SDR), in the order in which methods and targets first appear.
    """
    keys = ["method", "target"]
    by_track = frame.groupby([*keys, "metric", "track"], sort=False)["score"].median()
    table = by_track.groupby([*keys, "metric"], sort=False).median().unstack("metric").reindex(columns=list(METRICS))
    # unstack sorts; what the caller put first stays first
    table = table.reindex(pd.MultiIndex.from_frame(frame[keys].drop_duplicates()))
    table["uSDR"] = usdr.groupby(keys, sort=False)["score"].mean()

    sdr = frame[frame["metric"] == "SDR"]
    table["num_frames"] = sdr.groupby(keys, sort=False).size()
    table["num_nan_frames"] = sdr["score"].isna().groupby([sdr[key] for key in keys], sort=False).sum()
    track_sdr = sdr.groupby([*keys, "track"], sort=False)["score"].median()
    table["num_tracks"] = track_sdr.groupby(keys, sort=False).size()
    table["num_nan_tracks"] = track_sdr.isna().groupby(keys, sort=False).sum()
    table.columns.name = None
    return table.reset_index()


def comparison(lines: pd.DataFrame, target: str) -> pd.DataFrame:
    """Lay a summary out as one line a method, for people.

    Args:
        lines: as `summary` gives.
        target: the source that is shown in full; of the others only the SDR is.

    Returns:
        Indexed by method; columns "TARGET SDR", "TARGET ISR", "TARGET SIR", "TARGET SAR", "TARGET uSDR", then
        "SOURCE SDR" for each other source, all in dB.

    Raises:
        DataError: the summary has no such target.
    """
    targets = list(dict.fromkeys(lines["target"]))
    if target not in targets:
        raise DataError(f"{target}: no such source among {', '.join(targets)}; choose one of these")
    methods = list(dict.fromkeys(lines["method"]))
    full = lines[lines["target"] == target].set_index("method")[[*METRICS, "uSDR"]].add_prefix(f"{target} ")
    others = [
        lines[lines["target"] == source].set_index("method")["SDR"].rename(f"{source} SDR")
        for source in targets
        if source != target
    ]
    table: pd.DataFrame = pd.concat([full, *others], axis=1)
    return table.reindex(methods)
