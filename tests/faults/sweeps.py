"""Small sweeps of the real command in processes of their own, to do something to."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray_processes import processes_of_ray

from dssgan.runs.location import open_store
from dssgan.tuning.sweep_files import find_study

TRIALS = 4
NAME = "x"
SPACE = 'def space(trial):\n    trial.suggest_float("alpha", 1e-4, 1e-1, log=True)\n'
# trials of some seconds with a shared supervised phase; draws of "random" depend on their number alone
SMALL = [
    "separator.name=unet", "separator.preset=parity", "separator.num_layers=2", "separator.num_initial_filters=2",
    "critic.preset=parity", "critic.num_initial_filters=2", "supervised_loss.name=log_magnitude", "steps_per_epoch=2",
    "phase_one.epochs=2", "phase_two.epochs=3", "segment_seconds=1", "batch_size=2", "critic_steps=1",
    "validation_seconds=2", "precision=float32", "media=false", "phase_one.patience=9",
]  # fmt: skip
_SECONDS_TO_END = 300.0

Outcome = dict[int, tuple[float | str | None, ...]]

_SESSIONS: set[int] = set()  # of the commands that were started here: nothing is done to anybody else's Ray


def start_command(words: Sequence[str], **further: Any) -> "subprocess.Popen[Any]":
    """Start `dssgan` in a session of its own, to which everything that it starts belongs.

    Args:
        words: of the command line, after the command.
        further: arguments of `subprocess.Popen`.
    """
    command = [sys.executable, "-c", "from dssgan.cli import main; main()", *words]
    process = subprocess.Popen(command, start_new_session=True, **further)
    _SESSIONS.add(process.pid)
    return process


@dataclass
class RunningSweep:
    """A sweep that runs in a session of its own, so that one signal reaches all that it starts.

    Args:
        folder: where it is started; its results are in `folder/x`.
        process: of the command.
        log: what it says.
    """

    folder: Path
    process: "subprocess.Popen[bytes]"
    log: Path

    def wait(self) -> int:
        """Wait for its end and give the exit code."""
        return self.process.wait(_SECONDS_TO_END)

    def said(self) -> str:
        """Give all that it printed."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """Take it away with everything that it started, as a power cut does."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        wait_for_no_processes()

    def is_under_way(self) -> bool:
        """Say whether a first trial is done and the sweep is not."""
        return self.process.poll() is None and any((self.folder / NAME / "trials").glob("*/bundle"))

    def reach(self, there: Callable[[], bool] | None = None, seconds: float = 120) -> None:
        """Wait until something holds: by default, that it is under way."""
        there = there or self.is_under_way
        deadline = time.monotonic() + seconds
        while not there():
            assert self.process.poll() is None, f"it ended before anything could be done to it:\n{self.said()}"
            assert time.monotonic() < deadline, f"it did not get there:\n{self.said()}"
            time.sleep(0.05)


@dataclass(frozen=True)
class Sweep:
    """A sweep that is run, disturbed, and resumed.

    Args:
        folder: of its own.
        options: further words of the command.
        environment: further variables.
        trials: their number.
    """

    folder: Path
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    trials: int = TRIALS

    def start(self, *, resume: bool = False) -> RunningSweep:
        """Start it, or go on with it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "space.py").write_text(SPACE)
        words = ["sweep", "space.py", "--name", NAME, "-o", ".", *self.options]
        words += ["--resume"] if resume else [*SMALL, "--pruner", "none", "--sampler", "random",
                                              "--trials", str(self.trials)]  # fmt: skip
        log = self.folder / "log.txt"
        with log.open("ab") as file:
            process = start_command(
                words, cwd=self.folder, stdout=file, stderr=subprocess.STDOUT, env=os.environ | dict(self.environment)
            )
        return RunningSweep(self.folder, process, log)

    def run_to_its_end(self, *, resume: bool = False) -> None:
        """Run it and require that it ends well."""
        running = self.start(resume=resume)
        code = running.wait()
        assert code == 0, running.said()

    def outcome(self) -> Outcome:
        """Read what its study holds."""
        return outcome_of(self.folder / NAME)


def outcome_of(place: Path | str, study_url: str | None = None) -> Outcome:
    """Read a study: alpha, state, and the score of each validation of each trial."""
    study = find_study(open_store(place), NAME, study_url)
    return {
        trial.number: (trial.params["alpha"], trial.state.name, *trial.intermediate_values.values(), trial.value)
        for trial in study.get_trials()
    }


def losses(sweep: Sweep, undisturbed: Outcome) -> str:
    """Say what a sweep that was disturbed lacks beside one that was not.

    Args:
        sweep: after its end.
        undisturbed: what comes of it otherwise.

    Returns:
        "nothing", or what is missing or different.
    """
    found = sweep.outcome()
    if found != undisturbed:
        return f"expected {undisturbed}, found {found}"
    # besides each trial's bundle and two checkpoints there is nothing of any size
    known = {"checkpoint.pt", "checkpoint.previous.pt", "weights.safetensors"}
    left = [
        path for path in sweep.folder.rglob("*")
        if path.is_file() and path.name not in known and path.stat().st_size > 2**20
    ]  # fmt: skip
    if left:
        return f"files left behind: {left}"
    return "nothing"


def started_processes() -> dict[int, str]:
    """List Ray's own processes and workers, of what was started here, by number."""
    return processes_of_ray(_SESSIONS)


def trial_processes() -> list[int]:
    """List the processes that train a sweep's trials."""
    return [number for number, line in started_processes().items() if line.startswith("ray::ImplicitFunc")]


def send(kind: signal.Signals, *processes: int) -> None:
    """Send a signal to processes, of which some may have ended."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, kind)


def flip_a_byte(path: Path, chance: random.Random) -> None:
    """Change one byte of a file."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 255
    path.write_bytes(content)


def wait_for_no_processes(seconds: float = 90) -> None:
    """Require that nothing of Ray outlives a sweep for long."""
    deadline = time.monotonic() + seconds
    while left := started_processes():
        assert time.monotonic() < deadline, f"these outlive their sweep: {left}"
        time.sleep(0.2)
