"""A sweep's best settings once more, with several seeds, to see what is left of their lead."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from dssgan.errors import ConfigError
from dssgan.tuning.results import SweepResult, TrialResult
from dssgan.tuning.search.space import SearchSpace

CHOICE = "_finalist"
MIN_SEEDS = 3


@dataclass(frozen=True)
class Finalist:
    """One trial's settings under several seeds.

    Args:
        number: number of the trial in the search.
        searched: its score there, dB: one seed, and chosen for being high.
        scores: its score with each seed that was trained to the end, dB.
        promoted: whether its mean is above the search's first choice's by more than the seeds' spread.
    """

    number: int
    searched: float
    scores: tuple[float, ...]
    promoted: bool = False

    @property
    def mean(self) -> float:
        """Mean over seeds, dB."""
        return mean(self.scores) if self.scores else -math.inf

    @property
    def spread(self) -> float:
        """Standard deviation over seeds, dB."""
        return stdev(self.scores) if len(self.scores) > 1 else math.nan


def finalists_space(result: SweepResult, settings: dict[int, dict[str, object]], num: int, seeds: int) -> SearchSpace:
    """Make a space of the best trials' settings, each with every seed.

    Args:
        result: result of the search.
        settings: what each trial had drawn, by number.
        num: number of best trials to train again.
        seeds: number of seeds for each.

    Returns:
        The space; the sampler "brute_force" draws each of its points once.

    Raises:
        ConfigError: fewer seeds than a spread needs, or no trial was trained to its end.
    """
    if seeds < MIN_SEEDS:
        raise ConfigError(f"seeds={seeds}: a spread needs {MIN_SEEDS} or more")
    best = best_trials(result, num)
    if not best:
        raise ConfigError(f"{result.store}: no trial was trained to its end, so there is none to train again")
    chosen = {trial.number: settings[trial.number] for trial in best}
    text = f"""\
FINALISTS = {chosen!r}


def space(trial):
    number = trial.suggest_categorical("{CHOICE}", {list(chosen)!r})
    trial.suggest_categorical("seed", {list(range(seeds))!r})
    return FINALISTS[number]
"""
    return SearchSpace("finalists", text)


def best_trials(result: SweepResult, num: int) -> list[TrialResult]:
    """Return the best trials that were trained to their end, the best first."""
    complete = [trial for trial in result.trials if trial.state == "complete" and trial.score is not None]
    return sorted(complete, key=lambda trial: -(trial.score or 0.0))[:num]


def compare(searched: SweepResult, trained: SweepResult, num: int) -> list[Finalist]:
    """Decide which finalists are better than the search's own choice.

    Args:
        searched: the search.
        trained: its finalists with every seed.
        num: how many finalists there are.

    Returns:
        The finalists, the highest mean first. One is promoted over the search's first choice where its mean is higher
        by more than the larger of their two spreads; the first choice stands while none is.
    """
    finalists = []
    for trial in best_trials(searched, num):
        scores = [
            run.score for run in trained.trials
            if run.state == "complete" and run.params.get(CHOICE) == trial.number and run.score is not None
        ]  # fmt: skip
        finalists.append(Finalist(trial.number, trial.score or 0.0, tuple(scores)))
    return sorted(_promote(finalists), key=lambda finalist: -finalist.mean)


def _promote(finalists: Sequence[Finalist]) -> list[Finalist]:
    first, *others = finalists
    judged = []
    for other in others:
        lead = other.mean - first.mean
        past = len(other.scores) >= MIN_SEEDS <= len(first.scores) and lead > max(other.spread, first.spread)
        judged.append(Finalist(other.number, other.searched, other.scores, past))
    if not any(other.promoted for other in judged):
        first = Finalist(first.number, first.searched, first.scores, promoted=len(first.scores) >= MIN_SEEDS)
    return [first, *judged]
