"""Whole trainings that are over in seconds, for the tests that need one."""

from pathlib import Path

import torch

from dssgan.data.dataset import Dataset
from dssgan.training.checkpoint import CHECKPOINT_FILE, read_checkpoint
from dssgan.training.config import TrainConfig
from dssgan.training.gan import GAN
from dssgan.training.phases import TrainingResult, train
from dssgan.training.settings import make_config
from dssgan.training.shared_phases import SharedPhases

SETTINGS = {
    "separator": {"name": "unet", "num_layers": 2, "num_initial_filters": 4, "n_fft": 512, "hop_samples": 256,
                  "sample_rate": 8192, "channels": 1},
    "critic": {"name": "strided", "n_fft": 256, "hop_samples": 128, "num_frames": 16, "num_initial_filters": 4},
    "supervised_loss": {"name": "log_magnitude"},
    "alpha": 0.01, "beta": 0.01, "precision": "float32", "device": "cpu", "segment_seconds": 1.0, "batch_size": 2,
    "steps_per_epoch": 3, "supervised_epochs": 2, "adversarial_epochs": 2, "critic_steps": 2, "patience": 9,
    "validation_seconds": 3.0, "media": False,
}  # fmt: skip

# One step of the smallest separator, for what goes on around trainings.
ONE_STEP = {
    "separator": {"name": "unet", "num_layers": 2, "num_initial_filters": 2, "n_fft": 512, "hop_samples": 256,
                  "sample_rate": 8192, "channels": 1},
    "supervised_loss": {"name": "log_magnitude"}, "precision": "float32", "segment_seconds": 1.0, "batch_size": 2,
    "steps_per_epoch": 1, "supervised_epochs": 1, "adversarial_epochs": 0, "validation_seconds": 2.0, "media": False,
}  # fmt: skip


def config(**changes: object) -> TrainConfig:
    return make_config(SETTINGS, changes)


class StopHereError(Exception):
    """Stands for whatever ends a process."""


def run(folder: Path, dataset: Dataset, settings: TrainConfig, *, stop_at: int | None = None, resume: bool = False,
        phase_one_folder: Path | None = None) -> tuple[TrainingResult | None, list[dict[str, float]]]:  # fmt: skip
    reports: list[dict[str, float]] = []

    def report(metrics: dict[str, float], checkpoint: Path) -> None:
        # a shared phase one has its checkpoint where everybody finds it
        assert (checkpoint / CHECKPOINT_FILE).exists() or (phase_one_folder is not None and metrics["phase"] == 1)
        reports.append(metrics)
        if metrics["epoch"] == stop_at:
            raise StopHereError

    shared = None if phase_one_folder is None else SharedPhases.in_folder(phase_one_folder)
    try:
        return train(settings, dataset, folder, report=report, resume_from=folder if resume else None,
                     shared_phases=shared), reports  # fmt: skip
    except StopHereError:
        return None, reports


def steepen(gan: GAN) -> None:
    """Give fresh critics gradients beyond norm 1, so that the gradient penalty is not 0."""
    with torch.no_grad():
        for critic in gan.critics.critics:
            list(critic.parameters())[-1].mul_(1000)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state, _ = read_checkpoint(folder)
    return {**state["separator"], **{f"critics.{name}": value for name, value in state["critics"].items()}}
