"""What each saving of a sweep is worth: training seconds until a search finds a separator of a certain score.

Every setting of a small grid was trained once, two trainings at a time; the scores of all their epochs, and what an
epoch of each separator costs, are in `sweep_curves.json`. Searches run over them through `dssgan.tuning.run_sweep`, as
every sweep does; only a trial's epochs are looked up instead of trained. So several seeds of several searches can be
compared, each on real curves. `--measure` trains the grid again.

    python benchmarks/sweep.py                 # savings, overhead of a trial, 1,000 trials in one study; 20 minutes
    python benchmarks/sweep.py --measure       # the curves first: about an hour on two cores

The naive search draws by chance, stops no trial, and trains every trial's supervised phase. The goal is the score that
it reaches in half of all seeds after `GOAL_TRIALS` trials.
"""

import argparse
import itertools
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from machine import describe

from dssgan.atomic import write_text
from dssgan.data.dataset import Dataset
from dssgan.data.loading import load_dataset
from dssgan.parallel.cluster import ray_running
from dssgan.training.config import TrainConfig
from dssgan.training.phases import Report, TrainingResult, train
from dssgan.training.settings import make_config
from dssgan.training.shared_phases import SharedPhases
from dssgan.tuning.ray.sweep import OBJECT_STORE_BYTES, run_sweep
from dssgan.tuning.search.options import SearchOptions
from dssgan.tuning.search.space import SearchSpace

CURVES = Path(__file__).with_name("sweep_curves.json")
SUPERVISED_EPOCHS, ADVERSARIAL_EPOCHS = 15, 3
# Settings of the supervised phase, and those that act after it.
SEPARATORS: dict[str, dict[str, Any]] = {
    "tdf_unet 2048": {"name": "tdf_unet", "preset": "tiny", "n_fft": 2048, "hop_samples": 1024},
    "tdf_unet 4096": {"name": "tdf_unet", "preset": "tiny", "n_fft": 4096, "hop_samples": 2048},
    "tdf_unet 4096, overlapping": {"name": "tdf_unet", "preset": "tiny", "n_fft": 4096, "hop_samples": 1024},
}
LEARNING_RATES = (3e-4, 1e-3, 3e-3, 1e-2)
ALPHAS = (0.03, 0.2, 1.0)
ADVERSARIAL_LEARNING_RATES = (3e-4, 2e-3)
SETTINGS = {
    "alpha_mode": "gradient_ratio", "segment_seconds": 2.0, "batch_size": 4, "steps_per_epoch": 8,
    "phase_one.epochs": SUPERVISED_EPOCHS, "phase_two.epochs": ADVERSARIAL_EPOCHS, "patience": 100,
    "critic_steps": 1, "ema_decay": 0.97, "validation_seconds": 20.0, "media": False,
    "supervised_loss": {"name": "wave_stft"},  # what the documented figures were measured with
}  # fmt: skip
SPACE = f"""
def space(trial):
    separators = {SEPARATORS!r}
    separator = separators[trial.suggest_categorical("_separator", list(separators))]
    trial.suggest_categorical("learning_rate", {list(LEARNING_RATES)!r})
    trial.suggest_categorical("alpha", {list(ALPHAS)!r})
    trial.suggest_categorical("phase_two.learning_rate", {list(ADVERSARIAL_LEARNING_RATES)!r})
    return {{f"separator.{{key}}": value for key, value in separator.items()}}
"""
# Sampler, pruner, shared supervised phase.
ARMS: dict[str, tuple[str, str, bool]] = {
    "naive": ("random", "none", False),
    "TPE alone": ("tpe", "none", False),
    "early stopping alone": ("random", "asha", False),
    "shared phase alone": ("random", "none", True),
    "all": ("tpe", "asha", True),
}
TWO_SETTINGS = """
def space(trial):
    trial.suggest_float("alpha", 0.01, 1.0, log=True)
    trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
"""
GOAL_TRIALS = 12
MAX_TRIALS = 48


def main() -> None:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="train the grid again")
    parser.add_argument("--seeds", type=int, default=3, help="of each search")
    parser.add_argument("--trials", type=int, default=1000, help="of the large study")
    parser.add_argument("--runs", type=Path, default=Path("runs/sweep_curves"))
    arguments = parser.parse_args()
    if arguments.measure:
        measure_curves(arguments.runs)
    print(f"{describe()}\n")
    compare_savings(arguments.seeds)
    measure_large_study(arguments.trials)


def grid() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give every setting with the key of its supervised phase and the key of all of it; alike phases come last."""
    rest = itertools.product(ALPHAS, ADVERSARIAL_LEARNING_RATES)
    for (alpha, adversarial_rate), separator, rate in itertools.product(rest, SEPARATORS, LEARNING_RATES):
        first = f"{separator}, {rate:g}"
        drawn = {"_separator": separator, "separator": SEPARATORS[separator], "learning_rate": rate, "alpha": alpha,
                 "phase_two.learning_rate": adversarial_rate}  # fmt: skip
        yield first, f"{first}, {alpha:g}, {adversarial_rate:g}", drawn


def measure_curves(runs: Path) -> None:
    """Train the whole grid, each supervised phase once, and write the curves. What was trained is not trained again."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        histories = dict(pool.map(partial(_train_one, runs), grid()))
    scores: dict[str, dict[str, list[float]]] = {"supervised": {}, "adversarial": {}}
    spent: dict[tuple[str, str], list[float]] = {}
    for first, key, drawn in grid():
        phases = {"supervised": histories[key][:SUPERVISED_EPOCHS], "adversarial": histories[key][SUPERVISED_EPOCHS:]}
        begun = 0.0
        for (phase, history), name in zip(phases.items(), (first, key), strict=True):
            if "reused_until" in history[0]:
                continue  # another training's supervised phase
            scores[phase][name] = [round(metrics["score"], 3) for metrics in history]
            ends = [metrics["seconds"] for metrics in history]
            spent.setdefault((drawn["_separator"], phase), []).extend(np.diff([begun, *ends]))
            begun = ends[-1]
    # other work may share the machine: the quicker epochs of each separator say what an epoch costs
    seconds = {
        separator: {phase: round(float(np.percentile(spent[separator, phase], 10)), 2) for phase in scores}
        for separator in SEPARATORS
    }
    write_text(CURVES, _lines({"machine": describe(), "seconds of an epoch": seconds, **scores}))


def _lines(content: dict[str, Any]) -> str:
    """Write JSON with a line for each curve."""
    parts = []
    for name, value in content.items():
        each = (
            [f"  {json.dumps(key)}: {json.dumps(one)}" for key, one in value.items()] if isinstance(value, dict) else []
        )
        parts.append(f" {json.dumps(name)}: " + ("{\n" + ",\n".join(each) + "\n }" if each else json.dumps(value)))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _train_one(runs: Path, point: tuple[str, str, dict[str, Any]]) -> tuple[str, list[dict[str, float]]]:
    _, key, drawn = point
    record = runs / key / "history.json"
    if record.exists():
        return key, json.loads(record.read_text(encoding="utf-8"))
    torch.set_num_threads(1)
    history: list[dict[str, float]] = []
    config = make_config(SETTINGS, {name: value for name, value in drawn.items() if not name.startswith("_")})
    train(config, load_dataset(None), runs / key, report=lambda metrics, _: history.append(metrics),
          shared_phases=SharedPhases.in_folder(runs))  # fmt: skip
    write_text(record, json.dumps(history))
    print(f"{key}: {history[-1]['best_score']:.2f} dB", flush=True)
    return key, history


class LookedUp:
    """A training whose epochs are looked up: what a trial of these searches runs in place of `train`."""

    def __init__(self) -> None:
        self._curves = json.loads(CURVES.read_text(encoding="utf-8"))

    def __call__(
        self, config: TrainConfig, _dataset: Dataset, folder: Path, *, report: Report,
        shared_phases: SharedPhases | None, **_: Any,
    ) -> TrainingResult:  # fmt: skip
        """Report a training's epochs; those of a supervised phase that an earlier trial has come to cost nothing."""
        wanted = config.phase_one.separator
        separator = next(
            name for name, one in SEPARATORS.items() if make_config({"separator": one}).phase_one.separator == wanted
        )
        first = f"{separator}, {config.phase_one.learning_rate:g}"
        key = f"{first}, {config.phase_two.alpha:g}, {config.phase_two.learning_rate:g}"
        cost = self._curves["seconds of an epoch"][separator]
        curve = [
            (score, cost[phase])
            for phase, name in (("supervised", first), ("adversarial", key))
            for score in self._curves[phase][name]
        ]
        known = folder.parents[1] / "known.json"  # epochs of supervised phases that were reported
        reached: dict[str, int] = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {}
        num_reused = reached.get(first, 0) if shared_phases is not None else 0
        steps_per_epoch = config.phase_one.steps_per_epoch
        spent = reused = 0.0
        best = -np.inf
        for epoch, (score, seconds) in enumerate(curve, 1):
            best = max(best, score)
            if epoch <= num_reused:
                reused += seconds
            else:
                spent += seconds
            if num_reused < epoch <= SUPERVISED_EPOCHS:
                write_text(known, json.dumps(reached | {first: epoch}))
            report(
                {"epoch": epoch, "phase": 1 if epoch <= SUPERVISED_EPOCHS else 2, "score": score, "best_score": best,
                 "separator_steps": epoch * steps_per_epoch, "seconds": spent, "reused_seconds": reused}
                | ({"reused_until": num_reused} if epoch <= num_reused else {}), folder,
            )  # fmt: skip
        steps = len(curve) * steps_per_epoch
        return TrainingResult(folder, best, 2, best, len(curve), steps, spent)


def search(arm: str, seed: int, folder: Path, num_trials: int) -> list[tuple[float, float]]:
    """Run one search.

    Returns:
        (best score, training seconds) of each trial, in the order in which they ran.
    """
    sampler, pruner, shares = ARMS[arm]
    options = SearchOptions(num_trials, seed, sampler=sampler, pruner=pruner, share_phase_one=shares, max_concurrent=1)
    space = SearchSpace("grid.py", SPACE)
    result = run_sweep(space, load_dataset(None), folder, settings=SETTINGS, options=options, name="search",
                       train=LookedUp())  # fmt: skip
    return [(-np.inf if trial.score is None else trial.score, trial.seconds) for trial in result.trials]


def compare_savings(num_seeds: int) -> None:
    """Print what each search took to the goal."""
    found: dict[str, list[list[tuple[float, float]]]] = {arm: [] for arm in ARMS}
    local = {"object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
    with ray_running(None, **local), tempfile.TemporaryDirectory() as scratch:
        for seed, arm in itertools.product(range(num_seeds), ARMS):
            found[arm].append(search(arm, seed, Path(scratch) / f"{arm}-{seed}", MAX_TRIALS))
    goal = float(np.median([max(score for score, _ in trials[:GOAL_TRIALS]) for trials in found["naive"]]))
    curves = json.loads(CURVES.read_text(encoding="utf-8"))["adversarial"].values()
    best = max(max(curve) for curve in curves)
    print(
        f"Training seconds to {goal:.2f} dB (the grid's best is {best:.2f} dB), median of {num_seeds} seeds "
        "[the smallest, the largest]\n"
    )
    print("| Search | Seconds | Times fewer | Trials | Did not reach it |")
    print("|---|---|---|---|---|")
    naive = None
    for arm, searches in found.items():
        costs = [_cost_to(goal, trials) for trials in searches]
        seconds = [cost for cost, _ in costs]
        middle = float(np.median(seconds))
        naive = naive or middle
        trials = np.median([count for _, count in costs])
        missed = sum(not np.isfinite(cost) for cost in seconds)
        spread = f"{middle:.0f} [{min(seconds):.0f}, {max(seconds):.0f}]"
        print(f"| {arm} | {spread} | {naive / middle:.1f} | {trials:.0f} | {missed} |")


def _cost_to(goal: float, trials: list[tuple[float, float]]) -> tuple[float, int]:
    spent = 0.0
    for number, (score, seconds) in enumerate(trials, 1):
        spent += seconds
        if score >= goal:
            return spent, number
    return float("inf"), len(trials)


def instant(config: TrainConfig, _dataset: Dataset, folder: Path, *, report: Report, **_: Any) -> TrainingResult:
    """Report one validation of a made-up score."""
    score = -float(np.log10(config.phase_two.alpha / 0.1) ** 2)
    report({"epoch": 1, "phase": 1, "score": score, "best_score": score, "separator_steps": 1, "seconds": 0.0,
            "reused_seconds": 0.0}, folder)  # fmt: skip
    return TrainingResult(folder, score, 1, score, 1, 1, 0.0)


def measure_large_study(num_trials: int) -> None:
    """Print what trials cost that do nothing, and how a study of many of them behaves."""
    one_epoch = {"phase_one.epochs": 1, "phase_two.epochs": 0}
    print(f"\nA sweep of {num_trials} trials that do nothing\n")
    print(
        "| Sampler | Seconds a trial: the first 100 | the last 100 | Memory of the sweep [MiB] | `sweep status` [s] |"
    )
    print("|---|---|---|---|---|")
    for sampler in ("random", "tpe"):
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch) / "large"
            ends: list[float] = []

            def listen(event: Any, ends: list[float] = ends) -> None:
                if event.ended:
                    ends.append(time.monotonic())

            with ray_running(None, object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False):
                run_sweep(
                    SearchSpace("two_settings.py", TWO_SETTINGS), load_dataset(None), place, settings=one_epoch,
                    options=SearchOptions(num_trials, sampler=sampler, pruner="none"), name="large", listener=listen,
                    train=instant,
                )  # fmt: skip
                memory = psutil.Process().memory_info().rss / 2**20
            started = time.monotonic()
            subprocess.run([Path(sys.executable).with_name("dssgan"), "sweep", "status", "large", "-o", scratch],
                           check=True, capture_output=True)  # fmt: skip
            took = time.monotonic() - started
            first, last = (ends[100] - ends[0]) / 100, (ends[-1] - ends[-101]) / 100
            print(f"| {sampler} | {first:.3f} | {last:.3f} | {memory:.0f} | {took:.1f} |", flush=True)


if __name__ == "__main__":
    main()
