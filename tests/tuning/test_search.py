"""A study's trials as Tune asks for them, without Tune."""

import sqlite3
import threading
import time
from pathlib import Path

import optuna
import pytest

from dssgan.tuning.search import MAX_STARTS, StudySearch
from dssgan.tuning.space import SearchSpace
from dssgan.tuning.storage import open_storage

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
    return {"score": score, "best_score": score, "epoch": 1, "finished": True}


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
