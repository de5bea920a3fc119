"""Trained separators to choose an ensemble's members from: bundles, trainings, and the best trials of sweeps."""

import math
from itertools import islice
from pathlib import Path

from dssgan.errors import ModelError
from dssgan.training.store import Store
from dssgan.tuning.bucket import fetched_bundles, open_store
from dssgan.tuning.results import TrialResult, read_trials
from dssgan.tuning.sweep import RECORD, find_study, read_record

BUNDLE = "bundle"
DESCRIPTION = "model.json"


def find_candidates(source: str, limit: int) -> list[Path]:
    """Find the separators that a place holds.

    Of a sweep, running or done, these are the trials whose study says that they ended well, the best first; failed ones
    leave bundles, too, and are none.

    Args:
        source: a bundle, a training's folder, or a sweep's folder or bucket.
        limit: how many of a sweep, at most.

    Returns:
        Folders of bundles on this machine.

    Raises:
        ModelError: there is none.
    """
    if "://" not in source:
        for folder in (Path(source), Path(source) / BUNDLE):
            if (folder / DESCRIPTION).is_file():
                return [folder]
        if not (Path(source) / RECORD).is_file():
            raise ModelError(f"{source}: holds no trained separator; give a bundle, a training's or a sweep's folder")
    return _best_of_sweep(open_store(source), limit)


def _best_of_sweep(store: Store, limit: int) -> list[Path]:
    record = read_record(store)
    result = read_trials(store, find_study(store, record["study"], record["study_url"]))
    ranked = [trial for trial in result.trials if trial.score is not None and not math.isnan(trial.score)]
    numbers = [trial.number for trial in sorted(ranked, key=_worst_last)]
    found = [bundle for _, bundle in islice(fetched_bundles(store, numbers), limit)]
    if not found:
        states = ", ".join(sorted({trial.state for trial in result.trials})) or "none yet"
        raise ModelError(f"{store}: no trial of this sweep gave a separator (their states: {states})")
    return found


def _worst_last(trial: TrialResult) -> tuple[float, int]:
    assert trial.score is not None
    return -trial.score, trial.number
