"""One trial of a sweep: a training inside Ray Tune."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray.tune
import torch

from dssgan.data.dataset import Dataset
from dssgan.errors import DssganError
from dssgan.training.checkpoint import FILE, read_checkpoint
from dssgan.training.config import make_config
from dssgan.training.phases import train
from dssgan.tuning.space import combine


@dataclass(frozen=True)
class Plan:
    """What all trials of a sweep share.

    Args:
        folder: the sweep's folder; every machine that runs trials must see it.
        dataset: what to learn from, without its test partition.
        settings: nested settings that the trials start from.
        num_threads: processor cores a trial computes on.
        over: numbers of trials that the study knows the end of: Tune, whose snapshot may be older, must not go on
            with them.
    """

    folder: Path
    dataset: Dataset
    settings: dict[str, Any]
    num_threads: int
    over: frozenset[int] = frozenset()

    def trial_folder(self, number: int) -> Path:
        """Give the folder of the trial with that number in the study."""
        return self.folder / "trials" / f"{number:04d}"


def run_trial(trial: dict[str, Any], *, plan: Plan) -> None:
    """Train one trial's separator and report each validation to Tune.

    A trial that has a checkpoint goes on from it. A training that diverges, or settings that cannot work together,
    end the trial with a score that is not a number; the sweep goes on.

    Args:
        trial: its number in the study and its drawn settings.
        plan: what the trials share.
    """
    if trial["number"] in plan.over:
        ray.tune.report({"score": float("nan"), "epoch": 0, "finished": True})  # Tune takes no trial without a word
        return
    torch.set_num_threads(plan.num_threads)
    folder = plan.trial_folder(trial["number"])
    last: dict[str, float] = {}

    def report(metrics: dict[str, float], _checkpoint: Path) -> None:
        last.clear()
        last.update(metrics)
        ray.tune.report(metrics)

    try:
        config = make_config(combine(plan.settings, trial["drawn"]))
        resume_from = folder if (folder / FILE).exists() else None
        if resume_from is not None:
            _, position = read_checkpoint(resume_from)
            if position.history:
                report(position.history[-1], folder)  # the report may have been lost with the process
        folder.mkdir(parents=True, exist_ok=True)
        outcome = train(
            config,
            plan.dataset,
            folder,
            report=report,
            resume_from=resume_from,
            phase_one_folder=plan.folder / "phase_one",
        )
    except DssganError as error:
        ray.tune.report({"score": float("nan"), "epoch": last.get("epoch", 0) + 1, "error": str(error)})
    else:
        # one more word for a trial whose patience ended it before the last epoch: it was not stopped, it is done
        ray.tune.report({**last, "best_score": outcome.score, "finished": True})
