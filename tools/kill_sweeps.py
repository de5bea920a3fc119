"""Kill sweeps at random moments, resume them, and count what was lost or doubled.

    python tools/kill_sweeps.py --kills 50 --folder /tmp/kills

Each sweep has six small trials on the bundled songs and is killed with everything it started, as `kill -9` and a power
cut would, until all its trials are done; then the next one begins. Ends with exit code 1 if any trial was lost, trained
twice, or had its result changed.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from dssgan.errors import DssganError
from dssgan.tuning.sweep import read_sweep

TRIALS = 6
SPACE = 'def space(trial):\n    trial.suggest_float("alpha", 1e-4, 1e-1, log=True)\n'
SMALL = [
    "separator.name=unet", "separator.preset=parity", "separator.num_layers=2", "separator.num_initial_filters=2",
    "critic.preset=parity", "critic.num_initial_filters=2", "supervised_loss.name=log_magnitude", "steps_per_epoch=2",
    "phase_one.epochs=2", "phase_two.epochs=3", "segment_seconds=1", "batch_size=2", "critic_steps=1",
    "validation_seconds=2", "precision=float32", "media=false", "patience=9",
]  # fmt: skip


def begin(folder: Path, *, resume: bool) -> "subprocess.Popen[bytes]":
    """Start a sweep, or go on with it, in a session of its own so that one signal reaches all it starts."""
    words = ["sweep", "space.py", "--name", "x", "-o", ".", "--pruner", "none", "-q"]
    words += ["--resume"] if resume else [*SMALL, "--trials", str(TRIALS)]
    code = "from dssgan.cli import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, *words], cwd=folder, start_new_session=True)


def finished(folder: Path) -> dict[int, tuple[float, float]]:
    """Read alpha and score of the trials that are done."""
    try:
        trials = read_sweep(folder / "x", "x").trials
    except DssganError:
        return {}  # killed before the study was there
    return {t.number: (t.params["alpha"], t.score or 0.0) for t in trials if t.state in ("complete", "pruned")}


def ray_processes() -> list[int]:
    """List the trials' processes that are still there."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if process.read_bytes().startswith(b"ray::"):
                found.append(int(process.parent.name))
    return found


def main() -> None:
    """Kill until there were enough kills."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    kills = sweeps = lost = doubled = changed = failed = 0
    while kills < arguments.kills:
        folder = arguments.folder / f"{sweeps:03d}"
        folder.mkdir(parents=True)
        (folder / "space.py").write_text(SPACE)
        before: dict[int, tuple[float, float]] = {}
        while True:
            process = begin(folder, resume=(folder / "x" / "sweep.json").exists())
            deadline = time.monotonic() + chance.uniform(1, 30)
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            if process.poll() is None and kills < arguments.kills:
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
            code = process.wait()
            while ray_processes():
                time.sleep(0.2)
            after = finished(folder)
            changed += sum(after.get(number) != result for number, result in before.items())
            before = after
            if code >= 0:
                failed += code != 0
                break
        sweeps += 1
        lost += TRIALS - len(after)
        doubled += len(after) - len({alpha for alpha, _ in after.values()})
        told = f"{lost} trials lost, {doubled} doubled, {changed} changed, {failed} sweeps failed"
        print(f"{kills} kills, {sweeps} sweeps: {told}", flush=True)
    sys.exit(bool(lost or doubled or changed or failed))


if __name__ == "__main__":
    main()
