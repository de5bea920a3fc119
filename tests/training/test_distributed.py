"""A training in two real processes of Ray Train."""

from pathlib import Path

import pytest

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError, DivergedError
from dssgan.separators.bundle import load_bundle
from dssgan.training.config import make_config
from dssgan.training.distributed import Workers, train_distributed
from dssgan.training.store import FolderStore

pytestmark = pytest.mark.xdist_group("ray")  # one Ray at a time

SMALL = {
    "separator": {"name": "unet", "num_layers": 2, "num_initial_filters": 2, "n_fft": 512, "hop_samples": 256,
                  "sample_rate": 8192, "channels": 1},
    "critic": {"name": "strided", "n_fft": 256, "hop_samples": 128, "num_frames": 16, "num_initial_filters": 2},
    "supervised_loss": {"name": "log_magnitude"}, "alpha": 0.3, "alpha_as": "gradient_ratio", "beta": 0.001,
    "precision": "float32", "segment_seconds": 1.0, "batch_size": 1, "steps_per_epoch": 2, "supervised_epochs": 1,
    "adversarial_epochs": 1, "critic_steps": 1, "validation_seconds": 2.0, "media": False, "device": "cpu",
}  # fmt: skip


def test_two_processes_train_then_resume(tmp_path: Path, bundled: Dataset) -> None:
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


def test_divergence_and_impossible_requests_are_one_error(tmp_path: Path, bundled: Dataset) -> None:
    def run(num_workers: int, **changes: object) -> None:
        train_distributed(
            make_config(SMALL, changes), bundled, FolderStore(tmp_path), "run", workers=Workers(num_workers)
        )

    with pytest.raises(ConfigError, match="1000 workers need 1000 CPUs"):
        run(1000)
    with pytest.raises(DivergedError, match="lower learning_rate"):
        run(2, learning_rate=1e30, steps_per_epoch=4)
