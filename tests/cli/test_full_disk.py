"""`dssgan separate` onto disks that fill up while it writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dssgan.audio.files import read, write
from dssgan.data.bundled import FOLDER
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle

SONG = FOLDER / "train_unsup" / "mixes" / "potassium.ogg"
# 2 s of two stereo stems are 1.4 MB in float32, which wait on the disk, and 0.7 MB as 16-bit wav beside them
KIBIBYTES = (150, 700, 1400, 1500, 1650, 1900, 3500)
PROBE = "mount -t tmpfs -o size=100k tmpfs /mnt"
PROGRAM = """
import contextlib, io, json, subprocess, sys
from pathlib import Path
from dssgan.cli import main
kind, model, small, *sizes = sys.argv[1:]
for size in sizes:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", small], check=True)
    errors, code = io.StringIO(), 0
    sys.argv = ["dssgan", "separate", "long.wav", "short.wav", "-m", model, "-o", small, "--format", kind]
    with contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as ending:
            code = int(ending.code or 0)
    there = sorted(str(path.relative_to(small)) for path in Path(small).rglob("*") if path.is_file())
    print(json.dumps([int(size), code, errors.getvalue().splitlines(), there]), flush=True)
    subprocess.run(["umount", small], check=True)
"""


def can_mount() -> bool:
    try:
        return subprocess.run(["unshare", "-rm", "sh", "-c", PROBE], capture_output=True, check=False).returncode == 0
    except OSError:  # not Linux
        return False


@pytest.mark.skipif(not can_mount(), reason="needs unshare and the right to mount a small disk in a namespace")
@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "ogg", "opus", "m4a", "stem.mp4"])
def test_one_line_and_no_half_file(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_bundle(tmp_path / "model", "tdf_unet", build_separator("tdf_unet", {}, preset="tiny"), metadata={})
    mix = read(SONG, 44100 * 5, 44100 * 2)
    write(tmp_path / "long.wav", mix, 44100)
    write(tmp_path / "short.wav", mix[:, :2205], 44100)
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", PROGRAM, kind, "model", str(small), *map(str, KIBIBYTES)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [size for size, *_ in results] == list(KIBIBYTES)
    codes = [code for _, code, _, _ in results]
    assert codes[0] == 2
    assert codes[-1] == 0
    assert codes == sorted(codes, reverse=True)
    for size, _code, lines, there in results:
        tracks = {path.partition("/")[0].partition(".")[0] for path in there}
        # what is there is whole: every stem of a track or none
        assert len(there) in ((0, 1, 2) if kind == "stem.mp4" else (0, 2, 4)), (size, there)
        failed = [line for line in lines if "No space left" in line]
        if any("can be written there" in line for line in lines):  # by the second of sound that is tried first
            assert (len(failed), there) == (1, []), (size, lines)
        else:
            assert len(failed) == len({"long", "short"} - tracks), (size, lines)
            assert "short" in tracks  # the batch went on
        assert "Traceback" not in "\\n".join(lines)
