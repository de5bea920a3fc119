"""Every sampler on a small study: it learns, it repeats itself, and it goes on after a restart."""

import optuna
import pytest
from optuna.trial import TrialState

from dssgan.errors import ConfigError
from dssgan.tuning.search.attributes import FURTHER, LEFT_OUT
from dssgan.tuning.search.options import SearchOptions
from dssgan.tuning.search.samplers import SAMPLERS, SINGLE_OBJECTIVE, _as_complete, ask, make_sampler

LEARNING = ("tpe", "gp", "cmaes")
NAMES = sorted(set(SAMPLERS) - {"brute_force"})


def space(trial: optuna.Trial) -> dict[str, object]:
    trial.suggest_float("x", -1.0, 1.0)
    trial.suggest_float("y", -1.0, 1.0)
    return {}


def value(trial: optuna.trial.Trial) -> float:
    space(trial)  # type: ignore[arg-type]
    return float(-(trial.params["x"] ** 2) - trial.params["y"] ** 2)


def search(name: str, num: int, *, seed: int = 0, restart_at: int | None = None) -> list[float]:
    """Give the values of a search; each trial is drawn by a fresh sampler, as after a restart."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    for number in range(num):
        if number == restart_at:
            copy = optuna.create_study(direction="maximize")
            copy.add_trials(study.trials)
            study = copy
        trial = ask(study, make_sampler(name, seed, number), space, {})
        study.tell(trial, value(trial))
    return [trial.values[0] for trial in study.trials]


@pytest.mark.parametrize("name", NAMES)
def test_it_draws_anew_each_time_and_repeats_itself_from_a_seed(name: str) -> None:
    first = search(name, 12)
    assert len(set(first)) == 12
    assert search(name, 12) == first
    assert search(name, 12, seed=1) != first


@pytest.mark.parametrize("name", LEARNING)
def test_it_learns(name: str) -> None:
    found, by_chance = search(name, 40), search("random", 40)
    assert sum(found[-10:]) > sum(by_chance[-10:]) + 1.0


def test_a_quasi_random_sequence_fills_the_square() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    points = []
    for number in range(17):
        trial = ask(study, make_sampler("qmc", 0, number), space, {})
        study.tell(trial, value(trial))
        points.append((trial.params["x"], trial.params["y"]))
    # the first trial shows the space; of the next sixteen of Sobol's sequence each sixteenth of the square has one
    cells = {(int(2 * (x + 1)), int(2 * (y + 1))) for x, y in points[1:]}
    assert len(cells) == 16


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(SINGLE_OBJECTIVE)))
def test_two_objectives_with_pruned_and_left_out_trials(name: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=["maximize", "minimize"])
    for number in range(16):
        trial = ask(study, make_sampler(name, 0, number), space, {"speed": 100.0})
        space(trial)  # type: ignore[arg-type]
        trial.set_constraint("min_speed", 0.5 if number % 5 == 4 else -0.5)
        if number % 5 == 4:
            trial.set_user_attr(LEFT_OUT, "too slow")
            study.tell(trial, state=TrialState.PRUNED)
        elif number % 5 == 3:
            study._storage.set_trial_intermediate_value(trial._trial_id, 10, 1.0)
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, [value(trial), abs(trial.params["x"])])
    assert [len(trial.params) for trial in study.trials] == [2] * 16
    # a model may well ask twice for an edge of one parameter, never for the same point
    assert len({(trial.params["x"], trial.params["y"]) for trial in study.trials}) == 16


def test_a_pruned_trial_counts_with_what_it_had_reached() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=["maximize", "maximize", "minimize"])
    for further in ({}, {"speed": 0.5}, {"onset_sdr": 3.0, "speed": 0.5}):
        trial = study.ask()
        space(trial)  # type: ignore[arg-type]
        trial.set_user_attr(FURTHER, further)
        study._storage.set_trial_intermediate_value(trial._trial_id, 10, 2.0)
        study.tell(trial, state=TrialState.PRUNED)
    worst = {"onset_sdr": -100.0, "speed": 100.0}
    values = [_as_complete(trial, worst).values for trial in study.trials]
    assert values == [[2.0, -100.0, 100.0], [2.0, -100.0, 0.5], [2.0, 3.0, 0.5]]


def test_what_misses_a_limit_is_drawn_less_often() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    missed = []
    for limited in (True, False):
        study = optuna.create_study(direction="maximize")
        for number in range(60):
            trial = ask(study, make_sampler("tpe", 0, number), space, {})
            space(trial)  # type: ignore[arg-type]
            if limited:
                trial.set_constraint("max_parameters", trial.params["x"])  # only x <= 0 is allowed
            if limited and trial.params["x"] > 0:
                study.tell(trial, state=TrialState.PRUNED)
            else:
                study.tell(trial, 1.0 - abs(trial.params["x"] - 0.5))  # the best lies beyond the limit
        missed.append(sum(trial.params["x"] > 0 for trial in study.trials[20:]))
    assert missed[0] < missed[1] / 2


def test_one_objective_is_all_that_some_can_do() -> None:
    with pytest.raises(ConfigError, match="cmaes: searches for one objective only"):
        SearchOptions(4, sampler="cmaes", also=("speed",))
    with pytest.raises(ConfigError, match=r"sampler.*cmase.*cmaes"):
        SearchOptions(4, sampler="cmase")
    with pytest.raises(ConfigError, match=r"objective.*onset.*onset_sdr"):
        SearchOptions(4, also=("onset",))
    assert SearchOptions(4, also=("speed", "onset_sdr", "speed")).also == ("onset_sdr", "speed")
