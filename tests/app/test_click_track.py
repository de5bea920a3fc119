"""A click on beats, and the count before them."""

import numpy as np
import pytest

from dssgan.app.click_track import COUNT, ClickTrack

RATE = 8000


def onsets(audio: np.ndarray) -> list[int]:
    loud = np.abs(audio[0]) > 0
    begins = np.flatnonzero(loud & ~np.concatenate([[False], loud[:-1]]))
    return [int(begin) for number, begin in enumerate(begins) if number == 0 or begin - begins[number - 1] > RATE // 20]


def test_excerpts_are_parts_of_the_whole() -> None:
    track = ClickTrack((0.5, 1.0, 1.5), RATE, 2)
    whole = track.read(0, 2 * RATE)
    parts = [track.read(start, 777) for start in range(0, 2 * RATE, 777)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1)[:, : 2 * RATE], whole)
    # a sine begins with a zero
    assert [begin - 1 for begin in onsets(whole)] == [RATE // 2, RATE, RATE * 3 // 2]


@pytest.mark.parametrize("first", [0.0, 0.3, 3.0])
def test_four_beats_are_counted_before_the_first(first: float) -> None:
    beats = tuple(first + 0.5 * number for number in range(6))
    counted, lead = ClickTrack(beats, RATE, 1).counted_in()
    assert lead == round(max(COUNT * 0.5 - first, 0) * RATE)
    assert np.allclose(np.diff(counted.beats), 0.5)
    assert counted.beats[COUNT] == pytest.approx(first + lead / RATE)
    assert len(counted.beats) == len(beats) + COUNT


def test_of_one_beat_nothing_can_be_counted() -> None:
    assert ClickTrack((1.0,), RATE, 1).counted_in()[1] == 0
