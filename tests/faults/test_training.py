"""Trainings of the real command to which something happens: their weights come out as if nothing had."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from faults.record import Record, each_try
from faults.sweeps import SMALL, send, start_command, started_processes

from dssgan.training.checkpoint import read_checkpoint

pytestmark = pytest.mark.faults

LONG = [*SMALL, "steps_per_epoch=40", "phase_two.epochs=2", "alpha=0.01"]


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    return start_command(["train", "-o", "mine", *words], cwd=folder, stderr=subprocess.PIPE, text=True)


def finish(process: "subprocess.Popen[str]") -> int:
    said = process.communicate(timeout=300)[1]
    assert "Traceback" not in said, said
    return process.returncode


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state, position = read_checkpoint(folder / "mine")
    assert position.separator_steps == 160
    return dict(state["separator"])


def compare(folder: Path, expected: dict[str, torch.Tensor]) -> str:
    found = weights(folder)
    different = [name for name, value in expected.items() if not torch.equal(value, found[name])]
    return f"{len(different)} of {len(expected)} weights differ" if different else "nothing"


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    folder = tmp_path_factory.mktemp("alone")
    assert finish(start(folder, *LONG)) == 0
    return weights(folder)


@pytest.fixture(scope="session")
def in_two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    folder = tmp_path_factory.mktemp("in_two")
    assert finish(start(folder, "--workers", "2", *LONG)) == 0
    return weights(folder)


def let_it_run(process: "subprocess.Popen[str]", folder: Path, seconds: float) -> None:
    deadline = time.monotonic() + 120
    while not (folder / "mine" / "checkpoint.pt").exists():  # the first epoch is over
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
@each_try
def test_one_process(
    tmp_path: Path, chance: random.Random, alone: dict[str, torch.Tensor], record: Record, kind: signal.Signals
) -> None:
    process = start(tmp_path, *LONG)
    let_it_run(process, tmp_path, 4 * chance.random())
    if process.poll() is None:
        process.send_signal(kind)
    if finish(process) != 0:
        assert finish(start(tmp_path, "--resume")) == 0
    name = "kill -9 of" if kind == signal.SIGKILL else "a spot machine's notice (SIGTERM) to"
    record.note(f"{name} `dssgan train`", compare(tmp_path, alone))


@each_try
def test_one_of_two_workers_killed(
    tmp_path: Path, chance: random.Random, in_two: dict[str, torch.Tensor], record: Record
) -> None:
    process = start(tmp_path, "--workers", "2", *LONG)
    let_it_run(process, tmp_path, 4 * chance.random())
    workers = [number for number, line in started_processes().items() if "RayTrainWorker" in line]
    assert len(workers) == 2 or process.poll() is not None
    send(signal.SIGKILL, *workers[:1])
    assert finish(process) == 0
    record.note("kill -9 of one of two workers of `dssgan train`", compare(tmp_path, in_two))
