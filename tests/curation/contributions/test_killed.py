"""A merge that is killed leaves the data set as it was, or complete."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.curation.contributions.merge import merge
from dssgan.curation.contributions.pack import contribute, find_tracks
from dssgan.data.loading import load_dataset

pytestmark = pytest.mark.slow

RATE = 44100
# In a process of its own, a child for each step of the merge at which it is killed by SIGKILL: before the first file
# or folder is made, renamed or removed, before the second, and so on until one child lives to the end
DRIVER = """
import os, shutil, signal, sys
from pathlib import Path
from dssgan.curation.contributions.merge import merge


archive, base, runs = map(Path, sys.argv[1:])
STEPS = ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.chmod", "os.truncate")

def run(folder, last):
    shutil.copytree(base, folder)
    child = os.fork()
    if child == 0:
        left = last
        def count(event, arguments):
            nonlocal left
            if event in STEPS:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(count)
        merge([archive], folder / "dataset.json")
        os._exit(0)
    return os.waitpid(child, 0)[1]

step = 1
while run(runs / f"{step:03d}", step) == signal.SIGKILL:
    step += 1
"""


def test_a_killed_merge_leaves_the_old_state_or_the_new(
    archive: Path, song: tuple[NDArray[np.float32], NDArray[np.float32]], tmp_path: Path
) -> None:
    base = tmp_path / "base"
    merge([archive], base / "dataset.json")
    for name, audio in zip(("drums", "other"), song[1], strict=True):
        files.write(tmp_path / "songs" / "Later" / f"{name}.wav", audio[:, -RATE:], RATE)
    silent = np.zeros((2, RATE), np.float32)
    for name in ("drums", "other"):
        files.write(tmp_path / "songs" / "Silent" / f"{name}.wav", silent, RATE)
    sources, tracks = find_tracks(tmp_path / "songs")
    later = tmp_path / "later.dssgan.zip"
    contribute(tracks, sources, later, licence="CC0-1.0", holder="Bob", source="A shelf", consent="All of it")
    whole = Path(shutil.copytree(base, tmp_path / "whole"))
    merge([later], whole / "dataset.json")
    old, new = (base / "dataset.json").read_bytes(), (whole / "dataset.json").read_bytes()

    runs = tmp_path / "runs"
    subprocess.run([sys.executable, "-c", DRIVER, later, base, runs], check=True, timeout=100, capture_output=True)
    states = [(run / "dataset.json").read_bytes() for run in sorted(runs.iterdir())]
    assert states.count(old) > 5, "no merge was stopped before its end"
    assert states[-1] == new
    assert set(states) == {old, new}
    for run in sorted(runs.iterdir())[::3]:
        load_dataset(run)  # every file it names is there
        merge([later], run / "dataset.json")
        assert (run / "dataset.json").read_bytes() == new
        assert not list(run.glob(".dssgan-merge-*"))
        assert (run / "contributions" / "quarantine" / "Silent" / "reason.txt").exists()
