"""Trained separators to choose an ensemble's members from: bundles, trainings, and the best trials of sweeps."""

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from dssgan.errors import ModelError
from dssgan.runs.location import is_bucket, open_store
from dssgan.runs.record import SWEEP, find_record, read_record
from dssgan.runs.store import Store
from dssgan.separators.bundle import is_bundle
from dssgan.separators.external import parse_reference
from dssgan.separators.loading import without_copies
from dssgan.tuning.results import TrialResult, read_trials
from dssgan.tuning.sweep_files import recorded_study, trial_name


def find_candidates(source: str, limit: int) -> list[str | Path]:
    """Find the separators in a folder or bucket.

    Of a sweep, running or done, these are the trials whose study says that they ended well, the best first, those apart
    that have the weights of a better one; failed ones leave bundles, too, and are none.

    Args:
        source: a bundle, a training's folder, a sweep's folder or bucket, or a third-party separator.
        limit: how many of a sweep, at most.

    Returns:
        Folders of bundles on this machine; a third-party separator as it is written.

    Raises:
        ModelError: there is none.
    """
    if parse_reference(source) is not None:
        return [source]
    if not is_bucket(source):
        for folder in (Path(source), Path(source) / "bundle"):
            if is_bundle(folder):
                return [folder]
        record = find_record(open_store(source))
        if record is None or record.kind != SWEEP:
            raise ModelError(f"{source}: holds no trained separator; give a bundle, a training's or a sweep's folder")
    return [*_best_of_sweep(open_store(source), limit)]


def _best_of_sweep(store: Store, limit: int) -> list[Path]:
    record = read_record(store, SWEEP)
    result = read_trials(store, recorded_study(store, record))
    ranked = [trial for trial in result.trials if trial.score is not None and not math.isnan(trial.score)]
    numbers = [trial.number for trial in sorted(ranked, key=_worst_last)]
    found = list(islice(without_copies(_fetched_bundles(store, numbers)), limit))
    if not found:
        states = ", ".join(sorted({trial.state for trial in result.trials})) or "none yet"
        raise ModelError(f"{store}: no trial of this sweep gave a separator (their states: {states})")
    return found


def _fetched_bundles(store: Store, numbers: Iterable[int]) -> Iterator[Path]:
    """Fetch trials' bundles to this machine, one at a time, and yield those that exist."""
    for number in numbers:
        name = f"{trial_name(number)}/bundle"
        store.fetch(name)
        if is_bundle(store.local(name)):
            yield store.local(name)


def _worst_last(trial: TrialResult) -> tuple[float, int]:
    assert trial.score is not None
    return -trial.score, trial.number
