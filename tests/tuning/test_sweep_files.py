"""What a sweep that goes on must have kept, and who may begin one."""

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError
from dssgan.runs.record import SWEEP, read_record, write_record
from dssgan.runs.store import FolderStore
from dssgan.training.distributed import Workers
from dssgan.tuning.ray import sweep
from dssgan.tuning.search.attributes import TAKEN_OVER
from dssgan.tuning.search.options import SearchOptions
from dssgan.tuning.search.space import SearchSpace
from dssgan.tuning.search.storage import default_url, open_storage
from dssgan.tuning.sweep_files import require_same, write_sweep

SPACE = SearchSpace("space.py", "def space(trial): return {}\n")
OPTIONS = SearchOptions(3)


@pytest.fixture
def store(tmp_path: Path, bundled: Dataset) -> FolderStore:
    made = FolderStore(tmp_path)
    write_sweep(made, SPACE, bundled, {"precision": "auto"}, OPTIONS, Workers(), "mine", None)
    return made


def differences(store: FolderStore, dataset: Dataset, options: SearchOptions = OPTIONS) -> list[str]:
    said: list[str] = []
    record = read_record(store, SWEEP)
    require_same(store, record, SPACE, dataset, {}, options, said.append)
    return said


def test_the_same_sweep_goes_on_without_a_word(store: FolderStore, bundled: Dataset) -> None:
    assert differences(store, bundled) == []


def test_another_number_of_workers_is_another_experiment(store: FolderStore, bundled: Dataset) -> None:
    with pytest.raises(ConfigError, match="was begun with workers_per_trial=1, not 2; leave it out"):
        differences(store, bundled, replace(OPTIONS, workers_per_trial=2))


def test_another_pytorch_and_another_precision_are_named(
    store: FolderStore, bundled: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = read_record(store, SWEEP)
    write_record(store, replace(record, versions={**record.versions, "torch": "1.0"}))
    precision = record.details["precision"]
    other = {"bf16": "float32", "float32": "bf16"}[precision]
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: other == "bf16")
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: False)
    first, second = differences(store, bundled)
    assert "was begun with torch 1.0 and goes on with " in first
    assert f"was begun with precision {precision} and goes on with {other}" in second


def test_a_start_that_was_cut_short_before_its_record_can_be_made_again(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    study = sweep._open_study(store, "mine", None, OPTIONS, sweep.make_config({}).monitored, resume=False)
    # killed while it took over what an earlier sweep had found
    study.add_trial(optuna.trial.create_trial(value=1.0, user_attrs={TAKEN_OVER: "earlier"}))
    study.enqueue_trial({"alpha": 0.1})
    again = sweep._open_study(store, "mine", None, OPTIONS, sweep.make_config({}).monitored, resume=False)
    assert again.trials == []
    again.ask()
    with pytest.raises(ConfigError, match="study mine: is in this storage already"):
        sweep._open_study(store, "mine", None, OPTIONS, sweep.make_config({}).monitored, resume=False)
    assert len(optuna.load_study(study_name="mine", storage=open_storage(default_url(tmp_path))).trials) == 1


def test_a_second_process_is_told_that_the_first_has_just_begun(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "mine")
    with pytest.raises(ConfigError, match="holds no sweep to resume"):
        sweep._record_to_resume(store, print, resume=True)
    assert not store.root.exists()
    with store.hold("sweep"), pytest.raises(ConfigError, match="another process runs this sweep"):
        sweep._record_to_resume(store, print, resume=True)
