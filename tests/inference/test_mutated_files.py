"""Files that are broken in any way cost one line each, and leave nothing behind.

`DSSGAN_MUTATIONS=1000 pytest tests/inference/test_mutated_files.py` tries more of them.
"""

import os
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dssgan.errors import DssganError
from dssgan.inference.separator import SeparatedFile, Separator

KINDS = ("wav", "flac", "mp3", "ogg", "opus", "m4a", "aiff", "stem.mp4", "au", "w64")
NUM_MUTATIONS = int(os.environ.get("DSSGAN_MUTATIONS", "120"))
HUGE = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\x80\x00\x00\x00", b"\xff\xff\xff\x7f")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A fifth of a second of sound in every format."""
    folder = tmp_path_factory.mktemp("originals")
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, (8820, 2)).astype(np.float32)
    soundfile.write(folder / "a.wav", sound, 44100)
    for kind in KINDS[1:]:
        codec = {"ogg": ["-c:a", "libvorbis"], "opus": ["-c:a", "libopus"], "stem.mp4": ["-map", "0:a", "-map", "0:a"]}
        command = ["ffmpeg", "-v", "error", "-i", folder / "a.wav", *codec.get(kind, []), folder / f"a.{kind}"]
        subprocess.run(command, check=True)
    return {kind: (folder / f"a.{kind}").read_bytes() for kind in KINDS}


def mutated(content: bytes, generator: random.Random) -> bytes:
    """Change bytes, mostly near the beginning where headers are; or cut, double, shift or fill."""
    data = bytearray(content)
    for _ in range(generator.choice((1, 1, 2, 5))):
        if not data:
            break
        place = generator.randrange(min(len(data), generator.choice((16, 64, 512, len(data)))))
        match generator.randrange(7):
            case 0:
                data[place] = generator.randrange(256)
            case 1:
                data[place : place + 4] = generator.choice(HUGE)
            case 2:
                del data[place:]
            case 3:
                del data[place : place + generator.randrange(1, 40)]
            case 4:
                data[place:place] = generator.randbytes(generator.randrange(1, 40))
            case 5:
                data += data[: generator.randrange(len(data)) + 1]
            case 6:
                data[place : place + 64] = bytes(64)
    return bytes(data)


def separated(separator: Separator, path: Path, out: Path) -> SeparatedFile | str:
    try:
        return separator.separate_file(path, out)
    except DssganError as error:
        return str(error)


def test_any_bytes_give_stems_or_one_line(
    tmp_path: Path, models, originals: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    separator = Separator(models["gains"](0.5, 0.5), "half", segment_seconds=0.05)
    generator = random.Random(0)
    counts = {"separated": 0, "refused": 0}
    for number in range(NUM_MUTATIONS):
        kind = generator.choice(KINDS)
        name = generator.choice(
            (f"{number}.{kind}", f"{number}.{kind}", f"{number}.{generator.choice(KINDS)}", str(number))
        )
        path, out = tmp_path / name, tmp_path / "out"
        path.write_bytes(mutated(originals[kind], generator))
        outcome = separated(separator, path, out)
        if isinstance(outcome, str):
            assert "\n" not in outcome, name
            assert name in outcome
            assert not out.exists(), name
            counts["refused"] += 1
        else:
            stems = outcome.paths.values()
            assert {soundfile.info(stem).frames for stem in stems} == {round(outcome.seconds * outcome.sample_rate)}
            assert 0 < outcome.seconds < 60, name  # nothing that a header claims is believed
            for stem in stems:
                stem.unlink()
            out.rmdir()
            counts["separated"] += 1
        path.unlink()
    assert not list(tmp_path.iterdir())
    assert min(counts.values()) > 0.1 * NUM_MUTATIONS  # otherwise the mutations say nothing
    assert capfd.readouterr() == ("", "")  # libraries that decode have their own ways to complain
