"""The results of an evaluation, in memory and as files."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dssgan.atomic import write_text
from dssgan.errors import ConfigError, DataError
from dssgan.evaluation import frame as frames
from dssgan.evaluation import ranking
from dssgan.evaluation.track_scores import TrackScores
from dssgan.runs.record import EVALUATION, RunRecord, read_record
from dssgan.runs.store import FolderStore

_WHOLE_TRACK_FILE = "whole_track.csv"


@dataclass(frozen=True)
class EvaluationResult:
    """The results of an evaluation.

    Attributes:
        frame: SiSEC's columns method, track, target, metric, score, time; a row for each number of BSS Eval.
        whole_track: the scores of `dssgan.metrics.catalogue`, columns method, track, target, metric, score.
        folder: folder of all its files.
        record: how they were made.
        mix: name of the method that gives the mix, over which the others' gains are counted; None where there is none.
        bounds: names of the methods that are bounds rather than separators: the mix and the oracles.
    """

    frame: pd.DataFrame
    whole_track: pd.DataFrame
    folder: Path
    record: RunRecord
    mix: str | None = None
    bounds: tuple[str, ...] = ()

    @property
    def scores(self) -> pd.DataFrame:
        """One number a track for every method, target and metric; see `ranking.track_scores`."""
        return ranking.track_scores(self.frame, self.whole_track, self.mix, self.groups)

    @property
    def groups(self) -> dict[str, str]:
        """The group of each track: songs of one record, or excerpts of one song, are one sample."""
        groups: dict[str, str] = self.record.details.get("groups", {})  # an evaluation of an earlier version has none
        return groups

    @property
    def summary(self) -> pd.DataFrame:
        """One line for every method and target; see `frame.summary`."""
        return frames.summary(self.frame, self.usdr)

    @property
    def usdr(self) -> pd.DataFrame:
        """SDR of whole tracks: columns method, track, target, score."""
        rows = self.whole_track[self.whole_track["metric"] == "usdr"]
        return rows.drop(columns="metric").reset_index(drop=True)

    def table(self, target: str) -> pd.DataFrame:
        """One line for every method, `target` in full; see `frame.comparison`."""
        return frames.comparison(self.summary, target)


def make_result(scores: Iterable[TrackScores], folder: Path, record: RunRecord) -> EvaluationResult:
    """Put the scores of all methods and tracks together.

    Args:
        scores: scores in the order of the methods, then the tracks.
        folder: folder of the results.
        record: how they were made.
    """
    scores = list(scores)
    return EvaluationResult(
        frames.scores_frame(scores), frames.whole_track_frame(scores), folder, record, record.details["mix"],
        tuple(record.details["bounds"]),
    )  # fmt: skip


def write_result(result: EvaluationResult) -> None:
    """Write the tables of an evaluation into its folder, each file whole or not at all.

    Raises:
        DssganError: a file cannot be written.
    """
    frames.save_frame(result.frame, result.folder, result.record.data.name)
    write_text(result.folder / _WHOLE_TRACK_FILE, result.whole_track.to_csv(index=False))
    scores = result.scores
    write_text(result.folder / "summary.csv", ranking.summarise(scores).to_csv(index=False))
    write_text(result.folder / "pairs.csv", ranking.compare_all(scores).to_csv(index=False))


def load_results(folder: Path | str) -> EvaluationResult:
    """Read what an evaluation measured.

    Args:
        folder: folder of its results.

    Returns:
        The scores.

    Raises:
        DataError: the folder does not hold all that an evaluation writes, or a file of it is damaged.
    """
    folder = Path(folder)
    try:
        record = read_record(FolderStore(folder), EVALUATION)
        frame = pd.read_parquet(folder / f"{record.data.name}.parquet")
        whole_track = pd.read_csv(
            folder / _WHOLE_TRACK_FILE, dtype=dict.fromkeys(frames.WHOLE_COLUMNS[:-1], str), keep_default_na=False,
            na_values={"score": ["", "nan"]},
        )  # fmt: skip
        missing = (set(frames.COLUMNS) - set(frame.columns)) | (set(frames.WHOLE_COLUMNS) - set(whole_track.columns))
        if missing:
            raise KeyError(*missing)
        mix, bounds = record.details["mix"], tuple(record.details["bounds"])
        return EvaluationResult(frame, whole_track, folder, record, mix, bounds)
    except (ConfigError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder}: holds no finished evaluation; run dssgan evaluate -o {folder} again, with --resume"
        ) from error
