"""Several data sets as one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset
from dssgan.data.track import Track, Unpaired
from dssgan.errors import DataError


def combine_datasets(datasets: Sequence[Dataset], name: str) -> Dataset:
    """Combine data sets, partition by partition.

    Args:
        datasets: at least one data set, all with the same sources. A song's name that several sets have in a partition
            is followed by its set's.
        name: name of the result.

    Returns:
        The songs of all, with all licences, credits and rights.

    Raises:
        DataError: their sources differ, two sets of one name have a song of one name, or a test song of one is in
            another's other partitions.
    """
    first = datasets[0]
    for other in datasets[1:]:
        if other.sources != first.sources:
            raise DataError(
                f"data set {other.name}: its sources are {', '.join(other.sources)}, but those of {first.name} are "
                f"{', '.join(first.sources)}; import it again with --sources {','.join(first.sources)}"
            )
        if other.takes != first.takes:
            raise DataError(
                f"data set {other.name}: holds {other.takes or 'songs'}, but {first.name} holds "
                f"{first.takes or 'songs'}; combine data sets of one kind"
            )
    counts = {
        part: Counter(track.name for each in datasets for track in each.partition(part)) for part in PAIRED_PARTITIONS
    }
    alike = [_with_distinct_names(each, counts) for each in datasets]
    licences = dict.fromkeys(each.licence for each in datasets)
    return Dataset(
        first.sources,
        train_sup=tuple(track for each in alike for track in each.train_sup),
        valid=tuple(track for each in alike for track in each.valid),
        test=tuple(track for each in alike for track in each.test),
        train_unsup=Unpaired(
            tuple(mix for each in alike for mix in each.train_unsup.mixes),
            tuple(
                tuple(chain.from_iterable(of_source))
                for of_source in zip(*(each.train_unsup.sources for each in alike), strict=True)
            ),
        ),
        name=name,
        licence=first.licence if len(licences) == 1 else "; ".join(
            f"{each.name}: {each.licence or 'licence not recorded'}" for each in datasets
        ),
        credits=tuple(dict.fromkeys(line for each in datasets for line in each.credits)),
        rights=tuple(rights for each in alike for rights in each.rights),
        takes=first.takes,
    )  # fmt: skip


def _with_distinct_names(dataset: Dataset, counts: Mapping[str, Mapping[str, int]]) -> Dataset:
    def renamed(part: str) -> tuple[Track, ...]:
        return tuple(
            replace(track, name=f"{track.name} ({dataset.name})") if counts[part][track.name] > 1 else track
            for track in dataset.partition(part)
        )

    parts = {part: renamed(part) for part in PAIRED_PARTITIONS}
    names: dict[str, list[str]] = {}
    for part, tracks in parts.items():
        for old, new in zip(dataset.partition(part), tracks, strict=True):
            names.setdefault(old.name, []).append(new.name)
    rights = tuple(
        replace(each, tracks=tuple(dict.fromkeys(new for old in each.tracks for new in names.get(old, [old]))))
        for each in dataset.rights
    )
    return replace(dataset, train_sup=parts["train_sup"], valid=parts["valid"], test=parts["test"], rights=rights)
