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

from dssgan.data.dataset import Bring, Dataset, where_it_is
from dssgan.errors import DssganError, TrainingInterruptedError, WriteError
from dssgan.training.checkpoint import find_position
from dssgan.training.config import TrainConfig, phase_one_key
from dssgan.training.distributed import Workers, train_distributed
from dssgan.training.notice import Notice
from dssgan.training.phases import TrainingResult, train
from dssgan.training.settings import make_config
from dssgan.training.shared_phases import SharedPhases
from dssgan.training.store import Store
from dssgan.tuning.claims import TrialClaims
from dssgan.tuning.limits import NO_LIMITS, Limits, measure
from dssgan.tuning.space import combine

GIVEN_UP = "given_up.txt"  # in a trial's folder: why nobody shall try again

_TOLD = Notice()  # this process, that its machine is about to be taken away

Train = Callable[..., TrainingResult]


class Noticing:
    """Has a trial's process heed SIGTERM. Tune makes its trainable of this class too, as of any in `__mixins__`."""

    def setup(self, config: dict[str, Any]) -> None:
        """Listen. Tune calls this in the process's main thread, which alone may, and trains in another."""
        _TOLD.listen()
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
        bring: gives the data set on the machine of a trial.
    """

    store: Store
    dataset: Dataset
    settings: dict[str, Any]
    workers: Workers
    claims: Any
    measure_speed: bool = False
    limits: Limits = NO_LIMITS
    train: Train = train
    bring: Bring = where_it_is


def trial_name(number: int) -> str:
    """Name the folder of the trial with that number in the study."""
    return f"trials/{number:04d}"


def run_trial(trial: dict[str, Any], *, plan: TrialPlan) -> None:
    """Train one trial's separator and report each validation to Tune.

    A trial that has a checkpoint goes on from it. SIGTERM has its process write one and end; Tune starts the trial
    again, on another machine where this one is gone. A training that diverges, settings that cannot work together, or
    a process that dies again and again end the trial; the sweep goes on. So does it where a separator misses a limit. A
    full disk breaks a trial off: it is not the trial's fault, and it goes on when there is space.

    Args:
        trial: its number in the study and its drawn settings.
        plan: what the trials share.
    """
    name = trial_name(trial["number"])
    ray.tune.report({"place": _describe_place(plan.workers)})
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
            speed = {"real_time_factor": size.real_time_factor} if plan.measure_speed else {}
            ray.tune.report({**speed, "excess": list(plan.limits.excess(size).items())})
            if missed is not None:
                ray.tune.report({"left_out": missed})
                return
        claims = None
        if plan.claims is not None:
            claims = TrialClaims(plan.claims, trial["number"], outlives_errors=plan.workers.num > 1)
        run = _in_one_process if plan.workers.num == 1 else _in_several
        outcome = run(config, name, plan, claims)
    except TrainingInterruptedError:
        os._exit(128 + signal.SIGTERM)
    except WriteError as error:
        ray.tune.report({"interrupted": str(error)})
    except DssganError as error:
        ray.tune.report({"error": str(error)})
    else:
        # one more word for a trial whose patience ended it before the last epoch: it was not stopped, it is done
        ray.tune.report(
            {"score": outcome.score, "best_score": outcome.score, "epoch": outcome.epochs, "finished": True}
        )


def _describe_place(workers: Workers) -> str:
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
        ray.tune.report(metrics)

    position = find_position(folder)
    resume_from = None if position is None else folder
    try:
        if position is not None and position.history:
            ray.tune.report(position.history[-1])  # the report may have been lost with the process
        dataset = plan.bring(plan.dataset)
        outcome = plan.train(
            config, dataset, folder, report=report, resume_from=resume_from,
            shared_phases=_shared_phases(plan, claims), notice=_TOLD,
        )  # fmt: skip
        plan.store.publish(name)
    except TrainingInterruptedError:
        plan.store.publish(name)
        raise
    finally:
        plan.store.forget(name)
    return outcome


def _in_several(config: TrainConfig, name: str, plan: TrialPlan, claims: TrialClaims | None) -> TrainingResult:
    from ray.tune.integration.ray_train import TuneReportCallback

    if claims is not None and not _is_past_phase_one(plan.store, name):
        # here, where no machine is held: later the other processes would wait in a collective, which has a limit
        claims.take(phase_one_key(config, plan.dataset.fingerprint, plan.workers.num))
    return train_distributed(
        config, plan.dataset, plan.store, name,
        workers=plan.workers, callbacks=[TuneReportCallback()], shared_phases=_shared_phases(plan, claims),
        bring=plan.bring, waits=True,
    )  # fmt: skip


def _is_past_phase_one(store: Store, name: str) -> bool:
    store.fetch(name)
    try:
        position = find_position(store.local(name))
        return position is not None and position.phase == 2
    finally:
        store.forget(name)
