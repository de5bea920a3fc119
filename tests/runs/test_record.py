"""The record of a run."""

import json
from pathlib import Path

import pytest

from dssgan.data.bundled import MANIFEST
from dssgan.data.dataset import Dataset
from dssgan.data.loading import load_dataset
from dssgan.errors import ConfigError
from dssgan.runs.record import SWEEP, TRAINING, RecordedData, RunRecord, find_record, read_record, write_record
from dssgan.runs.store import FolderStore

RECORD = RunRecord(
    TRAINING, {"alpha": 0.5, "phase_one": {"seed": 3}}, RecordedData("songs", "abc", "/songs/dataset.json"),
    {"workers": 2},
)  # fmt: skip


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    assert find_record(store) is None
    write_record(store, RECORD)
    assert read_record(store, TRAINING) == RECORD
    written = json.loads((tmp_path / "run.json").read_text())
    assert written["kind"] == "training"
    assert written["workers"] == 2
    assert written["data"] == {"name": "songs", "fingerprint": "abc", "path": "/songs/dataset.json"}
    assert written["versions"]["torch"]
    assert written["command"]


def test_a_resumption_keeps_what_the_run_was_begun_with(tmp_path: Path) -> None:
    again = RECORD.resumed_with({"alpha": 0.5, "phase_two": {"epochs": 9}}, "dssgan train --resume")
    write_record(FolderStore(tmp_path), again)
    found = read_record(FolderStore(tmp_path), TRAINING)
    assert (found.command, found.started) == (RECORD.command, RECORD.started)
    assert [each["command"] for each in found.resumed] == ["dssgan train --resume"]
    assert found.settings["phase_two"] == {"epochs": 9}
    assert len(found.resumed_with(found.settings).resumed) == 2


def test_a_sweep_of_an_earlier_version_is_found(tmp_path: Path) -> None:
    earlier = {"study": "mine", "settings": {"alpha": 1}, "options": {"num_trials": 3}, "versions": {"torch": "1"},
               "data": {"name": "songs", "fingerprint": "abc", "path": None}}  # fmt: skip
    (tmp_path / "sweep.json").write_text(json.dumps(earlier))
    record = read_record(FolderStore(tmp_path), SWEEP)
    assert record.details == {"study": "mine", "options": {"num_trials": 3}}
    assert record.settings == {"alpha": 1}
    assert record.data.fingerprint == "abc"


@pytest.mark.parametrize("text", ["", "[]", '{"data": 3}', "{cut", "null"])
def test_a_damaged_record_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ConfigError, match=r"its run\.json cannot be read .*; restore it, or begin another run"):
        find_record(FolderStore(tmp_path))


def test_another_kind_of_run_is_not_taken_for_the_expected_one(tmp_path: Path) -> None:
    write_record(FolderStore(tmp_path), RECORD)
    with pytest.raises(ConfigError, match="holds no sweep; check the name"):
        read_record(FolderStore(tmp_path), SWEEP)


def test_data_is_described_with_the_manifest_that_it_was_loaded_from(bundled: Dataset) -> None:
    assert RecordedData.of(bundled) == RecordedData(bundled.name, bundled.fingerprint, None)
    assert RecordedData.of(load_dataset(MANIFEST)).path == str(MANIFEST)
