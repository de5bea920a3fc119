"""Data sets from files of either kind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dssgan.data import bundled, legacy, manifest
from dssgan.data.dataset import Dataset
from dssgan.errors import DataError

_READERS: dict[str, Callable[[Path], Dataset]] = {".json": manifest.load_manifest, ".pkl": legacy.load_pickle}


def load_dataset(path: Path | str | None = None) -> Dataset:
    """Load a data set.

    >>> from dssgan import load_dataset
    >>> load_dataset().sources
    ('drums', 'other')

    Args:
        path: a JSON manifest, a folder that holds a `dataset.json`, or a `dataset.pkl` of the original project; None
            for the bundled songs.

    Returns:
        The data set.

    Raises:
        DataError: it cannot be read, or does not describe what is there.
    """
    if path is None:
        return manifest.load_manifest(bundled.MANIFEST)
    path = Path(path).absolute()  # a search's workers run in other folders
    if path.is_dir():
        path = path / manifest.FILE_NAME
    if path.suffix.lower() not in _READERS:
        raise DataError(f"{path}: not a data set; name a manifest (.json), a dataset.pkl or a folder with one")
    return replace(_READERS[path.suffix.lower()](path), path=path)
