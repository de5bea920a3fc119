"""Data sets put together."""

from dataclasses import replace

import pytest

from dssgan.data.combine import combine_datasets
from dssgan.data.dataset import Dataset, Unpaired
from dssgan.data.rights import Rights
from dssgan.errors import DataError


@pytest.fixture
def pairs(bundled: Dataset) -> Dataset:
    """The bundled pairs, as a set of their own."""
    return replace(bundled, train_unsup=Unpaired(), name="pairs")


@pytest.fixture
def unpaired(bundled: Dataset) -> Dataset:
    """What is bundled without pairs, as another set."""
    return Dataset(bundled.sources, train_unsup=bundled.train_unsup, name="unpaired", credits=("Ada",))


def test_each_partition_has_the_songs_of_all(bundled: Dataset, pairs: Dataset, unpaired: Dataset) -> None:
    whole = combine_datasets([pairs, unpaired], "all")
    assert whole.name == "all"
    assert whole.credits == (*pairs.credits, "Ada")
    assert whole.licence == f"pairs: {bundled.licence}; unpaired: licence not recorded"
    assert replace(whole, name=bundled.name, licence=bundled.licence, credits=bundled.credits) == bundled
    assert whole.fingerprint == bundled.fingerprint


def test_songs_of_one_name_are_told_apart(pairs: Dataset) -> None:
    one, two = pairs.train_sup[:2]
    rights = Rights((one.name,), "CC0-1.0", "Ada", "an album")
    first = Dataset(pairs.sources, (one,), name="first", rights=(rights,))
    second = Dataset(pairs.sources, (replace(two, name=one.name),), valid=(pairs.valid[0],), name="second")
    whole = combine_datasets([first, second], "all")
    assert [track.name for track in whole.train_sup] == [f"{one.name} (first)", f"{one.name} (second)"]
    assert [track.name for track in whole.valid] == [pairs.valid[0].name]
    assert whole.rights == (replace(rights, tracks=(f"{one.name} (first)",)),)
    assert whole.licence is None


def test_what_does_not_fit_together_is_refused(pairs: Dataset, unpaired: Dataset) -> None:
    with pytest.raises(DataError, match="its sources are drums, rest, but those of pairs are drums, other"):
        combine_datasets([pairs, replace(unpaired, sources=("drums", "rest"))], "all")
    leak = Dataset(pairs.sources, (pairs.test[0],), name="leak")
    with pytest.raises(DataError, match=f"same audio as test track {pairs.test[0].name}"):
        combine_datasets([pairs, leak], "all")
