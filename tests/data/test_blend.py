"""Two sources of excerpts in one stream."""

from itertools import islice

import pytest

from dssgan.data.blend import Blend
from dssgan.errors import DataError


class Counting:
    """Gives its name with the epoch, whatever the number."""

    def __init__(self, name: str) -> None:
        self.name, self.epoch = name, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __getitem__(self, index: int) -> tuple[str, int]:
        return self.name, self.epoch


def names(blend: Blend[tuple[str, int]], count: int) -> list[str]:
    return [name for name, _ in islice(blend, count)]


def test_each_source_has_its_share() -> None:
    drawn = names(Blend(Counting("real"), Counting("synthetic"), share=0.25, seed=0), 4000)
    assert drawn.count("synthetic") / 4000 == pytest.approx(0.25, abs=0.02)
    assert set(names(Blend(Counting("real"), Counting("synthetic"), share=0.0, seed=0), 50)) == {"real"}
    assert set(names(Blend(Counting("real"), Counting("synthetic"), share=1.0, seed=0), 50)) == {"synthetic"}


def test_the_same_seed_draws_the_same_and_ranks_and_epochs_differ() -> None:
    def drawn(seed: int, rank: int, epoch: int) -> list[str]:
        blend = Blend(Counting("real"), Counting("synthetic"), share=0.5, seed=seed, rank=rank)
        blend.set_epoch(epoch)
        return names(blend, 100)

    assert drawn(1, 0, 1) == drawn(1, 0, 1)
    assert len({tuple(drawn(*key)) for key in [(1, 0, 1), (2, 0, 1), (1, 1, 1), (1, 0, 2)]}) == 4


def test_both_sources_hear_of_the_epoch() -> None:
    blend = Blend(Counting("real"), Counting("synthetic"), share=0.5, seed=0)
    blend.set_epoch(7)
    assert {epoch for _, epoch in islice(blend, 20)} == {7}


def test_a_share_is_a_probability() -> None:
    with pytest.raises(DataError, match=r"share 1\.5: is no probability"):
        Blend(Counting("real"), Counting("synthetic"), share=1.5, seed=0)
