"""Sweeps to which something happens, five times each, at random moments: nothing may be lost.

`make test-faults` runs these and prints a table; `FAULTS=1 make test-faults` tries each once.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from faults.record import Record, each_try
from faults.sweeps import NAME, Outcome, RunningSweep, Sweep, losses, processes_of_ray, wait_for_no_processes

pytestmark = pytest.mark.faults


def trial_processes() -> list[int]:
    """List the processes that train."""
    return [number for number, line in processes_of_ray().items() if line.startswith("ray::ImplicitFunc")]


def after_a_while(running: RunningSweep, chance: random.Random, most: float = 12) -> None:
    """Let a sweep get under way, and then a random time pass, but not its end."""
    running.reach()
    deadline = time.monotonic() + most * chance.random()
    while time.monotonic() < deadline and running.process.poll() is None:
        time.sleep(0.02)


@each_try
def test_everything_killed(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep = Sweep(tmp_path / "sweep")
    running = sweep.start()
    running.reach(lambda: (sweep.folder / NAME / "sweep.json").exists())
    time.sleep(20 * chance.random())
    running.kill()
    sweep.run_to_its_end(resume=True)
    record.note("kill -9 of the sweep with its Ray: a power cut on the head", losses(sweep, undisturbed))


@each_try
def test_driver_killed(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep = Sweep(tmp_path / "sweep")
    running = sweep.start()
    after_a_while(running, chance)
    with suppress(ProcessLookupError):
        os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait()
    wait_for_no_processes()  # without its driver, Ray ends by itself
    sweep.run_to_its_end(resume=True)
    record.note("kill -9 of the sweep's driver alone", losses(sweep, undisturbed))


@each_try
def test_trial_killed(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep = Sweep(tmp_path / "sweep")
    running = sweep.start()
    after_a_while(running, chance, 6)
    for process in trial_processes()[:1]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    assert running.wait() == 0, running.said()
    record.note("kill -9 of a trial's process", losses(sweep, undisturbed))


@each_try
def test_raylet_killed(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep = Sweep(tmp_path / "sweep")
    running = sweep.start()
    after_a_while(running, chance)
    for process, line in processes_of_ray().items():
        if "/raylet/raylet" in line:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    code = running.wait()
    wait_for_no_processes()
    if code != 0:
        assert "Traceback" not in running.said()
        sweep.run_to_its_end(resume=True)
    record.note("kill -9 of the machine's raylet", losses(sweep, undisturbed))


@each_try
def test_asleep(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep = Sweep(tmp_path / "sweep")
    running = sweep.start()
    after_a_while(running, chance, 6)
    stopped = [running.process.pid, *processes_of_ray()]
    for process in stopped:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGSTOP)
    time.sleep(60)
    for process in stopped:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)
    if running.wait() != 0:
        assert "Traceback" not in running.said()
        sweep.run_to_its_end(resume=True)
    record.note("the machine asleep for 60 s", losses(sweep, undisturbed))


@each_try
def test_told_to_end(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep = Sweep(tmp_path / "sweep")
    running = sweep.start()
    after_a_while(running, chance, 6)
    with suppress(ProcessLookupError):
        os.kill(running.process.pid, signal.SIGTERM)
    code = running.wait()
    assert code in (0, 130), running.said()
    assert "Traceback" not in running.said()
    if code:
        sweep.run_to_its_end(resume=True)
    record.note("SIGTERM to the sweep's driver", losses(sweep, undisturbed))


@each_try
def test_checkpoint_damaged(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep = Sweep(tmp_path / "sweep")
    running = sweep.start()
    after_a_while(running, chance, 6)
    running.kill()
    # the newest of those that were under way: cut in half, or with one byte changed
    written = sorted((sweep.folder / NAME).rglob("checkpoint.pt"), key=lambda path: path.stat().st_mtime)
    content = bytearray(written[-1].read_bytes())
    if chance.random() < 0.5:
        del content[len(content) // 2 :]
    else:
        content[chance.randrange(len(content))] ^= 255
    written[-1].write_bytes(content)
    sweep.run_to_its_end(resume=True)
    record.note("the newest checkpoint cut in half or changed by a byte", losses(sweep, undisturbed))


@each_try
def test_disk_full(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small disk is mounted for this, which root alone may")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        sweep = Sweep(folder / "sweep")
        running = sweep.start()
        after_a_while(running, chance, 4)
        with suppress(OSError), (folder / "filler").open("wb") as filler:
            while True:
                filler.write(bytes(1 << 16))
        code = running.wait()
        said = running.said()
        (folder / "filler").unlink()
        assert code in (0, 2), said
        assert "Traceback" not in said
        if code:
            sweep.run_to_its_end(resume=True)
        record.note("a full disk under the sweep", losses(sweep, undisturbed))
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


@each_try
def test_a_second_sweep_of_the_name(
    tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record
) -> None:
    sweep = Sweep(tmp_path / "sweep")
    running = sweep.start()
    after_a_while(running, chance, 4)
    second = subprocess.run(
        [sys.executable, "-c", "from dssgan.cli import main; main()", "sweep", "space.py", "--name", NAME, "-o", ".",
         "--resume"], cwd=sweep.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if running.process.poll() is None:
        assert second.returncode == 2
        assert "another process runs this sweep" in second.stderr.splitlines()[-1]
    assert running.wait() == 0, running.said()
    record.note("a second sweep started under the name", losses(sweep, undisturbed))
