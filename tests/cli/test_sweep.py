"""Sweeps from the command line: interrupted, extended, resumed with what they recorded, and refused."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import dssgan

from dssgan.data.bundled import FOLDER
from dssgan.data.dataset import Dataset
from dssgan.runs.store import FolderStore
from dssgan.tuning.ray.sweep import read_sweep

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.slow]  # one Ray at a time

SPACE = """
def space(trial):
    trial.suggest_float("alpha", 1e-4, 1e-1, log=True)
"""
SMALL = [
    "separator.name=unet", "separator.preset=parity", "separator.num_layers=2", "separator.num_initial_filters=2",
    "critic.preset=parity", "critic.num_initial_filters=2", "supervised_loss.name=log_magnitude", "steps_per_epoch=2",
    "phase_one.epochs=1", "phase_two.epochs=1", "segment_seconds=1", "batch_size=2", "critic_steps=1",
    "validation_seconds=2", "precision=float32", "media=false",
]  # fmt: skip


def arguments(*words: str | Path) -> list[str]:
    code = "from dssgan.cli import main; main()"
    return [sys.executable, "-c", code, "sweep", "space.py", "--name", "mine", *map(str, words)]


def sweep(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    # a Ray that is not ours: an address in the environment where nobody listens
    environment = {"RAY_ADDRESS": "127.0.0.1:1"}
    return dssgan("sweep", "space.py", "--name", "mine", *words, cwd=folder, env=environment, timeout=300)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_a_sweep_goes_on_with_what_it_recorded(tmp_path: Path) -> None:
    (tmp_path / "space.py").write_text(SPACE)
    shutil.copytree(FOLDER, tmp_path / "songs")
    done = sweep(tmp_path, *SMALL, "--trials", "1", "--data", "songs", "--seed", "7")
    assert done.returncode == 0, done.stderr
    assert "Next: dssgan ensemble" in last_line(done)
    # neither settings nor data nor seed again, and more trials; under another name, and in another place
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sweeps" / "mine").rename(tmp_path / "elsewhere" / "mine-old")
    done = sweep(tmp_path, "-o", "elsewhere", "--name", "mine-old", "--resume", "--trials", "3")
    assert done.returncode == 0, done.stderr
    (tmp_path / "elsewhere" / "mine-old").rename(tmp_path / "sweeps" / "mine")
    trials = read_sweep(tmp_path / "sweeps" / "mine", "mine").trials
    assert [trial.state for trial in trials if trial.state in ("complete", "pruned")] == [t.state for t in trials]
    assert len(trials) == 3
    record = json.loads((tmp_path / "sweeps" / "mine" / "run.json").read_text())
    assert record["options"] | {"num_trials": 3, "seed": 7} == record["options"]
    assert record["data"]["path"] == str(tmp_path / "songs" / "dataset.json")
    # there is nothing left to do
    done = sweep(tmp_path, "--resume")
    assert done.returncode == 0, done.stderr
    assert len(read_sweep(tmp_path / "sweeps" / "mine", "mine").trials) == 3

    for words, message in (
        (["--resume", "batch_size=3"], "batch_size=2, not 3"),
        (["--resume", "gradient_clip=1"], "gradient_clip=its own, not 1"),
        (["--resume", "--seed", "8"], "seed=7"),
        (["--resume", "--trials", "2"], "begun with 3 trials"),
        (["--resume", "--data", FOLDER], ""),
        ([], "add --resume"),
    ):
        done = sweep(tmp_path, *words)
        if message:
            assert done.returncode == 2, words
            assert message in last_line(done)
        else:
            assert done.returncode == 0, done.stderr  # the same songs in another place
    (tmp_path / "space.py").write_text(SPACE.replace("1e-1", "2e-1"))
    done = sweep(tmp_path, "--resume")
    assert done.returncode == 2
    assert "line 3 was" in last_line(done)
    (tmp_path / "space.py").write_text(SPACE)
    manifest = tmp_path / "songs" / "dataset.json"
    content = json.loads(manifest.read_text())
    content["train_sup"] = content["train_sup"][1:]
    manifest.write_text(json.dumps(content))
    done = sweep(tmp_path, "--resume")
    assert done.returncode == 2
    assert "it has changed since" in last_line(done)


def test_one_sweep_of_a_name_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "space.py").write_text(SPACE)
    with FolderStore(tmp_path / "sweeps" / "mine").hold("sweep"):
        done = sweep(tmp_path, *SMALL)
    assert done.returncode == 2
    assert "another process runs this sweep" in last_line(done)
    # a lock whose owner was killed holds nobody up
    holder = "import sys, time; from pathlib import Path; from dssgan.runs.store import FolderStore\n"
    holder += "with FolderStore(Path(sys.argv[1])).hold('sweep'): print('held', flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", holder, tmp_path / "sweeps" / "mine"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    process.kill()
    process.wait()
    with FolderStore(tmp_path / "sweeps" / "mine").hold("sweep"):
        pass


def test_failure_does_not_look_like_success(tmp_path: Path) -> None:
    (tmp_path / "space.py").write_text(SPACE)
    done = sweep(tmp_path, *SMALL, "learning_rate=1e30", "--trials", "2")
    assert done.returncode == 2
    assert "all 2 trials failed" in last_line(done)
    assert "lower learning_rate" in last_line(done)


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, bundled: Dataset) -> None:
    (tmp_path / "space.py").write_text(SPACE)
    words = arguments(*SMALL, "--trials", "50")
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("sweeps/mine/trials/*/bundle")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Go on with" in told
    assert "Next:" not in told
    assert bundled.name
