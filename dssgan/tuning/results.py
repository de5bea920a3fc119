"""The trials of a sweep, as its study records them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from dssgan.metrics.catalogue import Monitored
from dssgan.runs.store import Store
from dssgan.tuning.search.attributes import ERROR, FURTHER, LEFT_OUT, PROGRESS, is_own
from dssgan.tuning.search.objectives import FURTHER_OBJECTIVES
from dssgan.tuning.sweep_files import trial_name

TRIALS_FILE = "trials.csv"


@dataclass(frozen=True)
class TrialResult:
    """One trial as the study knows it.

    Args:
        number: number in the study.
        state: "complete", "pruned", "left out", "fail", "running" or "waiting".
        params: drawn settings by dotted key.
        score: best validation score of its last phase so far, the more the better; None where there is none.
        further: values of the sweep's further objectives by name, as far as they are known.
        steps: separator steps at its last report, the supervised phase counted as spent.
        seconds: seconds of training, without what it took over.
        error: what went wrong, or None.
        left_out: which limit its separator misses, so that it was not trained, or None.
        bundle: its best separator, or None; in a bucket's sweep always None, see `dssgan.tuning.candidates`.
        phase_two: "improved" where its best separator is phase two's, "did not improve" where that is still phase
            one's, "" where it has not been validated in phase two.
    """

    number: int
    state: str
    params: dict[str, Any]
    score: float | None
    further: dict[str, float]
    steps: int
    seconds: float
    error: str | None
    left_out: str | None
    bundle: Path | None
    phase_two: str = ""


@dataclass(frozen=True)
class SweepResult:
    """A sweep's trials, in the order of their numbers.

    Args:
        store: store of the sweep.
        trials: as the study knows them.
        score_title: what their score is.
    """

    store: Store
    trials: tuple[TrialResult, ...]
    score_title: str = Monitored("usdr").title

    def is_over(self, num_trials: int) -> bool:
        """Return whether so many trials have ended and none is running."""
        states = [trial.state for trial in self.trials]
        return "running" not in states and sum(state != "waiting" for state in states) >= num_trials


def read_trials(store: Store, study: optuna.Study) -> SweepResult:
    """Read the trials of a sweep, running or done; those of earlier sweeps that it learnt from, and
    those that nothing was trained for, are left out.

    Args:
        store: store of the sweep.
        study: its study.

    Returns:
        The trials.
    """
    trials = [trial for trial in study.get_trials(deepcopy=False) if is_own(trial)]
    names = study.metric_names or [Monitored("usdr").title]
    return SweepResult(store, tuple(_trial_result(store, trial) for trial in trials), names[0])


def pareto_front(result: SweepResult) -> tuple[TrialResult, ...]:
    """Find the trials that no other beats: none is at least as good in every objective and better in one.

    Args:
        result: result of a sweep with any number of objectives.

    Returns:
        Trials that came to their end, the best score first.
    """
    values = {
        trial.number: (trial.score, *(FURTHER_OBJECTIVES[name].sign * value for name, value in trial.further.items()))
        for trial in result.trials
        if trial.state == "complete" and trial.score is not None
    }

    def is_beaten(own: tuple[float, ...]) -> bool:
        return any(
            other != own and all(theirs >= mine for theirs, mine in zip(other, own, strict=True))
            for other in values.values()
        )

    front = [trial for trial in result.trials if trial.number in values and not is_beaten(values[trial.number])]
    return tuple(sorted(front, key=lambda trial: -(trial.score or 0.0)))


def write_table(result: SweepResult) -> None:
    """Write the trials as a table, a line each."""
    rows = [{**asdict(trial), **trial.further, **trial.params} for trial in result.trials]
    frame = pd.DataFrame(rows).drop(columns=["params", "further"], errors="ignore")
    result.store.write_text(TRIALS_FILE, frame.to_csv(index=False))


def _trial_result(store: Store, trial: FrozenTrial) -> TrialResult:
    usable = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
    known: dict[str, float] = trial.user_attrs.get(FURTHER, {})
    progress: dict[str, Any] = trial.user_attrs.get(PROGRESS, {})
    score = trial.values[0] if trial.state == TrialState.COMPLETE else progress.get("best_score")
    bundle: Path | None = None
    if usable and store.shared_folder is not None:
        folder = store.shared_folder / trial_name(trial.number) / "bundle"
        bundle = folder if folder.is_dir() else None
    left_out = trial.user_attrs.get(LEFT_OUT)
    state = trial.state.name.lower() if left_out is None else "left out"
    return TrialResult(
        trial.number, state, dict(trial.params), score if usable else None,
        {name: known[name] for name in FURTHER_OBJECTIVES if name in known}, max(trial.intermediate_values, default=0),
        progress.get("seconds", 0.0), trial.user_attrs.get(ERROR), left_out, bundle, _phase_two(progress),
    )  # fmt: skip


def _phase_two(progress: Mapping[str, Any]) -> str:
    if progress.get("phase") != 2:
        return ""
    return "improved" if progress["best_phase"] == 2 else "did not improve"
