"""The progress and the cost of a sweep, while it runs or afterwards."""

import warnings
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from dssgan.runs.record import SWEEP, read_record
from dssgan.runs.store import Store
from dssgan.training.distributed import Workers
from dssgan.tuning.results import SweepResult, read_trials
from dssgan.tuning.search.attributes import AXIS, MACHINE, PROGRESS, SETTINGS, is_own
from dssgan.tuning.search.axis import Axis
from dssgan.tuning.sweep_files import recorded_study

# Fewer trials do not show which setting matters.
MIN_TRIALS_FOR_IMPORTANCE = 5


@dataclass(frozen=True)
class Costs:
    """The cost of a sweep's trainings, in hours of GPUs, or of processor cores where there are none.

    Args:
        unit: "GPU-hours" or "core-hours".
        spent: cost of training and validation.
        saved_by_sharing: supervised phases that trials took over instead of training them.
        saved_by_stopping: what stopped trials had left to do, at the pace they had.
    """

    unit: str
    spent: float
    saved_by_sharing: float
    saved_by_stopping: float


@dataclass(frozen=True)
class RunningTrial:
    """A trial on its way.

    Args:
        number: number in the study.
        steps: separator steps at its last validation, the supervised phase counted as spent.
        last: steps at its end, where nothing ends it early.
        seconds: seconds of training so far, without what it took over.
        machine: machine and resources; "" where it has not begun.
    """

    number: int
    steps: int
    last: int
    seconds: float
    machine: str


@dataclass(frozen=True)
class Status:
    """A sweep as its study knows it.

    Args:
        result: its trials.
        settings: what each trial had drawn, by number.
        importances: share of each setting in the score's spread, the largest first; empty while trials are few.
        costs: so far.
        running: the trials that are not at their end.
        num_trials: number of trials that were asked for.
        seconds_left: seconds left at the present pace and concurrency; None where no trial has ended yet or all have.
    """

    result: SweepResult
    settings: dict[int, dict[str, Any]]
    importances: dict[str, float]
    costs: Costs
    running: tuple[RunningTrial, ...]
    num_trials: int
    seconds_left: float | None


def read_status(store: Store, study_url: str | None = None) -> Status:
    """Read the state of a sweep.

    Args:
        store: store of the sweep.
        study_url: an Optuna storage URL; None for the one that the sweep was begun with.

    Returns:
        The status.

    Raises:
        ConfigError: there is no such sweep.
    """
    record = read_record(store, SWEEP)
    study = recorded_study(store, record, study_url)
    trials = [trial for trial in study.get_trials(deepcopy=False) if is_own(trial)]
    settings = {trial.number: trial.user_attrs[SETTINGS] for trial in trials if SETTINGS in trial.user_attrs}
    running = tuple(_running(trial) for trial in trials if trial.state == TrialState.RUNNING)
    num_trials = int(record.details["options"]["num_trials"])
    result = read_trials(store, study)
    return Status(
        result, settings, _importances(study), _costs(trials, Workers(**record.details["workers"])), running,
        num_trials, _seconds_left(trials, running, num_trials),
    )  # fmt: skip


def _running(trial: optuna.trial.FrozenTrial) -> RunningTrial:
    progress: dict[str, Any] = trial.user_attrs.get(PROGRESS, {})
    steps = last = 0
    if AXIS in trial.user_attrs:
        position = Axis(*trial.user_attrs[AXIS]).position(progress.get("epoch", 0))
        steps, last = position.steps, position.last
    return RunningTrial(
        trial.number, steps, last, progress.get("seconds", 0.0), trial.user_attrs.get(MACHINE, "")
    )  # fmt: skip


def _seconds_left(
    trials: list[optuna.trial.FrozenTrial], running: tuple[RunningTrial, ...], num_trials: int
) -> float | None:
    spent: list[float] = [
        trial.user_attrs.get(PROGRESS, {}).get("seconds", 0.0) for trial in trials if trial.state.is_finished()
    ]
    left = num_trials - len(spent)
    if not spent or left <= 0 or not running:
        return None
    mean = sum(spent) / len(spent)
    return max(0.0, left * mean - sum(min(trial.seconds, mean) for trial in running)) / len(running)


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
            position = Axis(*trial.user_attrs[AXIS]).position(progress["epoch"])
            stopped += (own + reused) * (position.last - position.steps) / max(position.steps, 1)
    unit = "GPU-hours" if workers.gpus else "core-hours"
    return Costs(unit, spent * per_hour, shared * per_hour, stopped * per_hour)
