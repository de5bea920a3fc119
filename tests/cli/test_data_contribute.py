"""Giving tracks and merging them, as a user does: real processes."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import dssgan
from numpy.typing import NDArray

from dssgan.audio import files

TERMS = ["--licence", "cc-by-4.0", "--holder", "Ada", "--source", "an album", "--consent", "may train"]


@pytest.fixture
def songs(song: tuple[NDArray[np.float32], NDArray[np.float32]], tmp_path: Path) -> Path:
    """A folder with a folder of songs."""
    for name, audio in zip(("drums", "other"), song[1], strict=True):
        files.write(tmp_path / "songs" / "Song" / f"{name}.wav", audio, 44100)
    return tmp_path


def test_from_folder_to_data_set(songs: Path) -> None:
    done = dssgan("data", "contribute", "songs", "-o", "songs.dssgan.zip", *TERMS, "--yes", cwd=songs)
    assert done.returncode == 0, done.stderr
    assert "1 tracks of Ada, under CC-BY-4.0, from an album. Consent: may train" in done.stderr
    done = dssgan("data", "merge", "songs.dssgan.zip", "-o", "set/dataset.json", cwd=songs)
    assert done.returncode == 0, done.stderr
    assert "Added 1 tracks to set/dataset.json" in done.stderr
    (rights,) = json.loads((songs / "set" / "dataset.json").read_text())["rights"]
    assert (rights["holder"], rights["licence"], rights["tracks"]) == ("Ada", "CC-BY-4.0", ["Song"])
    done = dssgan("data", "merge", "songs.dssgan.zip", "-o", "set/dataset.json", cwd=songs)
    assert done.returncode == 0, done.stderr
    assert "left out: Song is the same audio as Song of train_sup" in done.stderr


def test_nothing_is_packed_without_a_yes(songs: Path) -> None:
    done = dssgan("data", "contribute", "songs", "-o", "songs.dssgan.zip", *TERMS, cwd=songs, entered="n\n")
    assert done.returncode == 130
    assert not (songs / "songs.dssgan.zip").exists()
    done = dssgan("data", "contribute", "songs", "-o", "songs.dssgan.zip", *TERMS, cwd=songs, entered="y\n")
    assert done.returncode == 0, done.stderr
    assert (songs / "songs.dssgan.zip").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["contribute", "nowhere", "-o", "a.dssgan.zip", *TERMS, "--yes"], "nowhere: no such folder"),
        (["contribute", "songs", "-o", "a.dssgan.zip", *TERMS, "--licence", "free", "--yes"], "licence 'free'"),
        (["merge", "songs/Song/drums.wav", "-o", "set/dataset.json"], "drums.wav: is no zip"),
        (["merge", "a.dssgan.zip", "-o", "set/dataset.json", "--partition", "vaild"], "did you mean valid"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_what_the_user_can_correct_is_one_line(arguments: list[str], message: str, songs: Path) -> None:
    done = dssgan("data", *arguments, cwd=songs)
    assert done.returncode == 2, done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("dssgan: ")
    assert message in line
    assert "Traceback" not in done.stderr
    assert [path.name for path in songs.iterdir()] == ["songs"]
