"""Rounding to the last bit, and files that appear whole or not at all."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.errors import AudioError, DssganError

RATE = 44100
Song = tuple[NDArray[np.float32], NDArray[np.float32]]


def test_rounding_worked_out_by_hand() -> None:
    one = 2.0**-15
    given_samples = np.array([0, 0.5 * one, 1.5 * one, -0.5 * one, -1.5 * one, 0.51 * one, 1, 2, -1, -2], np.float32)
    # halves go to the even neighbour; only what lies outside [-1, 1) is clamped
    np.testing.assert_array_equal(files.quantise(given_samples, 16), [0, 0, 2, 0, -2, 1, 32767, 32767, -32768, -32768])


@given(arrays.arrays(np.float32, 50, elements=st.floats(-1, 1, width=32)), st.sampled_from([16, 24]))
def test_rounding_is_to_the_nearest(samples: NDArray[np.float32], bits: int) -> None:
    expected = [round(Fraction(float(sample)) * 2 ** (bits - 1)) for sample in samples]  # Python rounds halves to even
    top = 2 ** (bits - 1) - 1
    np.testing.assert_array_equal(files.quantise(samples, bits), np.minimum(expected, top))


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [("a.wav", "pcm16", 2**-16), ("a.wav", "pcm24", 2**-24), ("a.wav", "float32", 0), ("a.flac", "pcm16", 2**-16),
     ("a.FLAC", "pcm24", 2**-24)],
)  # fmt: skip
def test_what_is_written_is_read_again(tmp_path: Path, song: Song, name: str, subtype: str, tolerance: float) -> None:
    path = tmp_path / "new" / "folder" / name
    files.write(path, song[0], RATE, subtype)
    assert files.probe(path) == files.AudioInfo(RATE, 2, song[0].shape[1])
    np.testing.assert_allclose(files.read(path), song[0], rtol=0, atol=tolerance)
    assert [entry.name for entry in path.parent.iterdir()] == [name]


@pytest.mark.parametrize(("subtype", "dtype", "shift"), [("pcm16", "int16", 0), ("pcm24", "int32", 8)])
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_stems_sum_to_the_mix_within_one_bit(
    tmp_path: Path, song: Song, suffix: str, subtype: str, dtype: str, shift: int
) -> None:
    mix, sources = song
    stored = []
    for name, audio in (("mix", mix), ("drums", sources[0]), ("other", sources[1])):
        files.write(tmp_path / (name + suffix), audio, RATE, subtype)
        stored.append(soundfile.read(tmp_path / (name + suffix), dtype=dtype)[0].astype(np.int64) >> shift)
    assert np.abs(stored[0] - stored[1] - stored[2]).max() <= 1


def test_blocks_make_the_same_file_as_the_whole(tmp_path: Path, song: Song) -> None:
    files.write(tmp_path / "whole.flac", song[0], RATE)
    with files.Writer(tmp_path / "blocks.flac", RATE, 2) as writer:
        for start in range(0, song[0].shape[1], 7001):
            writer.write(song[0][:, start : start + 7001])
    assert writer.num_frames == song[0].shape[1]
    np.testing.assert_array_equal(files.read(tmp_path / "blocks.flac"), files.read(tmp_path / "whole.flac"))


def test_an_error_on_the_way_leaves_what_existed(tmp_path: Path, song: Song) -> None:
    path = tmp_path / "a.wav"
    path.write_text("what existed")

    def fail_half_way() -> None:
        with files.Writer(path, RATE, 2) as writer:
            writer.write(song[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_text() == "what existed"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("limit_bytes", [0, 3000, 100_000])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, name: str, limit_bytes: int) -> None:
    # a limit on the size of files fails as a full disk does: a write is cut short, the next one is refused
    script = """
import resource, sys
import numpy as np
from pathlib import Path
from dssgan.audio import files
from dssgan.errors import DssganError
path, limit = Path(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
noise = np.random.default_rng(0).uniform(-1, 1, (2, 44100)).astype(np.float32)
try:
    files.write(path, noise, 44100)
except DssganError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", script, tmp_path / name, str(limit_bytes)], capture_output=True, text=True, check=True
    )
    assert f"{name}: cannot be written (" in result.stdout
    assert "make space" in result.stdout
    assert result.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "subtype", "message"),
    [
        ("a.mp3", "pcm16", ".mp3 cannot hold pcm16; choose .wav or .flac"),
        ("a", "pcm16", "cannot write a file without suffix"),
        ("a.wav", "pcm61", "unknown subtype 'pcm61': did you mean pcm16"),
        ("a.flac", "float32", ".flac cannot hold float32; choose pcm16 or pcm24"),
    ],
)
def test_what_cannot_be_written_is_named(tmp_path: Path, name: str, subtype: str, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        files.write(tmp_path / name, np.zeros((2, 10), np.float32), RATE, subtype)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.full((2, 10), np.nan, np.float32), "NaN or infinite"),
        (np.zeros((0, 10), np.float32), "needs an array"),
        (np.zeros(10, np.float32), "needs an array"),
        (np.zeros((9, 10), np.float32), "a flac holds at most 8 channels, not 9; choose wav"),
    ],
)
def test_bad_arrays_are_refused(tmp_path: Path, audio: NDArray[np.float32], message: str) -> None:
    with pytest.raises(AudioError, match=message):
        files.write(tmp_path / "a.flac", audio, RATE)
    assert list(tmp_path.iterdir()) == []


def test_a_block_of_other_channels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="is to hold 2 channels"), files.Writer(tmp_path / "a.wav", RATE, 2) as writer:
        writer.write(np.zeros((1, 10), np.float32))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DssganError, match="file"):
        files.write(tmp_path / "file" / "a.wav", np.zeros((2, 10), np.float32), RATE)
