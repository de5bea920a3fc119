"""Two collections of songs as one."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest

from dssgan.data.augment import Augment
from dssgan.data.joined import JoinedExcerpts
from dssgan.data.pairing import make_pair
from dssgan.errors import DataError

Place = tuple[int, int]
PLAIN = {"gain_db": (0.0, 0.0), "channel_swap": 0.0, "polarity": 0.0}


class Numbered:
    """Songs whose every sample is the collection's number: 1 for drums and 10 for the rest, times that number."""

    def __init__(self, number: int) -> None:
        self.number, self.epoch = number, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def choose_position(self, generator: np.random.Generator, index: int, others: Sequence[Place]) -> Place:  # noqa: ARG002
        assert all(number == self.number for number, _ in others)
        return self.number, int(generator.integers(1000))

    def read_source(self, place: Place, source: int) -> np.ndarray:
        assert place[0] == self.number
        return np.full((1, 4), (1, 10)[source] * self.number, np.float32)

    def read_mix(self, place: Place) -> None:  # noqa: ARG002
        return None


def joined(share: float, seed: int = 0, rank: int = 0, **augment: float) -> JoinedExcerpts:
    return JoinedExcerpts(
        Numbered(1), Numbered(2), share=share, num_sources=2, sample_rate=44100, seed=seed, rank=rank,
        augment=Augment(**{**PLAIN, **augment}),  # type: ignore[arg-type]
    )  # fmt: skip


def values(excerpts: JoinedExcerpts, count: int) -> list[tuple[float, float]]:
    return [tuple(sources[:, 0, 0].tolist()) for _, sources in islice(excerpts, count)]


def test_a_song_comes_whole_from_one_collection_and_each_has_its_share() -> None:
    drawn = values(joined(0.25, remix=0.0), 2000)
    assert set(drawn) == {(1, 10), (2, 20)}
    assert drawn.count((2, 20)) / 2000 == pytest.approx(0.25, abs=0.03)


def test_a_remix_lays_the_drums_of_one_collection_over_the_rest_of_the_other() -> None:
    drawn = values(joined(0.5, remix=1.0), 400)
    assert {pair: round(drawn.count(pair) / 400, 1) for pair in set(drawn)} == pytest.approx(
        dict.fromkeys([(1, 10), (1, 20), (2, 10), (2, 20)], 0.25), abs=0.11
    )


def test_mixes_are_sums() -> None:
    for mix, sources in islice(joined(0.5, remix=0.5), 20):
        np.testing.assert_array_equal(mix, sources.sum(dim=0))


def test_the_same_seed_gives_the_same_and_ranks_and_epochs_differ() -> None:
    def drawn(seed: int, rank: int, epoch: int) -> tuple[tuple[float, float], ...]:
        excerpts = joined(0.5, seed, rank, remix=1.0)
        excerpts.set_epoch(epoch)
        return tuple(values(excerpts, 50))

    assert drawn(1, 0, 1) == drawn(1, 0, 1)
    assert len({drawn(*key) for key in [(1, 0, 1), (2, 0, 1), (1, 1, 1), (1, 0, 2)]}) == 4


def test_a_denser_mix_has_more_of_all_but_the_first_source() -> None:
    drawn = values(joined(0.0, remix=0.0, dense=1.0), 5)
    assert drawn == [(1, 40)] * 5  # three more at most
    some = [other for _, other in values(joined(0.0, remix=0.0, dense=0.5), 800)]
    shares = [some.count(10 * layers) / 800 for layers in (1, 2, 3, 4)]
    assert shares == pytest.approx([0.5, 0.25, 0.125, 0.125], abs=0.05)


def test_each_layer_of_a_dense_mix_comes_from_another_place() -> None:
    class Apart(Numbered):
        """Songs that are used once an excerpt: each place differs from the ones before it."""

        def choose_position(self, generator: np.random.Generator, index: int, others: Sequence[Place]) -> Place:  # noqa: ARG002
            return self.number, len(others)

        def read_source(self, place: Place, source: int) -> np.ndarray:
            return np.full((1, 4), place[1] if source else 0, np.float32)

    augment = Augment(**{**PLAIN, "remix": 1.0, "dense": 1.0})  # type: ignore[arg-type]
    sizes = {"num_sources": 2, "sample_rate": 44100}
    _, sources = make_pair(np.random.default_rng(0), augment, Apart(1), 0, **sizes)
    assert sources[1, 0, 0] == 1 + 2 + 3 + 4


def test_a_songs_own_mix_is_kept_unless_the_bus_changes_it() -> None:
    class Mixed(Numbered):
        def read_mix(self, place: Place) -> np.ndarray:  # noqa: ARG002
            return np.full((1, 4), 12, np.float32)  # a master that is louder than the sum, 11

    def mix_of(**augment: float) -> float:
        settings = Augment(**{**PLAIN, "remix": 0.0, **augment})  # type: ignore[arg-type]
        generator = np.random.default_rng(0)
        return float(make_pair(generator, settings, Mixed(1), 0, num_sources=2, sample_rate=44100)[0][0, 0])

    assert mix_of() == 12
    assert mix_of(dense=1e-9) == 12  # composes, and leaves this excerpt as it is
    assert mix_of(master=1.0) != 12


def test_sources_are_silent_as_often_as_asked_for() -> None:
    drawn = values(joined(0.0, remix=0.0, silence=0.1, only_first=0.2, without_first=0.3), 2000)
    shares = [drawn.count(pair) / 2000 for pair in [(0, 0), (1, 0), (0, 10), (1, 10)]]
    assert shares == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.03)


def test_a_share_is_a_probability() -> None:
    with pytest.raises(DataError, match=r"share 1\.5: is no probability"):
        joined(1.5)
