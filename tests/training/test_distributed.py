"""A training in two real processes of Ray Train."""

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest
from commands import dssgan

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset, Track
from dssgan.data.guard import guarded
from dssgan.data.manifest import save_manifest
from dssgan.errors import AudioError, ConfigError, DivergedError, DssganError
from dssgan.runs.store import FolderStore
from dssgan.separators.bundle import load_bundle
from dssgan.training import distributed
from dssgan.training.distributed import Workers, train_distributed
from dssgan.training.phases import train
from dssgan.training.settings import make_config
from dssgan.types import Audio

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.usefixtures("one_ray"), pytest.mark.slow]

SMALL = {
    "separator": {"name": "unet", "num_layers": 2, "num_initial_filters": 2, "n_fft": 512, "hop_samples": 256,
                  "sample_rate": 8192, "channels": 1},
    "critic": {"name": "strided", "n_fft": 256, "hop_samples": 128, "num_frames": 16, "num_initial_filters": 2},
    "supervised_loss": {"name": "log_magnitude"}, "alpha": 0.3, "alpha_mode": "gradient_ratio", "beta": 0.001,
    "precision": "float32", "segment_seconds": 1.0, "batch_size": 1, "steps_per_epoch": 2, "supervised_epochs": 1,
    "adversarial_epochs": 1, "critic_steps": 1, "validation_seconds": 2.0, "media": False, "device": "cpu",
}  # fmt: skip


@pytest.mark.parametrize(
    ("gpus", "device", "built_in", "backend"),
    [(1.0, "auto", True, "nccl"), (1.0, "cuda", True, "nccl"), (1.0, "auto", False, "gloo"),
     (0.5, "auto", True, "gloo"), (0.0, "auto", True, "gloo"), (1.0, "cpu", True, "gloo")],
)  # fmt: skip
def test_nccl_is_for_processes_that_compute_on_a_gpu_each(
    gpus: float, device: str, built_in: bool, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.distributed.is_nccl_available", lambda: built_in)
    assert distributed._backend(Workers(2, gpus=gpus), device) == backend


def test_two_processes_train_then_resume(tmp_path: Path, bundled: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    reports: list[dict[str, float]] = []

    def run(**changes: object) -> Path:
        config = make_config(SMALL, changes)
        outcome = train_distributed(
            config, bundled, FolderStore(tmp_path), "run", workers=Workers(2),
            report=lambda metrics, _folder: reports.append(metrics),
        )  # fmt: skip
        return outcome.bundle

    bundle = run()
    assert [metrics["epoch"] for metrics in reports] == [1, 2]
    assert "loss/wasserstein" in reports[1]
    assert load_bundle(bundle).sources == bundled.sources
    run(adversarial_epochs=2)
    assert [metrics["epoch"] for metrics in reports] == [1, 2, 3]

    # a machine that was taken away leaves one process
    def alone(metrics: dict[str, float], _folder: Path) -> None:
        reports.append(metrics)

    longer, folder = make_config(SMALL, {"adversarial_epochs": 3}), tmp_path / "run"
    train(longer, bundled, folder, report=alone, resume_from=folder)
    assert "2 processes trained it, and 1 go on: a step now learns from 1 excerpts, not 2" in caplog.text
    assert [metrics["epoch"] for metrics in reports] == [1, 2, 3, 4]
    assert all(math.isfinite(metrics["score"]) for metrics in reports)


def test_divergence_and_impossible_requests_are_one_error(tmp_path: Path, bundled: Dataset) -> None:
    def run(num_workers: int, **changes: object) -> None:
        train_distributed(
            make_config(SMALL, changes), bundled, FolderStore(tmp_path), "run", workers=Workers(num_workers)
        )

    with pytest.raises(ConfigError, match="1000 workers need 1000 CPUs"):
        run(1000)
    with pytest.raises(DivergedError, match="lower learning_rate"):
        run(2, learning_rate=1e30, steps_per_epoch=4)


LONG = {"steps_per_epoch": 500, "batch_size": 1, "augment": {"remix": 0}, "adversarial_epochs": 0}


def test_the_error_of_one_process_ends_the_others(tmp_path: Path, bundled: Dataset) -> None:
    """Whichever process comes first upon the one sample of 1e30 leaves the other waiting in a collective."""
    parts = []
    for name, source in zip(bundled.sources, bundled.train_sup[0].sources, strict=True):
        assert source is not None
        audio = source.read(channels=1)
        audio[:, audio.shape[1] // 2] = 1e30
        files.write(tmp_path / f"{name}.wav", audio, source.sample_rate, "float32")
        parts.append(AudioFile.of(tmp_path / f"{name}.wav"))
    broken = replace(bundled, train_sup=(Track("broken", None, tuple(parts)),))
    began = time.monotonic()
    words = ("--workers", "2", "-o", tmp_path / "run", "--data", saved(broken, tmp_path))
    done = dssgan("train", *words, *as_overrides({**SMALL, **LONG}), timeout=240)
    print(f"{time.monotonic() - began:.0f} s")
    assert done.returncode == 2, done.stderr
    assert "loss became" in done.stderr.splitlines()[-1]
    assert "lower learning_rate" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def saved(dataset: Dataset, folder: Path) -> Path:
    save_manifest(dataset, folder / "dataset.json")
    return folder / "dataset.json"


def as_overrides(settings: dict[str, object]) -> list[str]:
    return [f"{key}={json.dumps(value)}" for key, value in settings.items()]


@pytest.mark.parametrize(
    ("error", "message"), [(MemoryError("no room"), "process 1 ran out of memory"), (AudioError("gone"), "gone")]
)
def test_a_process_that_gives_up_alone_is_not_waited_for(
    tmp_path: Path, bundled: Dataset, error: Exception, message: str
) -> None:
    class Failing(AudioFile):
        """Fails in the second process."""

        def read(self, *place: object, **settings: object) -> Audio:
            import ray.train

            if ray.train.get_context().get_world_rank() == 1:
                raise error
            return super().read(*place, **settings)  # type: ignore[arg-type]

    checked = guarded(bundled)
    track = checked.train_sup[0]
    failing = replace(track, sources=tuple(Failing(**vars(source)) for source in track.sources))
    with pytest.raises(DssganError, match=message):
        train_distributed(
            make_config(SMALL, LONG), replace(checked, train_sup=(failing,), test=()), FolderStore(tmp_path), "run",
            workers=Workers(2),
        )  # fmt: skip
