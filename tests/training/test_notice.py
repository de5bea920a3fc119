"""A training that is told to end writes where it stands, and goes on from there as if nothing had been."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small_training import config, run, weights

from dssgan.data.dataset import Dataset
from dssgan.errors import TrainingInterruptedError
from dssgan.training.checkpoint import read_checkpoint
from dssgan.training.notice import StopNotice
from dssgan.training.phases import train

pytestmark = pytest.mark.slow

SMALL = [
    "separator.name=unet", "separator.num_layers=2", "separator.num_initial_filters=2", "separator.n_fft=512",
    "separator.hop_samples=256", "separator.sample_rate=8192", "separator.channels=1",
    "supervised_loss.name=log_magnitude", "precision=float32", "segment_seconds=1", "batch_size=2",
    "steps_per_epoch=300", "phase_one.epochs=2", "phase_two.epochs=0", "validation_seconds=2", "media=false",
]  # fmt: skip


def after(steps: int) -> Callable[[], bool]:
    taken = iter(range(1, steps + 1))
    return lambda: next(taken) == steps


@pytest.mark.parametrize("step", [1, 3, 5, 8, 12])
def test_it_goes_on_in_the_middle_of_an_epoch(tmp_path: Path, bundled: Dataset, step: int) -> None:
    # three steps an epoch: the first and the last of phase one's, one of its second, one of phase two, the very last
    settings = config()
    outcome, whole = run(tmp_path / "whole", bundled, settings)
    parts: list[dict[str, float]] = []

    def report(metrics: dict[str, float], _folder: Path) -> None:
        parts.append(metrics)

    with pytest.raises(TrainingInterruptedError, match=f"step {step} is saved"):
        train(settings, bundled, tmp_path / "parts", report=report, notice=after(step))
    _, position = read_checkpoint(tmp_path / "parts")
    assert (position.separator_steps, position.epoch, position.steps_done) == (
        step,
        (step - 1) // 3,
        (step - 1) % 3 + 1,
    )
    again = train(settings, bundled, tmp_path / "parts", report=report, resume_from=tmp_path / "parts")
    assert outcome is not None
    assert (again.score, again.epochs, again.separator_steps) == (
        outcome.score,
        outcome.epochs,
        outcome.separator_steps,
    )
    for one, other in zip(whole, parts, strict=True):  # losses of the epoch that was broken off among them
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    expected, found = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name


def test_a_shared_phase_goes_on_too(tmp_path: Path, bundled: Dataset) -> None:
    from dssgan.training.shared_phases import SharedPhases

    run(tmp_path / "whole", bundled, config(), phase_one_folder=tmp_path / "shared_by_whole")
    shared = SharedPhases.in_folder(tmp_path / "shared")
    with pytest.raises(TrainingInterruptedError):
        train(config(), bundled, tmp_path / "parts", shared_phases=shared, notice=after(4))
    run(tmp_path / "parts", bundled, config(), phase_one_folder=tmp_path / "shared")
    expected, found = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name


def test_the_first_signal_is_noted_and_the_second_ends_the_process() -> None:
    code = """
import os, signal
from dssgan.training.notice import StopNotice

with StopNotice() as notice:
    assert not notice()
    os.kill(os.getpid(), signal.SIGTERM)
    assert notice()
    print("noted", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("not reached", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "noted\n"), done.stderr
    before = signal.getsignal(signal.SIGTERM)
    with StopNotice():
        pass
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_command_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from dssgan.cli import main; main()", "train", "-o", "mine"]
    process = subprocess.Popen([*command, *SMALL], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "mine" / "checkpoint.pt").exists():  # the first epoch is over
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    told = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == 143
    assert told[-1].startswith("dssgan: mine: asked to stop; step ")
    assert told[-1].endswith("saved; go on with dssgan train -o mine --resume")
    _, position = read_checkpoint(tmp_path / "mine")
    assert 300 < position.separator_steps <= 600
    done = subprocess.run([*command, "--resume", "-q"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert read_checkpoint(tmp_path / "mine")[1].separator_steps == 600
