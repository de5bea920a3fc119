"""What a container says of its streams beside their samples."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from dssgan.audio.files import probe, read, write
from dssgan.curation.importers import import_dataset
from dssgan.errors import AudioError

RATE = 44100


def film(path: Path, levels: list[float], *options: str, late: float = 0.0) -> Path:
    """Write a film whose audio tracks are constants, the last of them the default."""
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=2"]
    for number, level in enumerate(levels):
        write(path.with_name(f"{number}.wav"), np.full((2, 2 * RATE), level, np.float32), RATE)
        command += ["-itsoffset", str(late), "-i", str(path.with_name(f"{number}.wav"))]
    for number in range(len(levels) + 1):
        command += ["-map", str(number)]
    for number in range(len(levels)):
        command += [f"-disposition:a:{number}", "default" if number == len(levels) - 1 else "0"]
        command += [f"-metadata:s:a:{number}", f"title=Take {number + 1}", f"-metadata:s:a:{number}", "language=eng"]
    subprocess.run([*command, "-c:a", "flac", "-c:v", "mpeg4", *options, str(path)], check=True)
    for number in range(len(levels)):
        path.with_name(f"{number}.wav").unlink()
    return path


def test_the_default_track_is_read_and_any_other_can_be_chosen(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", [0.125, 0.25, 0.5])
    assert read(path).mean() == pytest.approx(0.5, abs=1e-3)
    assert probe(path).note == "audio track 3 of 3 (1 Take 1, eng; 2 Take 2, eng; 3 Take 3, eng)"
    for number, level in enumerate((0.125, 0.25, 0.5)):
        assert read(path, stem=number).mean() == pytest.approx(level, abs=1e-3)
    with pytest.raises(AudioError, match="has 3 audio streams"):
        read(path, stem=3)


def test_a_track_that_begins_late_says_so(tmp_path: Path) -> None:
    assert probe(film(tmp_path / "film.mkv", [0.25])).note == ""
    assert probe(film(tmp_path / "late.mkv", [0.25], late=0.5)).note == "which begins 0.500 s after the film"


def test_an_import_names_such_files(tmp_path: Path) -> None:
    (tmp_path / "set" / "mixes").mkdir(parents=True)
    film(tmp_path / "set" / "mixes" / "film.mp4", [0.125, 0.25], "-c:a", "aac")
    dataset, notes = import_dataset("unpaired", tmp_path / "set")
    assert len(dataset.train_unsup.mixes) == 1
    assert any("film.mp4: audio track 2 of 2" in note for note in notes)
