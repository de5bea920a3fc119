"""A sweep: many trainings under Ray Tune, drawn by Optuna, stopped early where they lag."""

import os
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import ray
import ray.tune
from optuna.trial import TrialState

from dssgan.data.dataset import Dataset
from dssgan.data.guard import guarded
from dssgan.errors import ConfigError, RayEndedError, WriteError
from dssgan.metrics.catalogue import Monitored
from dssgan.parallel.capacity import Capacity
from dssgan.parallel.cluster import on_this_machine, ray_running
from dssgan.parallel.watch import ray_watched
from dssgan.runs.agreement import record_to_resume
from dssgan.runs.location import open_store
from dssgan.runs.record import SWEEP, RunRecord, find_record, this_command, write_record
from dssgan.runs.retry import Patience
from dssgan.runs.store import Store
from dssgan.training.phases import train
from dssgan.training.settings import make_config
from dssgan.tuning.ray.claims import ClaimsKeeper
from dssgan.tuning.ray.events import Listener, Stop, Watch
from dssgan.tuning.ray.resources import Waiting, choose_max_concurrent, choose_workers
from dssgan.tuning.ray.searcher import PruningScheduler, StudySearch
from dssgan.tuning.ray.songs import share_songs
from dssgan.tuning.ray.trial import StopsOnSigterm, Train, TrialPlan, run_trial
from dssgan.tuning.results import SweepResult, read_trials, write_table
from dssgan.tuning.search.attributes import TAKEN_OVER
from dssgan.tuning.search.limits import Limits
from dssgan.tuning.search.objectives import FURTHER_OBJECTIVES, metrics_of
from dssgan.tuning.search.options import SearchOptions
from dssgan.tuning.search.pruners import make_pruner, replay
from dssgan.tuning.search.space import SearchSpace
from dssgan.tuning.search.storage import default_url, open_storage
from dssgan.tuning.search.warm_start import take_over_trials
from dssgan.tuning.sweep_files import STUDY, find_study, require_same, write_sweep

# Ray's object store holds nothing larger than a data set's description.
OBJECT_STORE_BYTES = 200_000_000


def run_sweep(
    space: SearchSpace,
    dataset: Dataset,
    location: str | Path,
    *,
    settings: Mapping[str, Any],
    options: SearchOptions,
    name: str,
    study_url: str | None = None,
    warm_start: Sequence[optuna.Study] = (),
    resume: bool = False,
    address: str | None = None,
    parent: Store | None = None,
    listener: Listener = lambda _: None,
    on_message: Callable[[str], None] = lambda _: None,
    train: Train = train,
) -> SweepResult:
    """Run a sweep to its end, or resume one that was interrupted.

    Trials agree on a common axis of separator steps, and none is stopped for its alpha and beta before it has had one
    validation of phase two: see `dssgan.tuning.search.pruners`.

    Args:
        space: what to draw.
        dataset: what to learn from; trials get it without its test partition.
        location: where all files are written: a folder that every machine sees, or a bucket's URL.
        settings: nested settings for all trials; they win over drawn ones. A resumed sweep takes those it was
            begun with, and refuses others.
        options: how to search, and with what. A resumed sweep may have more trials.
        name: name of the study; a resumed sweep keeps its own, even if its folder was renamed.
        study_url: an Optuna storage URL; None for a SQLite file in the folder.
        warm_start: earlier studies to learn from.
        resume: whether to resume the sweep in the folder.
        address: address of a running Ray cluster; None starts Ray on this machine.
        parent: the sweep that this one belongs to and whose songs in a bucket it uses; None for none.
        listener: called with every message of a trial, and with every trial's end.
        on_message: called with lines for the user.
        train: what a trial of one process does; only benchmarks do something else.

    Returns:
        All trials of the study; those that `max_hours` cut short are "running".

    Raises:
        ConfigError: the space does not fit, the location holds a sweep already, there is none to resume, or the cluster
            has no room for a trial.
        RayEndedError: the Ray that was started here ended; nothing is lost, and the sweep can be resumed.
        WriteError: a disk is full; likewise.
        KeyboardInterrupt: Ctrl-C; likewise.
    """
    dataset = guarded(dataset)
    patience = Patience(options.patience)
    store = open_store(location, patience)
    begun = _record_to_resume(store, on_message, resume=resume)
    if begun is not None:
        require_same(store, begun, space, dataset, settings, options, on_message)
        settings = begun.settings
        name = begun.details["study"]
        before = begun.details["options"]["num_trials"]
        if options.num_trials is not None and options.num_trials < before:
            raise ConfigError(f"{store}: was begun with {before} trials; {options.num_trials} are fewer, give more")
        options = replace(options, num_trials=options.num_trials or before)
        result = read_trials(store, find_study(store, name, study_url))
        if result.is_over(options.num_trials or before):  # no cluster is needed to find that out
            write_table(result)
            return result
    elif options.num_trials is None:
        raise ConfigError("num_trials: a new sweep needs to know how many; give a number")
    configs = space.check(settings)
    # a Ray with Train in its trials needs the dashboard's State API to free what a stopped trial held
    local = {"object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": options.workers_per_trial > 1}
    with store.hold("sweep", on_message) as taken_over, ray_running(address, **local):
        if begun is None and find_record(store) is not None:
            raise ConfigError(f"{store}: another process has begun this sweep meanwhile; add --resume to go on with it")
        capacity = Capacity.of_cluster()
        workers = choose_workers(
            capacity, num=options.workers_per_trial, cpus=options.cpus_per_worker, gpus=options.gpus_per_worker
        )
        waiting = Waiting(workers, on_message)
        waiting.look(capacity)
        learnt = replace(dataset, test=())
        localise = share_songs(learnt, parent or store, on_message)
        score = make_config(settings).monitored.of(dataset.sources)
        study = _open_study(store, name, study_url, options, score, resume=resume)
        pruner = make_pruner(options.pruner, configs, options.reduction_factor)
        if pruner is not None:
            replay(pruner, study.get_trials(deepcopy=False))
        if begun is not None:
            extended = {**begun.details["options"], "num_trials": options.num_trials}
            resumed = replace(begun, details={**begun.details, "options": extended})
            write_record(store, resumed.resumed_with(settings))
        if begun is None:
            for earlier in warm_start:
                on_message(f"learning from {take_over_trials(study, earlier, space)} trials of {earlier.study_name}")
            write_sweep(store, space, dataset, settings, options, workers, name, study_url)
        concurrent = options.max_concurrent or choose_max_concurrent(capacity, workers)
        search = StudySearch(
            study, space, settings=settings, data_fingerprint=dataset.fingerprint, num_processes=workers.num,
            num_trials=options.num_trials or 0, sampler=options.sampler, seed=options.seed, also=options.also,
            num_ahead=concurrent if options.share_phase_one else 0, patience=patience, on_message=on_message,
            after_write=(lambda: None) if study_url else (lambda: store.publish(STUDY)),
        )  # fmt: skip
        claims = None
        if options.share_phase_one:
            claims = ClaimsKeeper.options(scheduling_strategy=on_this_machine()).remote()  # type: ignore[attr-defined]
        reported = [*settings.get("validation_metrics", ()), *metrics_of(options.also)]
        measured = {**settings, "validation_metrics": reported}
        plan = TrialPlan(
            store, learnt, measured, workers, claims, "speed" in options.also,
            Limits(options.min_speed, options.max_parameters), train, localise, this_command(),
        )  # fmt: skip
        with (
            Stop(options.max_hours, search, taken_over, waiting) as stop, ray_watched(stop.lose_ray),
            tempfile.TemporaryDirectory(prefix="dssgan-tune-") as scratch,
        ):  # fmt: skip
            _fit(plan, search, PruningScheduler(pruner), stop, listener, concurrent, Path(scratch))
        if stop.lost is not None:
            raise RayEndedError(
                f"{store}: Ray on this machine ended under the sweep ({stop.lost} is gone, perhaps for want of "
                "memory); nothing is lost, add --resume to go on"
            )
        if taken_over():
            raise ConfigError(f"{store}: another process has taken this sweep over, which goes on there")
    result = read_trials(store, study)
    write_table(result)
    if search.interruption is not None:
        raise WriteError(f"{search.interruption}; then add --resume")
    if stop.pressed:
        raise KeyboardInterrupt
    return result


def _record_to_resume(store: Store, on_message: Callable[[str], None], *, resume: bool) -> RunRecord | None:
    """Return the record of the sweep that is resumed; None for a new one.

    Raises:
        ConfigError: there is none to resume, or there is one that is not to be resumed.
    """
    if resume and find_record(store) is None and store.local(".").exists():
        with store.hold("sweep", on_message):  # a process that holds it has just begun, and has written no record yet
            pass
    return record_to_resume(store, SWEEP, resume=resume)


def read_sweep(location: str | Path, name: str, study_url: str | None = None) -> SweepResult:
    """Read the trials of a sweep, running or done.

    Args:
        location: the sweep's folder or bucket.
        name: name of the study.
        study_url: an Optuna storage URL; None for the SQLite file in the folder.

    Returns:
        All trials of the study.

    Raises:
        ConfigError: there is no such study.
    """
    store = open_store(location)
    return read_trials(store, find_study(store, name, study_url))


def _open_study(
    store: Store, name: str, study_url: str | None, options: SearchOptions, score: Monitored, *, resume: bool
) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if resume:
        return find_study(store, name, study_url)
    store.local(".").mkdir(parents=True, exist_ok=True)
    storage = open_storage(study_url or default_url(store.local(".")))
    _delete_unbegun(name, storage)
    study = optuna.create_study(
        storage=storage, study_name=name, load_if_exists=True,
        directions=["maximize", *(FURTHER_OBJECTIVES[name].direction for name in options.also)],
    )  # fmt: skip
    if study.get_trials(deepcopy=False):
        raise ConfigError(f"study {name}: is in this storage already; choose another --name")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # what optuna-dashboard writes at its axes; of a score of which less is better, the negative is maximised
        title = score.title if score.sign > 0 else f"minus {score.title}"
        study.set_metric_names([title, *(FURTHER_OBJECTIVES[name].title for name in options.also)])
    return study


def _delete_unbegun(name: str, storage: optuna.storages.BaseStorage) -> None:
    """Delete a study in which no trial has begun: a start was cut short before it had written its record."""
    if name not in optuna.get_all_study_names(storage):
        return
    trials = optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False)
    if all(TAKEN_OVER in trial.user_attrs or trial.state == TrialState.WAITING for trial in trials):
        optuna.delete_study(study_name=name, storage=storage)


def _fit(
    plan: TrialPlan, search: StudySearch, scheduler: PruningScheduler, stop: Stop, listener: Listener,
    concurrent: int, scratch: Path,
) -> None:  # fmt: skip
    # Tune's own notes, which the study makes needless, are not worth their time
    os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "1000000"
    os.environ["TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S"] = "0"
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # the trainings keep logs of their own
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # `Stop` has one
    os.environ["TUNE_DISABLE_STRICT_METRIC_CHECKING"] = "1"  # what a trial says of its failure has no score
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    alone = plan.workers.num == 1
    # the process of a nested training only waits for it; it sits on the head, which is there as long as the sweep
    needed = {key.lower(): amount for key, amount in plan.workers.resources.items()}
    resources = needed if alone else {"node:__internal_head__": 0.001}
    trainable = ray.tune.with_parameters(run_trial, plan=plan)
    if alone:  # the process of a nested training has no step to write a checkpoint of
        trainable.__mixins__ = (StopsOnSigterm,)
    tuner = ray.tune.Tuner(
        ray.tune.with_resources(trainable, resources),
        tune_config=ray.tune.TuneConfig(
            num_samples=-1, search_alg=search, scheduler=scheduler, max_concurrent_trials=concurrent,
            reuse_actors=alone,
        ),
        run_config=ray.tune.RunConfig(
            name="tune", storage_path=str(scratch), verbose=0, callbacks=[Watch(plan, listener, search)], stop=stop,
            failure_config=ray.tune.FailureConfig(max_failures=-1),  # `Watch` counts
        ),
    )  # fmt: skip
    try:
        tuner.fit()
    except KeyboardInterrupt:
        if stop.lost is None:
            raise
    except Exception:
        if search.interruption is None:
            raise
