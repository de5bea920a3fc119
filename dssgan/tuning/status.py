"""What a sweep has found and what it has cost, while it runs or afterwards."""

import warnings
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from dssgan.training.distributed import Workers
from dssgan.training.store import Store
from dssgan.tuning.attributes import AXIS, PROGRESS, SETTINGS, TAKEN_OVER
from dssgan.tuning.results import SweepResult, read_trials
from dssgan.tuning.search import Axis
from dssgan.tuning.sweep import find_study, read_record

# Fewer trials say nothing about which setting matters.
MIN_TRIALS_FOR_IMPORTANCE = 5


@dataclass(frozen=True)
class Costs:
    """What a sweep's trainings took, in hours of GPUs, or of processor cores where there are none.

    Args:
        unit: "GPU-hours" or "core-hours".
        spent: of training and validation.
        saved_by_sharing: supervised phases that trials took over instead of training them.
        saved_by_stopping: what stopped trials had left to do, at the pace they had.
    """

    unit: str
    spent: float
    saved_by_sharing: float
    saved_by_stopping: float


@dataclass(frozen=True)
class Status:
    """A sweep as its study knows it.

    Args:
        result: its trials.
        settings: what each trial had drawn, by number.
        importances: share of each setting in the score's spread, the largest first; empty while trials are few.
        costs: so far.
        front: numbers of the trials that no other beats in every objective; of one objective, the best.
    """

    result: SweepResult
    settings: dict[int, dict[str, Any]]
    importances: dict[str, float]
    costs: Costs
    front: tuple[int, ...]


def read_status(store: Store, name: str, study_url: str | None = None) -> Status:
    """Read where a sweep stands.

    Args:
        store: of the sweep.
        name: of the study.
        study_url: an Optuna storage URL; None for the one that the sweep was begun with.

    Returns:
        The status.

    Raises:
        ConfigError: there is no such sweep.
    """
    record = read_record(store)
    study = find_study(store, name, study_url or record["study_url"])
    trials = [trial for trial in study.get_trials(deepcopy=False) if TAKEN_OVER not in trial.user_attrs]
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    front = [trial.number for trial in study.best_trials if TAKEN_OVER not in trial.user_attrs] if complete else []
    settings = {trial.number: trial.user_attrs[SETTINGS] for trial in trials if SETTINGS in trial.user_attrs}
    return Status(
        read_trials(store, study), settings, _importances(study),
        _costs(trials, Workers(**record["workers"])), tuple(front),
    )  # fmt: skip


def _importances(study: optuna.Study) -> dict[str, float]:
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < MIN_TRIALS_FOR_IMPORTANCE:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            found = get_param_importances(
                study, evaluator=PedAnovaImportanceEvaluator(),
                target=None if len(study.directions) == 1 else lambda trial: float(trial.values[0]),
            )  # fmt: skip
        except (ValueError, RuntimeError):  # all trials are alike
            return {}
    return {key: float(value) for key, value in found.items()}


def _costs(trials: list[optuna.trial.FrozenTrial], workers: Workers) -> Costs:
    per_hour = workers.num * (workers.gpus or workers.cpus) / 3600
    spent = shared = stopped = 0.0
    for trial in trials:
        progress = trial.user_attrs.get(PROGRESS)
        if progress is None:
            continue
        own, reused = progress.get("seconds", 0.0), progress.get("reused_seconds", 0.0)
        spent += own
        shared += reused
        if trial.state == TrialState.PRUNED and AXIS in trial.user_attrs:
            place = Axis(*trial.user_attrs[AXIS]).place(progress["epoch"])
            stopped += (own + reused) * (place.last - place.steps) / max(place.steps, 1)
    unit = "GPU-hours" if workers.gpus else "core-hours"
    return Costs(unit, spent * per_hour, shared * per_hour, stopped * per_hour)
