"""Have a sweep run for an hour while something happens to it each minute: `make soak`.

    python tests/faults/soak.py --minutes 60

What happens is drawn at random: a trial's process is killed, or stands still for ten seconds, the newest checkpoint is
damaged under a trial that is then killed, or a second sweep is started under the name. At the end it is told to end.
It prints how many trials were done, what happened, what was lost, and the driver's memory at the start and at the end.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.sweeps import (
    NAME,
    RunningSweep,
    Sweep,
    flip_a_byte,
    send,
    start_command,
    trial_processes,
    wait_for_no_processes,
)

_SETTLED_SECONDS = 120  # after these the driver has imported and filled what it keeps
Act = Callable[[RunningSweep, random.Random], None]


def any_trial(chance: random.Random) -> list[int]:
    """Choose one of the processes that train, if there is one."""
    found = trial_processes()
    return chance.sample(found, min(1, len(found)))


def kill_trial(_running: RunningSweep, chance: random.Random) -> None:
    """Kill one trial's process."""
    send(signal.SIGKILL, *any_trial(chance))


def stop_trial(_running: RunningSweep, chance: random.Random) -> None:
    """Have one trial's process stand still for a while."""
    chosen = any_trial(chance)
    send(signal.SIGSTOP, *chosen)
    time.sleep(10)
    send(signal.SIGCONT, *chosen)


def damage_checkpoint(running: RunningSweep, chance: random.Random) -> None:
    """Change a byte of the newest checkpoint, and kill who wrote it."""
    files = (running.folder / NAME).rglob("checkpoint.pt")
    written = sorted(files, key=lambda path: path.stat().st_mtime)
    if written:
        flip_a_byte(written[-1], chance)
    kill_trial(running, chance)


def start_second(running: RunningSweep, _chance: random.Random) -> None:
    """Start the sweep once more."""
    words = ["sweep", "space.py", "--name", NAME, "-o", ".", "--resume", "-q"]
    second = start_command(words, cwd=running.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    second.communicate()
    assert second.returncode == 2, "a second sweep was not refused"


ACTS: dict[str, Act] = {
    "trial killed": kill_trial, "trial stopped for 10 s": stop_trial, "checkpoint damaged": damage_checkpoint,
    "second sweep started": start_second,
}  # fmt: skip


def memory_of(process: int) -> float:
    """Give the resident memory of a process, MiB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(process)


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument("--seed", type=int, default=0, help="of what happens and when (default 0)")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    happened: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="dssgan-soak-") as folder:
        sweep = Sweep(Path(folder) / "sweep", trials=100_000)
        running = sweep.start()
        began = time.monotonic()
        running.reach()
        time.sleep(min(_SETTLED_SECONDS, 20 * arguments.minutes))
        first = last = memory_of(running.process.pid)
        while time.monotonic() - began < 60 * arguments.minutes:
            time.sleep(chance.uniform(0, 60))
            name = chance.choice(list(ACTS))
            ACTS[name](running, chance)
            happened[name] += 1
            assert running.process.poll() is None, running.said()
            last = memory_of(running.process.pid)
            print(f"{(time.monotonic() - began) / 60:.1f} min: {name}; driver {last:.0f} MiB", flush=True)
        running.process.send_signal(signal.SIGTERM)
        running.wait()
        wait_for_no_processes()
        trials = sweep.outcome()
    ended = {number: (alpha, state) for number, (alpha, state, *_) in trials.items() if state != "RUNNING"}
    lost = [number for number, (_, state) in ended.items() if state != "COMPLETE"]
    twice = len(ended) - len({alpha for alpha, _ in ended.values()})
    print(f"{len(ended) - len(lost)} trials done, {sum(happened.values())} faults: {dict(happened)}")
    print(f"lost: {len(lost)} trials {lost or ''}; twice: {twice}")
    print(f"memory of the driver: {first:.0f} MiB at the start, {last:.0f} MiB at the end ({last / first - 1:+.0%})")
    sys.exit(bool(lost or twice or last > 1.1 * first))


if __name__ == "__main__":
    main()
