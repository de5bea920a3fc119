"""The scores of one method on one track, as an object and in museval's own file format."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dssgan.atomic import write_text
from dssgan.plain_json import plain

_OURS = "dssgan"  # the key of what museval's format lacks; museval ignores it
_WHOLE_TRACK = "whole_track"


@dataclass(frozen=True)
class TrackScores:
    """The scores of one method on one track.

    Attributes:
        method: name of the method.
        track: name of the track.
        targets: scores of BSS Eval, frame by frame, as museval stores them.
        whole_track: by metric and source, scores of the whole track; NaN where a source has none.
    """

    method: str
    track: str
    targets: Sequence[Mapping[str, Any]]
    whole_track: Mapping[str, Mapping[str, float]]


def write_scores(path: Path, store: Any, scores: TrackScores, settings: Mapping[str, Any]) -> None:
    """Write scores in museval's format.

    Args:
        path: the file.
        store: museval's own object, which writes its format.
        scores: the scores.
        settings: what they were measured with, which `read_scores` compares.

    Raises:
        WriteError: the file cannot be written.
    """
    store.scores["targets"] = list(scores.targets)
    store.scores[_OURS] = {**settings, _WHOLE_TRACK: plain(scores.whole_track)}
    write_text(path, store.json)


def read_scores(path: Path, method: str, track: str, settings: Mapping[str, Any]) -> TrackScores | None:
    """Read scores that were measured with the same settings.

    Args:
        path: the file.
        method: name of the method.
        track: name of the track.
        settings: as `write_scores` was given.

    Returns:
        The scores; None where there are none, or they were measured otherwise.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        whole_track = content[_OURS].pop(_WHOLE_TRACK)
        if content[_OURS] != settings:
            return None
        numbers = {
            metric: {source: math.nan if score is None else float(score) for source, score in by_source.items()}
            for metric, by_source in whole_track.items()
        }
        return TrackScores(method, track, content["targets"], numbers)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
