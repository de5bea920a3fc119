"""The latest songs, in memory or in a folder."""

from pathlib import Path

import numpy as np
import pytest

from dssgan.errors import DataError
from dssgan.synthesis.pool import Song, SongPool


class Renderer:
    """Renders a song that holds its number, and counts."""

    def __init__(self) -> None:
        self.rendered: list[int] = []

    def __call__(self, number: int) -> Song:
        self.rendered.append(number)
        drums = np.full((2, 3), number, np.float32)
        return (None if number % 2 else drums * 3), drums, drums * 2


@pytest.mark.parametrize("in_folder", [False, True])
def test_songs_are_rendered_once_while_they_are_among_the_latest(tmp_path: Path, in_folder: bool) -> None:
    renderer = Renderer()
    pool = SongPool(renderer, 3, tmp_path / "songs" if in_folder else None)
    for number in (0, 1, 2, 1, 2, 0):
        mix, drums, other = pool.song(number)
        np.testing.assert_array_equal(drums, np.full((2, 3), number))
        np.testing.assert_array_equal(other, np.full((2, 3), 2 * number))
        assert (mix is None) == (number % 2 == 1)
    assert renderer.rendered == [0, 1, 2]
    pool.song(4)
    assert renderer.rendered == [0, 1, 2, 4]


def test_a_folder_is_shared_with_other_processes_and_later_ones_and_forgets_old_songs(tmp_path: Path) -> None:
    first, second = Renderer(), Renderer()
    pool = SongPool(first, 3, tmp_path)
    for number in range(5):
        pool.song(number)
    later = SongPool(second, 3, tmp_path)
    np.testing.assert_array_equal(later.song(4)[1], np.full((2, 3), 4))
    assert second.rendered == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000002.npy", "00000003.npy", "00000004.npy"]


def test_a_song_that_cannot_be_rendered_leaves_nothing(tmp_path: Path) -> None:
    def fail(number: int) -> Song:
        raise DataError(f"song {number}")

    with pytest.raises(DataError, match="song 7"):
        SongPool(fail, 3, tmp_path).song(7)
    assert list(tmp_path.iterdir()) == []
