"""Is the best trial better, or was it lucky? By hand."""

from pathlib import Path

import optuna
import pytest

from dssgan.errors import ConfigError
from dssgan.runs.store import FolderStore
from dssgan.tuning.finalists import CHOICE, compare, finalists_space
from dssgan.tuning.results import SweepResult, TrialResult
from dssgan.tuning.search.samplers import ask, make_sampler

STORE = FolderStore(Path("sweeps/mine"))


def result(number: int, score: float | None, state: str = "complete", **params: object) -> TrialResult:
    return TrialResult(number, state, dict(params), score, None, 0, 0.0, None, None, None)


def runs(number: int, *scores: float) -> list[TrialResult]:
    return [result(0, score, **{CHOICE: number, "seed": seed}) for seed, score in enumerate(scores)]


SEARCHED = SweepResult(
    STORE, (result(0, 5.0), result(1, 6.0), result(2, 5.5), result(3, 9.0, "pruned"), result(4, 1.0))
)


def test_a_lead_within_the_spread_is_a_tie() -> None:
    trained = SweepResult(STORE, (*runs(1, 5.0, 5.2, 5.4), *runs(2, 5.1, 5.3, 5.5)))
    second, first = compare(SEARCHED, trained, 2)
    assert (second.number, first.number) == (2, 1)  # the higher mean comes first
    assert second.mean == pytest.approx(5.3)
    assert second.spread == pytest.approx(0.2)
    assert not second.promoted
    assert first.promoted  # the search's first choice stands


def test_a_lead_beyond_the_spread_wins() -> None:
    trained = SweepResult(STORE, (*runs(1, 5.0, 5.1, 5.2), *runs(2, 6.0, 6.1, 6.2)))
    winner, first = compare(SEARCHED, trained, 2)
    assert (winner.number, winner.promoted, first.promoted) == (2, True, False)
    # with fewer seeds than a spread needs nobody is promoted
    few = compare(SEARCHED, SweepResult(STORE, (*runs(1, 5.0, 5.1), *runs(2, 6.0, 6.1))), 2)
    assert not any(finalist.promoted for finalist in few)


def test_the_space_holds_the_best_trials_with_every_seed() -> None:
    settings: dict[int, dict[str, object]] = {number: {"alpha": number / 10} for number in range(5)}
    space = finalists_space(SEARCHED, settings, 2, 3)
    study = optuna.create_study(direction="maximize")
    drawn = []
    for number in range(6):
        trial = ask(study, make_sampler("brute_force", 0, number), space, 0.0)
        drawn.append(space.draw(trial))
        study.tell(trial, 0.0)
    assert sorted((run["alpha"], run["seed"]) for run in drawn) == [
        (alpha, seed) for alpha in (0.1, 0.2) for seed in (0, 1, 2)
    ]
    with pytest.raises(ConfigError, match="a spread needs 3"):
        finalists_space(SEARCHED, settings, 2, 2)
    with pytest.raises(ConfigError, match="no trial was trained to its end"):
        finalists_space(SweepResult(STORE, (result(0, 1.0, "pruned"),)), settings, 2, 3)
