"""A sweep: many trainings under Ray Tune, drawn by Optuna, stopped early where they lag."""

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import ray.tune
from optuna.trial import FrozenTrial, TrialState
from ray.tune.schedulers import ASHAScheduler

from dssgan.atomic import write_text
from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError
from dssgan.provenance import describe_run
from dssgan.separators.bundle import read_description
from dssgan.training.distributed import ray_running
from dssgan.tuning.search import ERROR, StudySearch
from dssgan.tuning.space import SearchSpace
from dssgan.tuning.storage import default_url, load_study, open_storage
from dssgan.tuning.trial import Plan, run_trial

# Ray's object store holds nothing larger than a data set's description.
OBJECT_STORE_BYTES = 200_000_000
MAX_CRASHES = 2  # of a trial's process, before the trial counts as failed


@dataclass(frozen=True)
class TrialResult:
    """One trial as the study knows it.

    Args:
        number: in the study.
        state: "complete", "pruned", "fail", "running" or "waiting".
        params: drawn settings by dotted key.
        score: best validation score of the last phase, dB; None where there is none.
        epochs: position on the epoch axis at its last report.
        error: what went wrong, or None.
        bundle: its best separator, or None.
    """

    number: int
    state: str
    params: dict[str, Any]
    score: float | None
    epochs: int
    error: str | None
    bundle: Path | None


@dataclass(frozen=True)
class SweepResult:
    """A sweep's trials, in the order of their numbers."""

    folder: Path
    trials: tuple[TrialResult, ...]


@dataclass(frozen=True)
class Event:
    """What happened in a sweep: a validation, or a trial's end.

    Args:
        number: of the trial.
        drawn: its settings by dotted key.
        metrics: of the validation; empty where none was reached.
        ended: whether the trial is over.
    """

    number: int
    drawn: dict[str, Any]
    metrics: dict[str, Any]
    ended: bool


# Tune pickles its callbacks into a sweep's snapshot, where a terminal cannot go; so they find the listener here.
_listeners: list[Callable[[Event], None]] = []


class _Tell(ray.tune.Callback):  # type: ignore[misc]
    """Pass Tune's events on to whoever listens in this process."""

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **_: Any) -> None:  # noqa: ARG002
        _tell(trial, result, ended=False)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:  # noqa: ARG002
        _tell(trial, trial.last_result or {}, ended=True)

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:  # noqa: ARG002
        _tell(trial, trial.last_result or {}, ended=True)


def _tell(trial: Any, metrics: dict[str, Any], *, ended: bool) -> None:
    for listener in _listeners:
        listener(Event(trial.config["number"], trial.config["drawn"], metrics, ended))


def run_sweep(
    space: SearchSpace,
    dataset: Dataset,
    folder: Path,
    *,
    settings: Mapping[str, Any],
    num_trials: int,
    name: str,
    seed: int = 0,
    max_concurrent: int | None = None,
    cpus_per_trial: int = 1,
    study_url: str | None = None,
    reduction_factor: int = 3,
    resume: bool = False,
    address: str | None = None,
    listener: Callable[[Event], None] | None = None,
) -> SweepResult:
    """Run a sweep to its end, or go on with one that was cut short.

    Trials agree on a common axis of epochs (see `dssgan.training.phases`), and none is stopped before it has had one
    validation of phase two: alpha and beta must have acted before they are judged.

    Args:
        space: what to draw.
        dataset: what to learn from; trials get it without its test partition.
        folder: where everything goes; every machine that runs trials must see it.
        settings: nested settings for all trials; they win over drawn ones.
        num_trials: trials in all.
        name: of the study.
        seed: of the search; a training's own seed is a setting.
        max_concurrent: trials at a time; None for as many as there are cores for.
        cpus_per_trial: cores of one trial.
        study_url: an Optuna storage URL; None for a SQLite file in the folder.
        reduction_factor: of ASHA: one trial in so many goes on at each rung.
        resume: go on with the sweep in the folder.
        address: of a running Ray cluster; None starts Ray on this machine.
        listener: told of every validation and every trial's end.

    Returns:
        All trials of the study.

    Raises:
        ConfigError: the space does not fit, the folder holds a sweep already, or there is none to resume.
    """
    folder = folder.resolve()
    tune_folder = folder / "tune"
    if resume and not (tune_folder / "tuner.pkl").exists():
        raise ConfigError(f"{folder}: holds no sweep to resume; start it without --resume")
    if not resume and tune_folder.exists():
        raise ConfigError(f"{folder}: holds a sweep already; add --resume to go on, or choose another --name")
    configs = space.check(settings)
    storage = open_storage(study_url or default_url(_made(folder)))
    over = _numbers_of_ended(load_study(name, storage)) if resume else frozenset()
    plan = Plan(folder, replace(dataset, test=()), dict(settings), cpus_per_trial, over)
    trainable = ray.tune.with_resources(ray.tune.with_parameters(run_trial, plan=plan), {"cpu": cpus_per_trial})
    _set_up_tune()
    # the dashboard would only take memory: no Ray Train runs inside the trials
    with ray_running(address, object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False), _listening(listener):
        if resume:
            tuner = ray.tune.Tuner.restore(str(tune_folder), trainable=trainable, resume_unfinished=True)
        else:
            record = describe_run(
                study=name, seed=seed, settings=dict(settings), num_trials=num_trials, space=space.name,
                data={"name": dataset.name, "fingerprint": dataset.fingerprint},
            )  # fmt: skip
            write_text(folder / "sweep.json", json.dumps(record, indent=2) + "\n")
            write_text(folder / "space.py", space.text)
            last_epoch = max(config.supervised_epochs + config.adversarial_epochs for config in configs)
            grace = max(config.supervised_epochs for config in configs) + 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
            search = StudySearch(
                space=space, metric="score", mode="max", storage=storage, study_name=name, sampler=sampler
            )
            scheduler = ASHAScheduler(
                time_attr="epoch", metric="score", mode="max", grace_period=min(grace, last_epoch),
                # one more than the last epoch, so that a trial that reaches it ends by itself
                max_t=last_epoch + 1, reduction_factor=reduction_factor,
            )  # fmt: skip
            tuner = ray.tune.Tuner(
                trainable,
                tune_config=ray.tune.TuneConfig(
                    num_samples=num_trials, search_alg=search, scheduler=scheduler, reuse_actors=True,
                    max_concurrent_trials=max_concurrent or max(1, (os.cpu_count() or 1) // cpus_per_trial),
                ),
                run_config=ray.tune.RunConfig(
                    name=tune_folder.name, storage_path=str(folder), verbose=0, callbacks=[_Tell()],
                    failure_config=ray.tune.FailureConfig(max_failures=MAX_CRASHES),
                ),
            )  # fmt: skip
        tuner.fit()
    result = read_sweep(folder, name, study_url)
    frame = pd.DataFrame([{**asdict(trial), **trial.params} for trial in result.trials]).drop(columns="params")
    write_text(folder / "trials.csv", frame.to_csv(index=False))
    return result


def read_sweep(folder: Path, name: str, study_url: str | None = None) -> SweepResult:
    """Read the trials of a sweep, running or done.

    Args:
        folder: the sweep's folder.
        name: of the study.
        study_url: an Optuna storage URL; None for the SQLite file in the folder.

    Returns:
        All trials of the study.

    Raises:
        ConfigError: there is no such study.
    """
    study = load_study(name, open_storage(study_url or default_url(folder)))
    return SweepResult(folder, tuple(_trial_result(folder, trial) for trial in study.get_trials(deepcopy=False)))


def _numbers_of_ended(study: optuna.Study) -> frozenset[int]:
    return frozenset(trial.number for trial in study.get_trials(deepcopy=False) if trial.state.is_finished())


def _trial_result(folder: Path, trial: FrozenTrial) -> TrialResult:
    bundle = folder / "trials" / f"{trial.number:04d}" / "bundle"
    usable = trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and bundle.is_dir()
    score = None
    if usable:
        score = read_description(bundle)["validation"].get("score")
    return TrialResult(
        trial.number, trial.state.name.lower(), dict(trial.params), score, max(trial.intermediate_values, default=0),
        trial.user_attrs.get(ERROR), bundle if usable else None,
    )  # fmt: skip


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _listening(listener: Callable[[Event], None] | None) -> Iterator[None]:
    if listener is None:
        yield
        return
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def _set_up_tune() -> None:
    # Tune's own snapshot at every event: what is not in it is lost with the process
    os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "0"
    os.environ["TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S"] = "0"
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # the trainings keep logs of their own
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
