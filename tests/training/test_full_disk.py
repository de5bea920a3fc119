"""A disk that is full: one error, and what existed stays."""

import subprocess
import sys
from pathlib import Path

import pytest

# a file may not grow past the limit: what a full disk does to a large file
CODE = """
import resource, sys
from pathlib import Path
import torch
from dssgan.errors import DssganError
from dssgan.separators import build_separator
from dssgan.separators.bundle import load_bundle, save_bundle
from dssgan.training.checkpoint import Position, read_checkpoint, write_checkpoint

folder, what = Path(sys.argv[1]), sys.argv[2]
model = build_separator("unet", {"num_layers": 2})
writers = {
    "checkpoint": lambda: write_checkpoint(folder, {"weights": model.state_dict()}, Position(epoch=1)),
    "bundle": lambda: save_bundle(folder / "bundle", "unet", model, metadata={}),
}
writers[what]()
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    writers[what]()
except DssganError as error:
    print(error)
readers = {"checkpoint": lambda: read_checkpoint(folder), "bundle": lambda: load_bundle(folder / "bundle")}
readers[what]()
print(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()))
"""
FILES = {
    "checkpoint": "['checkpoint.pt']",
    "bundle": "['bundle/model.json', 'bundle/weights.safetensors']",
}


@pytest.mark.parametrize("what", FILES)
def test_what_existed_stays(tmp_path: Path, what: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path), what], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    message, files = done.stdout.strip().splitlines()
    assert "cannot be written" in message
    assert "make space" in message
    assert files == FILES[what]
