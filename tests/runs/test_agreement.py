"""Which runs may be resumed."""

from dataclasses import replace
from pathlib import Path

import pytest

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError
from dssgan.runs.agreement import (
    describe_changes,
    differences,
    load_data_of,
    record_to_resume,
    require_agreement,
    require_same_data,
)
from dssgan.runs.record import SWEEP, TRAINING, RecordedData, RunRecord, write_record
from dssgan.runs.store import FolderStore

SETTINGS = {"alpha": 0.1, "epochs": 5, "device": "cpu", "separator": {"name": "unet"}}


def test_differences_are_named_by_dotted_key() -> None:
    other = {**SETTINGS, "alpha": 0.2, "separator": {"name": "unet", "num_layers": 3}}
    assert list(differences(SETTINGS, other)) == [("alpha", 0.1, 0.2), ("separator.num_layers", None, 3)]


def test_settings_that_are_given_again_must_agree() -> None:
    require_agreement("mine", SETTINGS, {})
    require_agreement("mine", SETTINGS, {"alpha": 0.1, "separator": {"name": "unet"}})
    with pytest.raises(ConfigError, match=r"mine: was begun with alpha=0\.1, not 0\.3; leave it out, or begin another"):
        require_agreement("mine", SETTINGS, {"alpha": 0.3})
    with pytest.raises(ConfigError, match=r"separator\.num_layers=its own, not 1"):
        require_agreement("mine", SETTINGS, {"separator": {"num_layers": 1}})


def test_some_settings_may_change_and_some_may_become_more() -> None:
    rules = {"free": frozenset({"device"}), "extendable": frozenset({"epochs"}), "is_complete": True}
    require_agreement("mine", SETTINGS, {**SETTINGS, "device": "cuda", "epochs": 6}, **rules)
    with pytest.raises(ConfigError, match="epochs=5, not 4; only more extends it"):
        require_agreement("mine", SETTINGS, {**SETTINGS, "epochs": 4}, **rules)
    with pytest.raises(ConfigError, match="device=cpu, not None"):
        require_agreement("mine", SETTINGS, {"alpha": 0.1, "epochs": 5, "separator": SETTINGS["separator"]},
                          is_complete=True)  # fmt: skip
    with pytest.raises(ConfigError, match=r"alpha=0\.1, not 1; it is too late"):
        require_agreement("mine", SETTINGS, {"alpha": 1}, advice={"alpha": "it is too late"})


def test_a_run_is_begun_once_and_resumed_where_there_is_one(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    assert record_to_resume(store, SWEEP, resume=False) is None
    with pytest.raises(ConfigError, match="holds no sweep to resume; start it without --resume"):
        record_to_resume(store, SWEEP, resume=True)
    record = RunRecord(SWEEP, {}, RecordedData("songs"))
    write_record(store, record)
    assert record_to_resume(store, SWEEP, resume=True) == record
    for kind in (SWEEP, TRAINING):  # of whatever kind: nothing of it is overwritten
        with pytest.raises(ConfigError, match="holds a sweep already; add --resume"):
            record_to_resume(store, kind, resume=False)
    with pytest.raises(ConfigError, match="holds no training to resume"):
        record_to_resume(store, TRAINING, resume=True)


def test_the_data_must_be_the_same(bundled: Dataset) -> None:
    record = RunRecord(TRAINING, {}, RecordedData.of(bundled))
    require_same_data("mine", record, bundled)
    require_same_data("mine", replace(record, data=RecordedData("songs")), bundled)  # nobody computed its fingerprint
    fewer = replace(bundled, valid=bundled.valid[:1], name="fewer")
    with pytest.raises(ConfigError, match=r"mine: was begun with other data \(.*\) than fewer; leave --data out"):
        require_same_data("mine", record, fewer)
    assert load_data_of("mine", record, None).fingerprint == bundled.fingerprint
    other = replace(record, data=replace(record.data, fingerprint="0"))
    with pytest.raises(ConfigError, match="give the songs that it was begun with"):
        load_data_of("mine", other, None)


def test_changes_that_matter_little_are_named() -> None:
    before = {"torch": "1.0", "dssgan": "1", "scipy": "1"}
    assert list(describe_changes("mine", before, {"torch": "1.0", "dssgan": "1", "precision": "bf16"})) == []
    assert list(describe_changes("mine", before, {"torch": "2.0"})) == [
        "mine: was begun with torch 1.0 and goes on with 2.0; results may differ slightly"
    ]
