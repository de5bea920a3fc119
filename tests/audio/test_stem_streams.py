"""Stem files: every stream by its number, and what it is called."""

import json
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import stempeg
from numpy.typing import NDArray

from dssgan.audio import files, stem_streams
from dssgan.errors import AudioError

RATE = 44100
Song = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture(scope="module")
def stem_file(tmp_path_factory: pytest.TempPathFactory, song: Song) -> Path:
    """A file of mix, drums and other, with titles."""
    folder = tmp_path_factory.mktemp("stems")
    path = folder / "song.stem.mp4"
    command: list[str | Path] = ["ffmpeg", "-v", "error"]
    for name, audio in (("mix", song[0]), ("drums", song[1][0]), ("other", song[1][1])):
        files.write(folder / f"{name}.wav", audio * 0.9, RATE)
        command += ["-i", folder / f"{name}.wav"]
    command += ["-map", "0", "-map", "1", "-map", "2", "-c:a", "aac", "-b:a", "256k", "-aac_pns", "0"]
    command += ["-metadata:s:a:1", "title=Kit", "-metadata:s:a:2", "handler_name=Rest", path]
    subprocess.run(command, check=True)
    return path


def test_streams_are_what_stempeg_reads(stem_file: Path) -> None:
    expected, rate = stempeg.read_stems(str(stem_file), dtype=np.float32)  # (stems, samples, channels)
    assert rate == RATE
    for number in range(3):
        audio = files.read(stem_file, stem=number)
        assert audio.shape[1] == files.probe(stem_file, number).num_frames == 4 * RATE
        np.testing.assert_array_equal(audio, expected[number].T[:, : audio.shape[1]])
    np.testing.assert_array_equal(files.read(stem_file), files.read(stem_file, stem=0))


def test_excerpts_of_streams_stay_aligned(stem_file: Path) -> None:
    whole = files.read(stem_file, stem=1)
    np.testing.assert_allclose(files.read(stem_file, 100_001, 9000, stem=1), whole[:, 100_001:109_001], atol=1e-5)


def test_there_is_no_further_stream(stem_file: Path) -> None:
    with pytest.raises(AudioError, match=r"has 3 audio streams, none numbered 3"):
        files.read(stem_file, stem=3)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def test_names_come_from_native_instruments_metadata(stem_file: Path, tmp_path: Path) -> None:
    told = json.dumps({"version": 1, "stems": [{"name": "Drums", "color": "#009E73"}, {"name": "Other"}]}).encode()
    data = stem_file.read_bytes()
    # ffmpeg's moov box is the last one; one more udta goes to its end
    start = data.rindex(b"moov") - 4
    size = struct.unpack(">I", data[start : start + 4])[0]
    assert start + size == len(data)
    body = data[start + 8 :].replace(b"udta", b"skip") + _box(b"udta", _box(b"name", b"x") + _box(b"stem", told))
    path = tmp_path / "named.stem.mp4"
    path.write_bytes(data[:start] + _box(b"moov", body))
    assert stem_streams.stem_names(path) == ("mix", "Drums", "Other")


def test_names_come_from_titles_or_numbers(stem_file: Path) -> None:
    names = stem_streams.stem_names(stem_file)
    assert names[0] == "mix"
    assert len(names) == 3
    assert all(names)


def test_broken_metadata_is_passed_over(stem_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.stem.mp4"
    path.write_bytes(stem_file.read_bytes() + struct.pack(">I4s", 0xFFFFFFF0, b"moov"))
    assert len(stem_streams.stem_names(path)) == 3


def test_what_is_no_stem_file_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "none.stem.mp4"
    path.write_text("no audio")
    with pytest.raises(AudioError, match=r"none.stem.mp4: is no readable stem file .*; replace it"):
        stem_streams.stem_names(path)
    with pytest.raises(AudioError, match=r"none.stem.mp4: not audio, or corrupt"):
        files.read(path)
