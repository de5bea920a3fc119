"""Excerpts of Ogg Vorbis are exact, where libsndfile's own seeks are not."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dssgan.audio import files
from dssgan.data.dataset import Dataset

TAIL = 3000  # libsndfile's own seeks fail on the last page


@pytest.fixture(scope="module")
def drums(bundled: Dataset) -> Path:
    """A bundled file of 30 s, written by libsndfile."""
    sample = next(track for track in bundled.train_sup if track.name == "lithium-1").sources[0]
    assert sample is not None
    return sample.path


@settings(max_examples=25)
@given(start=st.integers(0, 1_319_999))
def test_a_seek_gives_what_decoding_from_the_beginning_gives(drums: Path, start: int) -> None:
    whole = files.read(drums)
    np.testing.assert_array_equal(files.read(drums, start, 3000), whole[:, start : start + 3000])


def test_the_last_page_is_exact(drums: Path) -> None:
    whole = files.read(drums)
    for start in range(whole.shape[1] - TAIL, whole.shape[1], 191):
        np.testing.assert_array_equal(files.read(drums, start), whole[:, start:])


def test_files_of_ffmpeg_are_decoded_from_their_beginning(drums: Path, tmp_path: Path) -> None:
    # its page positions are 448 samples wrong here and there, which shifts one stem against another
    path = tmp_path / "ffmpeg.ogg"
    subprocess.run(["ffmpeg", "-v", "error", "-i", drums, "-c:a", "libvorbis", "-q:a", "6", path], check=True)
    whole = files.read(path)
    for start in (567_470, 638_829, 725_342):
        np.testing.assert_array_equal(files.read(path, start, 500), whole[:, start : start + 500])
