"""Sweeps to which something happens, five times each, at random moments: nothing may be lost.

`make test-faults` runs these and prints a table; `FAULTS=1 make test-faults` tries each once.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from faults.record import Record, each_try
from faults.sweeps import (
    NAME,
    Outcome,
    RunningSweep,
    Sweep,
    flip_a_byte,
    losses,
    send,
    start_command,
    started_processes,
    trial_processes,
    wait_for_no_processes,
)

pytestmark = pytest.mark.faults


@contextmanager
def no_more_memory() -> Iterator[Path | None]:
    """Make a control group whose processes get no further memory.

    Yields:
        The file that takes a process's number; None where this process may make none.
    """
    groups = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")  # of version 1, of version 2
    made = None
    for group, limit in zip(groups, ("memory.limit_in_bytes", "memory.max"), strict=True):
        with suppress(OSError):
            made = group / f"dssgan-{os.getpid()}"
            made.mkdir()
            (made / limit).write_text(str(1 << 20))
            break
    else:
        yield None
        return
    try:
        yield made / "cgroup.procs"
    finally:
        made.rmdir()


def begin(folder: Path, chance: random.Random, most: float = 12, **environment: str) -> tuple[Sweep, RunningSweep]:
    """Have a sweep get under way, and then a random time pass, but not its end."""
    sweep = Sweep(folder / "sweep", environment=environment)
    running = sweep.start()
    running.reach()
    deadline = time.monotonic() + most * chance.random()
    while time.monotonic() < deadline and running.process.poll() is None:
        time.sleep(0.02)
    return sweep, running


def resume_if_it_ended(sweep: Sweep, running: RunningSweep, *codes: int) -> None:
    """Wait for a sweep's end, which is its last trial's or one of the exit codes, and go on where it is not over."""
    code = running.wait()
    assert code in (0, *codes) or not codes, running.said()
    if code:
        assert "Traceback" not in running.said()
        wait_for_no_processes()
        sweep.run_to_its_end(resume=True)


@each_try
def test_everything_killed(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep = Sweep(tmp_path / "sweep")
    running = sweep.start()
    running.reach(lambda: (sweep.folder / NAME / "run.json").exists())
    time.sleep(20 * chance.random())
    running.kill()
    sweep.run_to_its_end(resume=True)
    record.note("kill -9 of the sweep with its Ray: a power cut on the head", losses(sweep, undisturbed))


@each_try
def test_driver_killed(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep, running = begin(tmp_path, chance)
    send(signal.SIGKILL, running.process.pid)
    running.process.wait()
    wait_for_no_processes()  # without its driver, Ray ends by itself
    sweep.run_to_its_end(resume=True)
    record.note("kill -9 of the sweep's driver alone", losses(sweep, undisturbed))


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
@each_try
def test_trial_signalled(
    tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record, kind: signal.Signals
) -> None:
    sweep, running = begin(tmp_path, chance, 6)
    send(kind, *trial_processes()[:1])
    assert running.wait() == 0, running.said()
    name = "kill -9 of" if kind == signal.SIGKILL else "a spot machine's notice (SIGTERM) to"
    record.note(f"{name} a trial's process", losses(sweep, undisturbed))


@each_try
def test_trial_out_of_memory(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    with no_more_memory() as processes:
        if processes is None:
            pytest.skip("a control group is made for this, which root alone may")
        sweep, running = begin(tmp_path, chance, 6)
        for process in trial_processes()[:1]:
            with suppress(OSError):  # it has ended
                processes.write_text(str(process))
        assert running.wait() == 0, running.said()
        record.note("a trial out of memory, killed by the kernel", losses(sweep, undisturbed))


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the clock that jumps back."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler, for a clock that can be moved")
    built = tmp_path_factory.mktemp("clock") / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", built, Path(__file__).with_name("clock.c"), "-ldl"], check=True)
    return built


@each_try
def test_clock_jumps_back(
    tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record, clock: Path
) -> None:
    back = tmp_path / "back"
    sweep, running = begin(tmp_path, chance, 6, LD_PRELOAD=str(clock), CLOCK_IS_BACK=str(back))
    back.touch()
    assert running.wait() == 0, running.said()
    assert "Traceback" not in running.said()
    record.note("the clock jumps back by an hour", losses(sweep, undisturbed))


@each_try
def test_raylet_killed(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep, running = begin(tmp_path, chance)
    send(signal.SIGKILL, *(process for process, line in started_processes().items() if "/raylet/raylet" in line))
    resume_if_it_ended(sweep, running)
    record.note("kill -9 of the machine's raylet", losses(sweep, undisturbed))


@each_try
def test_asleep(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep, running = begin(tmp_path, chance, 6)
    stopped = [running.process.pid, *started_processes()]
    send(signal.SIGSTOP, *stopped)
    time.sleep(60)
    send(signal.SIGCONT, *stopped)
    resume_if_it_ended(sweep, running)
    record.note("the machine asleep for 60 s", losses(sweep, undisturbed))


@each_try
def test_told_to_end(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep, running = begin(tmp_path, chance, 6)
    send(signal.SIGTERM, running.process.pid)
    resume_if_it_ended(sweep, running, 130)
    assert "Traceback" not in running.said()
    record.note("SIGTERM to the sweep's driver", losses(sweep, undisturbed))


@each_try
def test_checkpoint_damaged(tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record) -> None:
    sweep, running = begin(tmp_path, chance, 6)
    running.kill()
    # the newest of those that were under way: cut in half, or with one byte changed
    written = sorted((sweep.folder / NAME).rglob("checkpoint.pt"), key=lambda path: path.stat().st_mtime)
    if chance.random() < 0.5:
        os.truncate(written[-1], written[-1].stat().st_size // 2)
    else:
        flip_a_byte(written[-1], chance)
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
        sweep, running = begin(folder, chance, 4)
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
    sweep, running = begin(tmp_path, chance, 4)
    words = ["sweep", "space.py", "--name", NAME, "-o", ".", "--resume"]
    second = start_command(words, cwd=sweep.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = second.communicate()[1]
    if running.process.poll() is None:
        assert second.returncode == 2
        assert "another process runs this sweep" in said.splitlines()[-1]
    assert running.wait() == 0, running.said()
    record.note("a second sweep started under the name", losses(sweep, undisturbed))
