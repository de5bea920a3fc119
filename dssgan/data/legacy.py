"""The first version's `dataset.pkl`.

A dict of `train_sup` [(mix, source 1, source 2)], `train_unsup` [mixes, source 1 list, source 2 list], `valid` and
`test` like `train_sup`; a number instead of a Sample is a silent source.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dssgan.data import legacy_pickle
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset, Track, Unpaired
from dssgan.data.legacy_pickle import PickledSample
from dssgan.errors import AudioError, DataError, unknown
from dssgan.types import DRUMS, OTHER

STORED_SOURCES = ("other", "drums")  # the first version put the accompaniment first
_USUAL_SOURCES = (DRUMS, OTHER)
_ALIASES = {"train_valid": "valid", "train_test": "test"}
_DURATION_TOLERANCE_SECONDS = 0.5  # it took lengths from the container's word
_LONGEST_PATH = 4096
_ADVICE = "make the data set again as a JSON manifest"


def load_pickle(path: Path, stored_sources: Sequence[str] = STORED_SOURCES) -> Dataset:
    """Read a `dataset.pkl` without running code from it.

    Every file is decoded once for its fingerprint, since these data sets had test songs in training under other names.

    Args:
        path: the pickle; relative paths in it are relative to its folder.
        stored_sources: what its sources are, in its order.

    Returns:
        The data set; drums and other in that order, any other sources as stored.

    Raises:
        DataError: the pickle is missing, broken, holds anything but plain data and Samples, or does not describe the
            files it names.
    """
    path = Path(path)
    try:
        content = legacy_pickle.parse(path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such data set; check the name") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except legacy_pickle.ForbiddenError as error:
        raise DataError(
            f"{path}: refused, it asks for {error}, which is neither plain data nor a Sample; {_ADVICE}"
        ) from error
    except ValueError as error:
        raise DataError(f"{path}: cannot be read ({error}); replace it by an intact copy, or {_ADVICE}") from error
    return _Reader(path, tuple(stored_sources)).dataset(content)


class _Reader:
    """Turns a pickle's plain content into a data set."""

    def __init__(self, path: Path, stored: tuple[str, ...]) -> None:
        self.path = path
        self.stored = stored
        self.sources = _USUAL_SOURCES if set(stored) == set(_USUAL_SOURCES) else stored
        self._order = [stored.index(name) for name in self.sources]
        self._known: dict[int, AudioFile] = {}

    def dataset(self, content: Any) -> Dataset:
        if type(content) is not dict:
            raise self._wrong("it", "a dict of partitions", content)
        known = (*PAIRED_PARTITIONS, "train_unsup")
        partitions: dict[str, Any] = {}
        for key, value in content.items():
            name = _ALIASES.get(key, key)
            if name not in known:
                raise DataError(f"{self.path}: {unknown('partition', key[:100], known)}")
            if name in partitions:
                raise DataError(f"{self.path}: has {name} twice, once as {key}; keep one")
            partitions[name] = value
        unpaired = self._list("train_unsup", partitions.get("train_unsup") or [[] for _ in range(len(self.stored) + 1)])
        if len(unpaired) != len(self.stored) + 1:
            raise self._wrong("train_unsup", f"lists of mixes, {' and '.join(self.stored)}", unpaired)
        mixes, *lists = [self._recordings(f"train_unsup {n}", files) for n, files in enumerate(unpaired)]
        return Dataset(
            sources=self.sources,
            train_sup=self._tracks("train_sup", partitions.get("train_sup", [])),
            train_unsup=Unpaired(mixes, tuple(lists[number] for number in self._order)),
            valid=self._tracks("valid", partitions.get("valid", [])),
            test=self._tracks("test", partitions.get("test", [])),
            name=self.path.stem,
        )

    def _tracks(self, partition: str, songs: Any) -> tuple[Track, ...]:
        parts_of = []
        for number, song in enumerate(self._list(partition, songs)):
            where = f"{partition} {number}"
            if type(song) not in (tuple, list) or len(song) != len(self.stored) + 1:
                raise self._wrong(where, f"(mix, {', '.join(self.stored)})", song)
            mix, *stored = (self._audio_file(where, part) for part in song)
            parts_of.append((mix, tuple(stored[index] for index in self._order)))
        names = _names([mix or next((part for part in parts if part), None) for mix, parts in parts_of])
        return tuple(Track(name, mix, parts) for name, (mix, parts) in zip(names, parts_of, strict=True))

    def _recordings(self, where: str, files: Any) -> tuple[AudioFile, ...]:
        found = (self._audio_file(where, file) for file in self._list(where, files))
        return tuple(file for file in found if file is not None)

    def _audio_file(self, where: str, stored: Any) -> AudioFile | None:
        if isinstance(stored, int | float):
            return None  # silence
        if type(stored) is not PickledSample:
            raise self._wrong(where, "a Sample", stored)
        if id(stored) not in self._known:  # one object may occur several times, and decoding takes time
            self._known[id(stored)] = self._described(where, stored.attributes)
        return self._known[id(stored)]

    def _described(self, where: str, attributes: dict[str, Any]) -> AudioFile:
        name = attributes.get("path")
        if type(name) is not str or not 0 < len(name) <= _LONGEST_PATH:
            raise self._wrong(f"{where}: a Sample's path", "text", name)
        try:
            file = AudioFile.of(self._path_of(name), with_fingerprint=True)
        except AudioError as error:
            raise DataError(f"{self.path}: {error}, or {_ADVICE}") from error
        for key, tolerance in (("sample_rate", 0.0), ("channels", 0.0), ("duration", _DURATION_TOLERANCE_SECONDS)):
            stored, found = attributes.get(key), getattr(file, key)
            if stored is None:
                continue
            if not _agrees(stored, found, tolerance):
                raise DataError(
                    f"{self.path}: {file.path} has {key} {found:g}, which is not what the pickle states; "
                    f"put the right file back, or {_ADVICE}"
                )
        return file

    def _path_of(self, name: str) -> Path:
        path = self.path.parent / name
        try:  # Python 2 stored bytes, on most machines UTF-8
            decoded = self.path.parent / name.encode("latin-1").decode("utf-8")
            return decoded if decoded.exists() and not path.exists() else path
        except ValueError:  # it was text all along; or holds a zero byte, which opening it will name
            return path

    def _list(self, where: str, value: Any) -> list[Any]:
        if type(value) not in (list, tuple):
            raise self._wrong(where, "a list", value)
        return list(value)

    def _wrong(self, where: str, wanted: str, found: Any) -> DataError:
        size = f" of {len(found)}" if isinstance(found, list | tuple) else ""
        return DataError(f"{self.path}: {where} is a {type(found).__name__}{size} where {wanted} should be; {_ADVICE}")


def _agrees(stored: Any, found: float, tolerance: float) -> bool:
    try:
        return isinstance(stored, int | float) and abs(float(stored) - found) <= tolerance  # false for NaN
    except OverflowError:  # an integer beyond every float
        return False


def _names(files: list[AudioFile | None]) -> list[str]:
    # the pickle has no names: those of files, or of folders where all files are called mixture.wav
    paths = [Path("silence") if file is None else file.path for file in files]
    for names in ([path.stem for path in paths], [path.parent.name for path in paths]):
        if len(set(names)) == len(names) and all(names):
            return names
    return [f"{path.stem}-{number}" for number, path in enumerate(paths)]
