"""How many songs a data set has, in words."""

from dssgan.data.dataset import Dataset


def describe_counts(dataset: Dataset) -> str:
    """Return a line on how many songs each partition has."""
    return (
        f"{len(dataset.train_sup)} songs to train on, {len(dataset.valid)} to validate, {len(dataset.test)} to test, "
        f"{len(list(dataset.train_unsup.recordings))} unpaired"
    )
