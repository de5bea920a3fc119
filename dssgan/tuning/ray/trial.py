"""One trial of a sweep: a training inside Ray Tune."""

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray.tune
import torch

from dssgan.data.dataset import Dataset, Localise, unchanged
from dssgan.errors import DssganError, TrainingInterruptedError, WriteError
from dssgan.runs.store import Store
from dssgan.training.checkpoint import find_position
from dssgan.training.config import TrainConfig, phase_one_key
from dssgan.training.distributed import Workers, train_distributed
from dssgan.training.memory import return_free_memory
from dssgan.training.notice import StopNotice
from dssgan.training.phases import TrainingResult, train
from dssgan.training.settings import make_config
from dssgan.training.shared_phases import SharedPhases
from dssgan.tuning.ray.claims import TrialClaims
from dssgan.tuning.ray.messages import Failed, Finished, Interrupted, Measured, Message, Placed, Skipped, Validated
from dssgan.tuning.search.limits import NO_LIMITS, Limits, measure
from dssgan.tuning.search.space import combine
from dssgan.tuning.sweep_files import trial_name

GIVEN_UP = "given_up.txt"  # in a trial's folder: why it is not tried again

_STOP_NOTICE = StopNotice()  # of this process

Train = Callable[..., TrainingResult]


class StopsOnSigterm:
    """Makes a trial's process note SIGTERM. Tune derives its trainable from this class, as from any in `__mixins__`."""

    def setup(self, config: dict[str, Any]) -> None:
        """Listen. Tune calls this in the process's main thread, where alone it is possible, and trains in another."""
        _STOP_NOTICE.listen()
        super().setup(config)  # type: ignore[misc]


@dataclass(frozen=True)
class TrialPlan:
    """What all trials of a sweep share.

    Args:
        store: where their files go.
        dataset: what to learn from, without its test partition.
        settings: nested settings that the trials start from.
        workers: processes of a trial.
        claims: the keeper of claims on supervised phases; None has every trial train its own.
        measure_speed: whether the real-time factor is an objective beside the score.
        limits: what a separator must keep to be trained.
        train: what one process does; only benchmarks do something else.
        localise: returns the data set with files of the machine of a trial.
        command: the command that repeats the sweep.
    """

    store: Store
    dataset: Dataset
    settings: dict[str, Any]
    workers: Workers
    claims: Any
    measure_speed: bool = False
    limits: Limits = NO_LIMITS
    train: Train = train
    localise: Localise = unchanged
    command: str | None = None


def run_trial(trial: dict[str, Any], *, plan: TrialPlan) -> None:
    """Train one trial's separator and report each validation to Tune.

    A trial that has a checkpoint resumes from it. SIGTERM makes its process write one and end; Tune starts the trial
    again, on another machine where this one is gone. A training that diverges, settings that cannot work together, or
    a process that dies again and again end the trial; the sweep continues. So does it where a separator misses a limit.
    A full disk interrupts a trial, which is resumed when there is space.

    Args:
        trial: its number in the study and its drawn settings.
        plan: what the trials share.
    """
    name = trial_name(trial["number"])
    return_free_memory()  # of the trial before in this process
    _report(Placed(_describe_machine(plan.workers)))
    try:
        given_up = plan.store.read_text(f"{name}/{GIVEN_UP}")
        if given_up is not None:
            raise DssganError(given_up)
        config = make_config(combine(plan.settings, trial["drawn"]))
        if plan.measure_speed or plan.limits != NO_LIMITS:
            torch.set_num_threads(plan.workers.cpus)
            with_speed = plan.measure_speed or plan.limits.min_speed is not None
            size = measure(config, plan.store, with_speed=with_speed)
            missed = plan.limits.describe(size)
            speed = size.real_time_factor if plan.measure_speed else None
            _report(Measured(speed, plan.limits.excess(size)))
            if missed is not None:
                _report(Skipped(missed))
                return
        claims = None
        if plan.claims is not None:
            claims = TrialClaims(plan.claims, trial["number"], outlives_errors=plan.workers.num > 1)
        run = _in_one_process if plan.workers.num == 1 else _in_several
        outcome = run(config, name, plan, claims)
    except TrainingInterruptedError:
        os._exit(128 + signal.SIGTERM)
    except WriteError as error:
        _report(Interrupted(str(error)))
    except DssganError as error:
        _report(Failed(str(error)))
    else:
        # a trial whose patience ended it before its last epoch would otherwise look like one that was stopped
        _report(Finished(outcome.score))


def _report(message: Message) -> None:
    ray.tune.report(message.as_result())


def _describe_machine(workers: Workers) -> str:
    needed = ", ".join(f"{amount:g} {kind}" for kind, amount in workers.resources.items())
    if workers.num > 1:
        return f"{workers.num} workers, each {needed}"
    devices = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
    return f"{socket.gethostname()}, {needed}" + (f" (GPU {', '.join(devices)})" if devices else "")


def _shared_phases(plan: TrialPlan, claims: TrialClaims | None) -> SharedPhases | None:
    return None if claims is None else SharedPhases(plan.store, claims)


def _in_one_process(config: TrainConfig, name: str, plan: TrialPlan, claims: TrialClaims | None) -> TrainingResult:
    torch.set_num_threads(plan.workers.cpus)
    plan.store.fetch(name)
    folder = plan.store.local(name)
    folder.mkdir(parents=True, exist_ok=True)

    def report(metrics: dict[str, float], _folder: Path) -> None:
        plan.store.publish(name)
        _report(Validated(metrics))

    position = find_position(folder)
    resume_from = None if position is None else folder
    try:
        if position is not None and position.history:
            _report(Validated(position.history[-1]))  # the report may have been lost with the process
        dataset = plan.localise(plan.dataset)
        outcome = plan.train(
            config, dataset, folder, report=report, resume_from=resume_from,
            shared_phases=_shared_phases(plan, claims), notice=_STOP_NOTICE, command=plan.command,
        )  # fmt: skip
        plan.store.publish(name)
    except TrainingInterruptedError:
        plan.store.publish(name)
        raise
    finally:
        plan.store.forget(name)
    return outcome


def _in_several(config: TrainConfig, name: str, plan: TrialPlan, claims: TrialClaims | None) -> TrainingResult:
    from dssgan.tuning.ray.nested import ValidationCallback  # Ray's Train takes seconds to import

    if claims is not None and not _is_past_phase_one(plan.store, name):
        # here, where no machine is held: later the other processes would wait in a collective, which has a limit
        claims.take(phase_one_key(config, plan.dataset.fingerprint, plan.workers.num))
    return train_distributed(
        config, plan.dataset, plan.store, name,
        workers=plan.workers, callbacks=[ValidationCallback()], shared_phases=_shared_phases(plan, claims),
        localise=plan.localise, waits=True, command=plan.command,
    )  # fmt: skip


def _is_past_phase_one(store: Store, name: str) -> bool:
    store.fetch(name)
    try:
        position = find_position(store.local(name))
        return position is not None and position.phase == 2
    finally:
        store.forget(name)
