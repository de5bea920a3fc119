"""Where studies live."""

import string
from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from dssgan.tuning.search.storage import default_url, open_storage, sqlite_url

optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.mark.parametrize("name", ["plain", "what?", "50% off", "a#b", "{SCHEMA_VERSION}", "a b&c=d", "%3F", "ü;@:"])
def test_a_study_lies_where_its_folder_is_whatever_that_is_called(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    study = optuna.create_study(storage=open_storage(default_url(folder)), study_name="mine")
    study.add_trial(optuna.trial.create_trial(value=1.0))
    assert {path.name for path in folder.iterdir()} == {"study.db"}
    assert [path.name for path in tmp_path.iterdir()] == [name]
    found = optuna.load_study(study_name="mine", storage=open_storage(default_url(folder)))
    assert found.best_value == 1.0


def test_an_ordinary_path_is_an_ordinary_url(tmp_path: Path) -> None:
    assert sqlite_url(tmp_path / "study.db") == f"sqlite:///{tmp_path / 'study.db'}"


@given(st.text(string.printable.replace("/", "") + "äé☃", min_size=1).filter(lambda name: name not in (".", "..")))
def test_no_character_of_a_path_is_read_as_syntax(name: str) -> None:
    path = Path("/folder") / name
    assert make_url(sqlite_url(path).format(SCHEMA_VERSION=7)).database == str(path)
