"""One trial of a sweep: a training inside Ray Tune."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray.tune
import torch

from dssgan.data.dataset import Dataset
from dssgan.errors import DssganError, WriteError
from dssgan.inference.stream import separate_array
from dssgan.separators import SeparatorModel
from dssgan.training.checkpoint import has_checkpoint, read_checkpoint
from dssgan.training.config import TrainConfig, make_config
from dssgan.training.distributed import Workers, train_distributed
from dssgan.training.phases import Outcome, train
from dssgan.training.shared_phases import SharedPhases
from dssgan.training.store import Store
from dssgan.tuning.claims import TrialClaims
from dssgan.tuning.space import combine

GIVEN_UP = "given_up.txt"  # in a trial's folder: why nobody shall try again
_SPEED_SECONDS, _SPEED_RUNS = 10.0, 3

Train = Callable[..., Outcome]


@dataclass(frozen=True)
class Plan:
    """What all trials of a sweep share.

    Args:
        store: where their files go.
        dataset: what to learn from, without its test partition.
        settings: nested settings that the trials start from.
        workers: processes of a trial.
        claims: the keeper of claims on supervised phases; None has every trial train its own.
        measure_speed: whether the real-time factor is an objective beside the score.
        train: what one process does; only benchmarks do something else.
    """

    store: Store
    dataset: Dataset
    settings: dict[str, Any]
    workers: Workers
    claims: Any
    measure_speed: bool = False
    train: Train = train


def trial_name(number: int) -> str:
    """Name the folder of the trial with that number in the study."""
    return f"trials/{number:04d}"


def run_trial(trial: dict[str, Any], *, plan: Plan) -> None:
    """Train one trial's separator and report each validation to Tune.

    A trial that has a checkpoint goes on from it. A training that diverges, settings that cannot work together, or a
    process that dies again and again end the trial; the sweep goes on. A full disk breaks it off: it is not the trial's
    fault, and it goes on when there is space.

    Args:
        trial: its number in the study and its drawn settings.
        plan: what the trials share.
    """
    name = trial_name(trial["number"])
    try:
        given_up = plan.store.read_text(f"{name}/{GIVEN_UP}")
        if given_up is not None:
            raise DssganError(given_up)
        config = make_config(combine(plan.settings, trial["drawn"]))
        further: list[float] = []
        if plan.measure_speed:
            torch.set_num_threads(plan.workers.cpus)
            further = [real_time_factor(config.build_separator())]
            ray.tune.report({"further": further})
        shared = None
        if plan.claims is not None:
            shared = SharedPhases(plan.store, TrialClaims(plan.claims, trial["number"]))
        run = _in_one_process if plan.workers.num == 1 else _in_several
        outcome = run(config, name, plan, shared)
    except WriteError as error:
        ray.tune.report({"interrupted": str(error)})
    except DssganError as error:
        ray.tune.report({"error": str(error)})
    else:
        # one more word for a trial whose patience ended it before the last epoch: it was not stopped, it is done
        ray.tune.report(
            {"score": outcome.score, "best_score": outcome.score, "epoch": outcome.epochs, "finished": True}
            | ({"further_values": further} if further else {})
        )


def _in_one_process(config: TrainConfig, name: str, plan: Plan, shared: SharedPhases | None) -> Outcome:
    torch.set_num_threads(plan.workers.cpus)
    plan.store.fetch(name)
    folder = plan.store.local(name)
    folder.mkdir(parents=True, exist_ok=True)

    def report(metrics: dict[str, float], _folder: Path) -> None:
        plan.store.publish(name)
        ray.tune.report(metrics)

    resume_from = folder if has_checkpoint(folder) else None
    try:
        if resume_from is not None:
            _, position = read_checkpoint(resume_from)
            if position.history:
                ray.tune.report(position.history[-1])  # the report may have been lost with the process
        outcome = plan.train(config, plan.dataset, folder, report=report, resume_from=resume_from, shared_phases=shared)
        plan.store.publish(name)
    finally:
        plan.store.forget(name)
    return outcome


def _in_several(config: TrainConfig, name: str, plan: Plan, shared: SharedPhases | None) -> Outcome:
    from ray.tune.integration.ray_train import TuneReportCallback

    return train_distributed(
        config, plan.dataset, plan.store, name,
        workers=plan.workers, callbacks=[TuneReportCallback()], shared_phases=shared,
    )  # fmt: skip


def real_time_factor(separator: SeparatorModel) -> float:
    """Measure how long a separator takes on the processor for a second of sound.

    Args:
        separator: on the CPU; its weights do not matter.

    Returns:
        Seconds of work for each second of sound, the best of three runs; below 1 is faster than it plays.
    """
    separator = separator.eval()
    noise = np.random.default_rng(0).standard_normal((separator.channels, int(_SPEED_SECONDS * separator.sample_rate)))
    mix = (0.1 * noise).astype(np.float32)
    seconds = []
    for _ in range(_SPEED_RUNS):
        started = time.perf_counter()
        separate_array(separator, mix)
        seconds.append(time.perf_counter() - started)
    return min(seconds) / _SPEED_SECONDS
