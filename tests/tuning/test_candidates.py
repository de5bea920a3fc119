"""Which trained separators an ensemble is made from."""

from pathlib import Path

import optuna
import pytest
import torch
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from dssgan.errors import ConfigError, ModelError
from dssgan.runs.record import SWEEP, RecordedData, RunRecord, write_record
from dssgan.runs.store import FolderStore
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle
from dssgan.tuning.candidates import find_candidates
from dssgan.tuning.search.attributes import PROGRESS
from dssgan.tuning.search.storage import default_url
from dssgan.tuning.sweep_files import trial_name

TINY = {"num_initial_filters": 2, "num_layers": 2, "n_fft": 512, "hop_samples": 256}


def bundle(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    save_bundle(folder, "unet", build_separator("unet", TINY), metadata={})
    return folder


def sweep(folder: Path, *trials: tuple[TrialState, float | None]) -> Path:
    """Write what a sweep leaves: its record, its study, and a bundle of every trial."""
    folder.mkdir()
    url = default_url(folder)
    study = optuna.create_study(storage=url, study_name="a name of its own", direction="maximize")
    for number, (state, score) in enumerate(trials):
        study.add_trial(create_trial(
            state=state, value=score if state == TrialState.COMPLETE else None, params={"alpha": 0.5},
            distributions={"alpha": FloatDistribution(0, 1)},
            user_attrs={} if score is None else {PROGRESS: {"best_score": score}},
        ))  # fmt: skip
        bundle(folder / trial_name(number) / "bundle", number)
    details = {"study": "a name of its own", "study_url": None}
    write_record(FolderStore(folder), RunRecord(SWEEP, {}, RecordedData("songs"), details))
    return folder


def test_a_sweeps_candidates_are_its_best_trials_that_ended_well(tmp_path: Path) -> None:
    folder = sweep(
        tmp_path / "first", (TrialState.COMPLETE, 1.0), (TrialState.FAIL, 9.0), (TrialState.PRUNED, 3.0),
        (TrialState.COMPLETE, 2.0), (TrialState.RUNNING, 8.0), (TrialState.PRUNED, None),
    )  # fmt: skip
    found = find_candidates(str(folder), 20)
    assert found == [folder / trial_name(number) / "bundle" for number in (2, 3, 0)]
    assert find_candidates(str(folder), 2) == found[:2]


def test_a_trial_whose_bundle_is_gone_leaves_its_place_to_the_next(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "first", (TrialState.COMPLETE, 1.0), (TrialState.COMPLETE, 2.0))
    (folder / trial_name(1) / "bundle" / "model.json").unlink()
    assert find_candidates(str(folder), 1) == [folder / trial_name(0) / "bundle"]


def test_trials_with_the_same_weights_are_one_candidate(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "first", *[(TrialState.COMPLETE, float(number)) for number in range(4)])
    bundle(folder / trial_name(2) / "bundle", 3)  # phase two improved neither 2 nor 3
    found = find_candidates(str(folder), 3)
    assert found == [folder / trial_name(number) / "bundle" for number in (3, 1, 0)]


def test_bundles_and_trainings_are_their_own_candidates(tmp_path: Path) -> None:
    alone, run = bundle(tmp_path / "alone"), bundle(tmp_path / "run" / "bundle").parent
    assert find_candidates(str(alone), 1) == [alone]
    assert find_candidates(str(run), 1) == [run / "bundle"]


def test_a_place_without_separators_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere: holds no trained separator; give a bundle"):
        find_candidates("nowhere", 1)
    failed = sweep(tmp_path / "failed", (TrialState.FAIL, None), (TrialState.RUNNING, None))
    with pytest.raises(ModelError, match=r"no trial of this sweep gave a separator \(their states: fail, running\)"):
        find_candidates(str(failed), 1)
    (failed / "study.db").unlink()
    with pytest.raises(ConfigError, match="holds no study"):
        find_candidates(str(failed), 1)
