"""A study's trials as Tune asks for them, without Tune."""

import sqlite3
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from dssgan.runs.store import FolderStore
from dssgan.training.settings import make_config
from dssgan.tuning.ray.messages import Finished, Validated
from dssgan.tuning.ray.searcher import MAX_STARTS, PruningScheduler, StudySearch
from dssgan.tuning.results import read_trials
from dssgan.tuning.search.attributes import AXIS
from dssgan.tuning.search.axis import Axis
from dssgan.tuning.search.pruners import replay
from dssgan.tuning.search.rungs import Brackets
from dssgan.tuning.search.space import SearchSpace
from dssgan.tuning.search.storage import open_storage

SPACE = SearchSpace("space.py", 'def space(trial):\n    trial.suggest_float("alpha", 1e-4, 1e-1, log=True)\n')
FINISHED = "FINISHED"


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(direction="maximize")


def search(study: optuna.Study, num_trials: int) -> StudySearch:
    return StudySearch(
        study, SPACE, settings={}, data_fingerprint="data", num_processes=1, num_trials=num_trials, sampler="random",
        seed=0,
    )  # fmt: skip


def result_of(score: float) -> dict[str, object]:
    return Finished(score).as_result()


def test_a_trial_whose_process_dies_before_it_begins_is_started_again(study: optuna.Study) -> None:
    searching = search(study, 1)
    begun = searching.suggest("one")
    assert isinstance(begun, dict)
    assert searching.suggest("none") is None  # there may be another start yet
    searching.on_trial_complete("one", None, error=True)
    assert searching.begins_again(0)
    assert study.trials[0].state.name == "RUNNING"
    again = searching.suggest("two")
    assert again == begun
    assert not searching.begins_again(0)
    searching.on_trial_complete("two", result_of(3.0))
    assert (study.trials[0].state.name, study.trials[0].value) == ("COMPLETE", 3.0)
    assert searching.suggest("three") == FINISHED
    assert len(study.trials) == 1


def test_one_that_never_begins_fails(study: optuna.Study) -> None:
    searching = search(study, 2)
    for start in range(MAX_STARTS):
        assert isinstance(searching.suggest(f"start {start}"), dict)
        assert study.trials[0].state.name == "RUNNING"
        searching.on_trial_complete(f"start {start}", None, error=True)
    assert (study.trials[0].state.name, len(study.trials)) == ("FAIL", 1)
    assert not searching.begins_again(0)
    assert isinstance(searching.suggest("the next"), dict)
    searching.on_trial_complete("the next", result_of(1.0))
    assert searching.suggest("no more") == FINISHED
    assert [trial.state.name for trial in study.trials] == ["FAIL", "COMPLETE"]


# the learning rate of phase one belongs to what trials of one phase share, alpha does not
RATES = SearchSpace(
    "space.py",
    'def space(trial):\n    trial.suggest_categorical("learning_rate", [1e-3, 2e-3])\n'
    '    trial.suggest_float("alpha", 1e-4, 1e-1, log=True)\n',
)


def enqueued(study: optuna.Study, rates: list[float], num_ahead: int) -> StudySearch:
    """Search trials with these learning rates, in this order."""
    for rate in rates:
        study.enqueue_trial({"learning_rate": rate})
    settings = {"steps_per_epoch": 10, "phase_one": {"epochs": 2}, "phase_two": {"epochs": 3}}
    return StudySearch(
        study, RATES, settings=settings, data_fingerprint="data", num_processes=1, num_trials=len(rates),
        sampler="random", seed=0, num_ahead=num_ahead,
    )  # fmt: skip


def number(suggested: object) -> int:
    assert isinstance(suggested, dict)
    return int(suggested["number"])


def validation(epoch: int) -> dict[str, float]:
    return Validated({"score": 1.0, "best_score": 1.0, "epoch": epoch}).as_result()


def test_trials_of_other_phases_go_before_those_that_would_wait_for_one(study: optuna.Study) -> None:
    searching = enqueued(study, [1e-3, 1e-3, 1e-3, 2e-3, 2e-3], num_ahead=4)
    assert number(searching.suggest("a")) == 0
    assert number(searching.suggest("b")) == 3  # not 1, which could only wait for what 0 trains
    assert searching.suggest("c") is None
    searching.on_trial_result("a", validation(1))
    assert searching.suggest("c") is None
    searching.on_trial_result("a", validation(2))  # the last of phase one
    assert number(searching.suggest("c")) == 1
    assert number(searching.suggest("d")) == 2
    assert searching.suggest("e") is None
    searching.on_trial_complete("b", None, error=False)  # failed in phase one: another one goes on with it
    assert number(searching.suggest("e")) == 4


def test_a_phase_that_an_earlier_process_has_finished_holds_nobody_up(study: optuna.Study) -> None:
    before = enqueued(study, [1e-3, 1e-3, 1e-3], num_ahead=2)
    before.suggest("a")
    before.on_trial_result("a", validation(3))
    searching = StudySearch(
        study, RATES, settings={"steps_per_epoch": 10, "phase_one": {"epochs": 2}, "phase_two": {"epochs": 3}},
        data_fingerprint="data", num_processes=1, num_trials=3, sampler="random", seed=0, num_ahead=2,
    )  # fmt: skip
    assert [number(searching.suggest(name)) for name in "abc"] == [0, 1, 2]


def test_where_trials_share_nothing_they_go_in_their_order(study: optuna.Study) -> None:
    searching = enqueued(study, [1e-3, 1e-3, 2e-3], num_ahead=0)
    assert [number(searching.suggest(name)) for name in "abc"] == [0, 1, 2]


def test_a_reader_that_locks_the_studys_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    searching = search(optuna.create_study(storage=open_storage(f"sqlite:///{path}"), direction="maximize"), 2)
    reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN EXCLUSIVE")
    letting_go = threading.Timer(1.5, reader.execute, ["ROLLBACK"])
    letting_go.start()
    began = time.monotonic()
    assert searching.suggest("a")["number"] == 0
    assert time.monotonic() - began > 1
    assert searching.interruption is None
    letting_go.join()
    reader.close()


COINS = SearchSpace("space.py", 'def space(trial):\n    trial.suggest_categorical("learning_rate", [1e-3, 2e-3])\n')


def searched(space: SearchSpace, study: optuna.Study, num_trials: int, said: list[str] | None = None) -> StudySearch:
    return StudySearch(
        study, space, settings={}, data_fingerprint="data", num_processes=1, num_trials=num_trials, sampler="random",
        seed=0, on_message=(said if said is not None else []).append,
    )  # fmt: skip


def test_settings_that_were_drawn_before_take_the_result_over_and_others_are_drawn(study: optuna.Study) -> None:
    for rate in (1e-3, 1e-3, 2e-3):
        study.enqueue_trial({"learning_rate": rate})
    searching = searched(COINS, study, 2)
    first = searching.suggest("a")
    assert number(first) == 0
    searching.on_trial_result("a", Validated({"score": 2.0, "best_score": 2.0, "epoch": 1}).as_result())
    searching.on_trial_complete("a", result_of(3.0))
    assert number(searching.suggest("b")) == 2
    repeated = study.trials[1]
    assert (repeated.state.name, repeated.value) == ("COMPLETE", 3.0)
    assert repeated.intermediate_values == study.trials[0].intermediate_values
    assert repeated.user_attrs["not_run"] == "its settings are those of trial 0"
    assert searching.num_ended == 1
    searching.on_trial_complete("b", result_of(1.0))
    assert searching.suggest("c") == FINISHED
    # the table knows the trials that ran, and a sweep that is over says so
    result = read_trials(FolderStore(Path("nowhere")), study)
    assert [trial.number for trial in result.trials] == [0, 2]
    assert result.is_over(2)


def test_a_search_ends_where_a_space_has_no_more_to_give(study: optuna.Study) -> None:
    said: list[str] = []
    searching = searched(COINS, study, 10, said)
    names = iter("abcdefghij")
    begun = []
    while isinstance(suggested := searching.suggest(name := next(names)), dict):
        begun.append(suggested["drawn"]["learning_rate"])
        searching.on_trial_complete(name, result_of(1.0))
    assert suggested == FINISHED
    assert sorted(begun) == [1e-3, 2e-3]
    assert said == [
        "the last 30 draws gave no settings that had not been drawn before: the search ends with fewer trials"
    ]


def test_a_combination_that_the_space_forbids_is_pruned_and_another_is_drawn(study: optuna.Study) -> None:
    space = SearchSpace(
        "space.py",
        "import optuna\ndef space(trial):\n"
        "    if trial.suggest_float('alpha', 0, 1) > 0.5:\n        raise optuna.TrialPruned('too much')\n",
    )
    searching = searched(space, study, 6)
    for name in "abcdef":
        suggested = searching.suggest(name)
        assert isinstance(suggested, dict)
        assert suggested["drawn"]["alpha"] <= 0.5
        searching.on_trial_complete(name, result_of(1.0))
    assert searching.suggest("g") == FINISHED
    forbidden = [trial for trial in study.trials if trial.params["alpha"] > 0.5]
    assert forbidden
    assert {trial.state.name for trial in forbidden} == {"PRUNED"}
    assert {trial.user_attrs["not_run"] for trial in forbidden} == {"the space forbids it (too much)"}
    assert searching.num_ended == 6


def test_a_validation_that_is_no_number_is_not_among_those_that_reached_a_rung() -> None:
    def validation_of(trial: int, score: float) -> str:
        axis = Axis(f"phase {trial}", 1, 8, 1)
        return str(scheduler.on_trial_result(
            None, SimpleNamespace(config={"number": trial, "axis": axis}),
            Validated({"score": score, "epoch": 2}).as_result(),
        ))  # fmt: skip

    config = make_config({"steps_per_epoch": 1, "supervised_epochs": 8, "adversarial_epochs": 1})
    scheduler = PruningScheduler(Brackets([config], 3))
    assert [validation_of(trial, float("nan")) for trial in range(3)] == ["CONTINUE"] * 3
    # with the three among the arrived, two in six would go on
    assert [validation_of(trial, score) for trial, score in ((4, 3.0), (5, 2.0))] == ["CONTINUE", "STOP"]


def test_rungs_are_restored_from_all_trials_that_reached_them(study: optuna.Study) -> None:
    axes = [Axis(f"phase {number}", 1, 8, 1) for number in range(4)]
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    for axis, state, score in zip(axes, states, (1.0, 5.0, 4.0), strict=False):
        study.add_trial(create_trial(
            state=state, value=score if state == TrialState.COMPLETE else None, intermediate_values={2: score},
            user_attrs={AXIS: list(axis)},
        ))  # fmt: skip
    config = make_config({"steps_per_epoch": 1, "supervised_epochs": 8, "adversarial_epochs": 1})
    pruner = Brackets([config], 3)
    replay(pruner, study.get_trials())
    # third of four at the rung: among the best third of all, though the best of those that are complete
    assert not pruner.judge(3, axes[3].phase_one, axes[3].position(2), 2.0)
