"""The ten seconds of each song that a report plays."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from dssgan.audio.resample import resample
from dssgan.errors import WriteError
from dssgan.evaluation.listening_excerpts import SAMPLE_RATE, find_excerpt, write_excerpts

RATE = 44100


def test_the_loudest_part_is_taken() -> None:
    target = np.zeros((2, 30 * RATE), np.float32)
    target[:, 17 * RATE : 27 * RATE] = 0.5
    target[:, :RATE] = 0.1
    assert find_excerpt(target, RATE) == slice(17 * RATE, 27 * RATE)
    assert find_excerpt(np.zeros_like(target), RATE) == slice(0, 10 * RATE)
    assert target[:, find_excerpt(target[:, : 3 * RATE], RATE)][:, : 3 * RATE].shape == (2, 3 * RATE)


def test_excerpts_sound_like_what_they_are_of_and_lie_where_it_lies(song, tmp_path: Path) -> None:
    _, sources = song
    drums = sources[0]
    write_excerpts(tmp_path, {"drums": drums, "surround": np.repeat(drums[:1], 6, axis=0)}, RATE)
    audio, rate = soundfile.read(tmp_path / "drums.opus", dtype="float32")
    expected = resample(drums, RATE, SAMPLE_RATE)
    assert (rate, audio.T.shape) == (SAMPLE_RATE, expected.shape)
    error = np.square(audio.T - expected).sum()
    assert 10 * np.log10(np.square(expected).sum() / error) > 10  # a delay of one sample at these drums is heard
    seconds = expected.shape[1] / SAMPLE_RATE
    assert (tmp_path / "drums.opus").stat().st_size < 16e3 * seconds  # 128 kbit/s at the very most
    assert soundfile.info(tmp_path / "surround.opus").channels == 2


def test_a_place_that_cannot_be_written_is_one_line(song, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="choose another place"):
        write_excerpts(tmp_path / "file" / "folder", {"drums": song[1][0]}, RATE)
