"""Changes of rate and channels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dssgan.audio.resample import StreamResampler, resample, to_channels
from dssgan.errors import AudioError

Song = tuple[NDArray[np.float32], NDArray[np.float32]]


def test_a_tone_keeps_its_pitch_and_level() -> None:
    seconds = np.arange(44100) / 44100
    tone = np.sin(2 * np.pi * 1000 * seconds).astype(np.float32)[None]
    expected = np.sin(2 * np.pi * 1000 * np.arange(8192) / 8192)
    lower = resample(tone, 44100, 8192)
    assert lower.shape == (1, 8192)
    np.testing.assert_allclose(lower[0, 500:-500], expected[500:-500], atol=1e-4)


@settings(max_examples=20)
@given(blocks=st.lists(st.integers(1, 9000), min_size=1, max_size=20), channels=st.sampled_from([1, 2]))
def test_a_stream_equals_the_whole(song: Song, blocks: list[int], channels: int) -> None:
    audio = np.ascontiguousarray(song[0][:channels, : sum(blocks)])
    stream = StreamResampler(44100, 16000, channels)
    edges = np.cumsum(blocks)[:-1]
    pieces = [stream.push(block) for block in np.split(audio, edges, axis=1)]
    joined = np.concatenate([*pieces, stream.flush()], axis=1)
    np.testing.assert_allclose(joined, resample(audio, 44100, 16000), atol=1e-6)


def test_the_same_rate_changes_nothing(song: Song) -> None:
    assert resample(song[0], 44100, 44100) is song[0]
    stream = StreamResampler(44100, 44100, 2)
    np.testing.assert_array_equal(stream.push(song[0]), song[0])
    assert stream.flush().shape == (2, 0)


@pytest.mark.parametrize(("from_rate", "to_rate"), [(0, 44100), (44100, -1)])
def test_a_rate_must_be_above_zero(from_rate: int, to_rate: int) -> None:
    with pytest.raises(AudioError, match="must be above zero"):
        resample(np.zeros((1, 10), np.float32), from_rate, to_rate)
    with pytest.raises(AudioError, match="must be above zero"):
        StreamResampler(from_rate, to_rate, 1)


@pytest.mark.parametrize(
    ("audio", "channels", "expected"),
    [
        ([[1, 2]], 2, [[1, 2], [1, 2]]),
        ([[1, 2], [3, 6]], 1, [[2, 4]]),
        ([[1], [2], [6]], 2, [[1], [2]]),
        ([[1], [2], [6]], 1, [[3]]),
        ([[1], [3]], 4, [[1], [3], [2], [2]]),
        ([[5]], 3, [[5], [5], [5]]),
        ([[1], [3]], 2, [[1], [3]]),
    ],
)
def test_channels_worked_out_by_hand(audio: list[list[int]], channels: int, expected: list[list[int]]) -> None:
    np.testing.assert_array_equal(to_channels(np.array(audio, np.float32), channels), expected)
