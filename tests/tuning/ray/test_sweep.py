"""Real sweeps on the bundled songs, small: killed, resumed, failing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
import ray
from ray_processes import processes_of_ray

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError
from dssgan.separators.bundle import load_bundle
from dssgan.training.checkpoint import read_checkpoint
from dssgan.training.config import TrainConfig
from dssgan.training.phases import Report, TrainingResult, train
from dssgan.tuning.ray.events import Event
from dssgan.tuning.ray.messages import Validated
from dssgan.tuning.ray.sweep import read_sweep, run_sweep
from dssgan.tuning.results import pareto_front
from dssgan.tuning.search.options import SearchOptions
from dssgan.tuning.search.space import SearchSpace
from dssgan.tuning.search.storage import open_storage

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.usefixtures("one_ray")]

SMALL = {
    "separator": {"name": "unet", "num_layers": 2, "num_initial_filters": 2, "n_fft": 512, "hop_samples": 256,
                  "sample_rate": 8192, "channels": 1},
    "critic": {"name": "strided", "n_fft": 256, "hop_samples": 128, "num_frames": 16, "num_initial_filters": 2},
    "supervised_loss": {"name": "log_magnitude"},
    "precision": "float32", "segment_seconds": 1.0, "batch_size": 2, "steps_per_epoch": 2, "supervised_epochs": 2,
    "adversarial_epochs": 3, "critic_steps": 1, "validation_seconds": 2.0, "media": False, "patience": 9,
}  # fmt: skip
SPACE = """
def space(trial):
    trial.suggest_float("alpha", 1e-4, 1e-1, log=True)
    trial.suggest_categorical("learning_rate", {rates})
"""


def sweep(
    folder: Path, dataset: Dataset, *, rates: str = "[1e-3]", num_trials: int = 4, resume: bool = False,
    **options: object,
) -> list[Event]:  # fmt: skip
    events: list[Event] = []
    run_sweep(
        SearchSpace("space.py", SPACE.format(rates=rates)), dataset, folder, settings=SMALL,
        options=SearchOptions(num_trials, **options), name="test", listener=events.append, resume=resume,
    )  # fmt: skip
    return events


def test_a_sweep_shares_phase_one_and_goes_on_past_failures(tmp_path: Path, bundled: Dataset) -> None:
    events = sweep(tmp_path, bundled, rates="[1e-3, 1e30]", num_trials=5, seed=1)
    result = read_sweep(tmp_path, "test")
    assert len(result.trials) == 5
    assert {trial.number for trial in result.trials} == set(range(5))
    failed = [trial for trial in result.trials if trial.params["learning_rate"] == 1e30]
    assert failed
    assert all(trial.state == "fail" and "lower learning_rate" in str(trial.error) for trial in failed)
    good = [trial for trial in result.trials if trial not in failed]
    assert all(trial.state in ("complete", "pruned") and trial.bundle is not None for trial in good)
    assert load_bundle(good[0].bundle).sources == bundled.sources
    # phase one of one learning rate is trained once, whatever alpha
    validations = [event.message for event in events if event.drawn["learning_rate"] < 1]
    first = [message for message in validations if isinstance(message, Validated) and message.epoch == 1]
    assert sum(not message.is_reused for message in first) == 1
    assert len(list((tmp_path / "phase_one").glob("*/checkpoint.pt"))) == 1
    # no trial is judged before it has had a validation of phase two
    assert all(trial.steps >= 3 * SMALL["steps_per_epoch"] for trial in good)

    record = json.loads((tmp_path / "run.json").read_text())
    assert record["data"]["fingerprint"] == bundled.fingerprint
    assert record["versions"]["torch"]
    assert (tmp_path / "trials.csv").read_text().count("\n") == 6
    with pytest.raises(ConfigError, match="holds a sweep already"):
        sweep(tmp_path, bundled)


@pytest.mark.slow
def test_a_sweep_searches_several_objectives(tmp_path: Path, bundled: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    also = ("onset_sdr", "speed")
    sweep(tmp_path, bundled, num_trials=3, also=also, reduction_factor=2)
    result = read_sweep(tmp_path, "test")
    with optuna_study(tmp_path) as study:
        assert study.metric_names == ["drums uSDR [dB]", "onset SDR [dB]", "real-time factor"]
        assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MAXIMIZE", "MINIMIZE"]
        for trial, stored in zip(result.trials, study.trials, strict=True):
            assert set(trial.further) == set(also)
            assert 0 < trial.further["speed"] < 1
            assert trial.bundle is not None
            # of the epoch whose weights are kept
            kept = json.loads((trial.bundle / "model.json").read_text())["validation"]
            assert trial.further["onset_sdr"] == pytest.approx(kept["onset_sdr/drums"])
            if trial.state == "complete":
                assert stored.values == [trial.score, trial.further["onset_sdr"], trial.further["speed"]]
    assert 1 <= len(pareto_front(result)) <= 3
    assert "onset_sdr" in (tmp_path / "trials.csv").read_text().splitlines()[0].split(",")
    with pytest.raises(ConfigError, match="was begun with also="):
        sweep(tmp_path, bundled, num_trials=3, resume=True, reduction_factor=2)
    # nothing is left to do, so no cluster is asked for
    monkeypatch.setattr("dssgan.tuning.ray.sweep.ray_running", lambda *_, **__: pytest.fail("a Ray for nothing"))
    (tmp_path / "trials.csv").unlink()
    assert sweep(tmp_path, bundled, num_trials=3, resume=True, also=also[::-1], reduction_factor=2) == []
    assert (tmp_path / "trials.csv").exists()


@contextmanager
def optuna_study(folder: Path) -> Iterator[optuna.Study]:
    storage = open_storage(f"sqlite:///{folder / 'study.db'}")
    yield optuna.load_study(study_name="test", storage=storage)


def dies_after_its_first_epoch(
    config: TrainConfig, dataset: Dataset, folder: Path, *, report: Report, resume_from: Path | None, **further: Any
) -> TrainingResult:
    """Train one epoch, and die whenever there is more to do."""
    if resume_from is not None:
        os._exit(1)

    def report_and_die(metrics: dict[str, float], checkpoint: Path) -> None:
        report(metrics, checkpoint)
        os._exit(1)

    return train(config, dataset, folder, report=report_and_die, resume_from=None, **further)


@pytest.mark.slow
def test_a_trial_that_dies_again_and_again_is_given_up(tmp_path: Path, bundled: Dataset) -> None:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        result = run_sweep(
            SearchSpace("space.py", SPACE.format(rates="[1e-3]")), bundled, tmp_path, settings=SMALL, name="test",
            options=SearchOptions(1, pruner="none"), train=dies_after_its_first_epoch,
        )  # fmt: skip
    finally:
        ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    (trial,) = result.trials
    assert trial.state == "fail"
    assert "its process ended 3 times without a validation between" in str(trial.error)


def told_to_end_at_its_start(
    config: TrainConfig, dataset: Dataset, folder: Path, *, resume_from: Path | None, **further: Any
) -> TrainingResult:
    """Train in a process whose machine is about to be taken away; the second time, note what it goes on from."""
    if resume_from is None:
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        _, position = read_checkpoint(resume_from)
        (folder / "goes_on_from").write_text(f"{position.epoch} {position.steps_done}")
    return train(config, dataset, folder, resume_from=resume_from, **further)


@pytest.mark.slow
def test_a_trial_that_is_told_to_end_goes_on_from_the_step(tmp_path: Path, bundled: Dataset) -> None:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        result = run_sweep(
            SearchSpace("space.py", SPACE.format(rates="[1e-3]")), bundled, tmp_path, name="test",
            settings=SMALL | {"supervised_epochs": 1, "adversarial_epochs": 0, "steps_per_epoch": 300},
            options=SearchOptions(1, pruner="none", share_phase_one=False), train=told_to_end_at_its_start,
        )  # fmt: skip
    finally:
        ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    (trial,) = result.trials
    assert (trial.state, trial.steps, trial.error) == ("complete", 300, None)
    epoch, step = (tmp_path / "trials/0000/goes_on_from").read_text().split()
    assert epoch == "0"
    assert 1 <= int(step) < 300


DRIVER = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from test_sweep import sweep
from dssgan.data.loading import load_dataset
sweep(Path(sys.argv[1]), load_dataset(), max_concurrent=2)
"""


@pytest.mark.slow
def test_killed_and_resumed_loses_and_doubles_no_trial(tmp_path: Path, bundled: Dataset) -> None:
    folder = tmp_path / "sweep"
    here = Path(__file__).parent
    code = DRIVER.format(paths=[str(here), str(here.parents[1])])
    # a session of its own, so that the kill reaches Ray's processes too
    driver = subprocess.Popen([sys.executable, "-c", code, str(folder)], start_new_session=True)
    storage_url = f"sqlite:///{folder / 'study.db'}"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and driver.poll() is None:
        if (folder / "trials").is_dir() and any(folder.glob("trials/*/bundle")):
            study = optuna.load_study(study_name="test", storage=open_storage(storage_url))
            if any(trial.state.is_finished() for trial in study.trials):
                break  # one is done, others are under way or to come
        time.sleep(0.2)
    assert driver.poll() is None, "the sweep ended before it could be killed"
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    # trials' processes notice a moment later, and may write a better bundle until then
    deadline = time.monotonic() + 60
    while processes_of_ray({driver.pid}):
        assert time.monotonic() < deadline, "the trials outlive their sweep"
        time.sleep(0.2)

    before = read_sweep(folder, "test").trials
    done = {trial.number: trial.score for trial in before if trial.state in ("complete", "pruned")}
    assert done
    assert len(done) < 4
    sweep(folder, bundled, max_concurrent=2, resume=True)
    after = read_sweep(folder, "test").trials
    finished = [trial for trial in after if trial.state in ("complete", "pruned")]
    assert len(finished) == 4, [(trial.number, trial.state, trial.error) for trial in after]
    assert not [trial for trial in after if trial.state == "running"]
    assert len({trial.params["alpha"] for trial in finished}) == 4
    for number, score in done.items():
        assert after[number].score == score


def test_a_second_sweep_may_not_add_to_the_study_of_the_first(tmp_path: Path, bundled: Dataset) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    study = optuna.create_study(storage=open_storage(url), study_name="test", direction="maximize")
    study.tell(study.ask(), 1.0)
    with pytest.raises(ConfigError, match="study test: is in this storage already; choose another --name"):
        run_sweep(
            SearchSpace("space.py", SPACE.format(rates="[1e-3]")), bundled, tmp_path / "second", settings=SMALL,
            options=SearchOptions(1), name="test", study_url=url,
        )  # fmt: skip
    assert len(study.trials) == 1
    assert not (tmp_path / "second" / "run.json").exists()


def test_resume_without_a_sweep_is_named(tmp_path: Path, bundled: Dataset) -> None:
    with pytest.raises(ConfigError, match="no sweep to resume"):
        sweep(tmp_path, bundled, resume=True)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:////nowhere/at/all.db", "cannot be opened"),
        ("nonsense", "cannot be opened"),
        ("postgresql://localhost:1/x", "cannot be opened"),
        ("postgresql://user:secret@localhost:1/x", "PGPASSWORD"),
        ("postgresql://localhost:1/x?password=secret", "PGPASSWORD"),
    ],
)
def test_a_study_that_cannot_be_opened_is_one_line_without_its_password(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        open_storage(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
