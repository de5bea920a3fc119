"""Making a data set out of a plain layout of folders."""

from collections.abc import Sequence
from pathlib import Path

from dssgan.audio import files
from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset, Track, Unpaired
from dssgan.data.sample import Sample
from dssgan.errors import DataError, unknown

_MIX = "mix"
_MIXES = "mixes"
_UNPAIRED = "train_unsup"


def create(
    root: Path,
    *,
    sources: Sequence[str] = ("drums", "other"),
    name: str | None = None,
    licence: str | None = None,
    credits: Sequence[str] = (),  # noqa: A002  (the manifest's own word)
) -> Dataset:
    """Describe the audio under a folder.

    The layout, with any audio suffix; every part of it may be missing:

        ROOT/{train_sup,valid,test}/SONG/{mix,drums,other}.wav
        ROOT/train_unsup/{mixes,drums,other}/*.wav

    A song without a mix is the sum of its sources. A missing source is silence, but one at least must be there.

    Args:
        root: the folder.
        sources: names of the sources.
        name: the data set's name; None for the folder's.
        licence: licence of the audio, where it is known.
        credits: whom to thank, a line each.

    Returns:
        The data set, every file fingerprinted. `save` it to keep the fingerprints.

    Raises:
        DataError: no audio there, an unknown source, two files for one source, or sources of unequal length.
        AudioError: a file cannot be decoded.
    """
    root = Path(root).absolute()
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; name one that holds train_sup, train_unsup, valid or test")
    partitions = {partition: _tracks(root / partition, sources) for partition in PAIRED_PARTITIONS}
    unpaired = Unpaired(
        _recordings(root / _UNPAIRED / _MIXES),
        tuple(_recordings(root / _UNPAIRED / source) for source in sources),
    )
    if not any(partitions.values()) and not list(unpaired.samples):
        raise DataError(f"{root}: no songs found; lay them out as {root.name}/train_sup/SONG/drums.wav")
    return Dataset(
        sources=tuple(sources),
        train_unsup=unpaired,
        name=name or root.name,
        licence=licence,
        credits=tuple(credits),
        train_sup=partitions["train_sup"],
        valid=partitions["valid"],
        test=partitions["test"],
    )


def _audio_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    entries = sorted(folder.iterdir())
    return [
        path for path in entries if path.suffix.lower() in files.SUFFIXES and path.is_file() and path.name[0] != "."
    ]


def _recordings(folder: Path) -> tuple[Sample, ...]:
    return tuple(Sample.of(path, with_fingerprint=True) for path in _audio_files(folder))


def _tracks(folder: Path, sources: Sequence[str]) -> tuple[Track, ...]:
    if not folder.is_dir():
        return ()
    songs = sorted(song for song in folder.iterdir() if song.is_dir() and song.name[0] != ".")
    return tuple(_track(song, sources) for song in songs)


def _track(song: Path, sources: Sequence[str]) -> Track:
    parts: dict[str, Sample] = {}
    for path in _audio_files(song):
        if path.stem in parts:
            raise DataError(f"{path}: {parts[path.stem].path.name} is there already; keep one of the two")
        if path.stem not in (_MIX, *sources):
            raise DataError(f"{path}: {unknown('source', path.stem, (_MIX, *sources))}")
        parts[path.stem] = Sample.of(path, with_fingerprint=True)
    if not any(source in parts for source in sources):
        raise DataError(f"{song}: holds no source; put {' or '.join(f'{source}.wav' for source in sources)} into it")
    return Track(song.name, parts.get(_MIX), tuple(parts.get(source) for source in sources))
