"""Which files are separated, and what the stems of each are called."""

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dssgan.audio.files import SUFFIXES
from dssgan.errors import ConfigError

# Containers of video whose sound is separated where a folder is searched.
_VIDEO_SUFFIXES = frozenset({".mkv", ".mov", ".avi"})


@dataclass(frozen=True)
class NamedTrack:
    """A file to separate.

    Args:
        path: the file.
        folder: folder that the names of its stems count from.
        name: its name in those of its stems; with that of its folder before it where others have the same name.
    """

    path: Path
    folder: Path
    name: str


def name_tracks(arguments: Sequence[Path], output: Path) -> list[NamedTrack]:
    """Find the files to separate and give each a name of its own.

    A folder is searched with all below it, and its files' stems are laid out as they are. Where several files have one
    name, as on two discs, their folders' names are added, and then their suffixes.

    Args:
        arguments: files, and folders of files.
        output: folder for all stems.

    Returns:
        The files in the order given; those of a folder by name, before those of the folders in it.

    Raises:
        ConfigError: a folder holds no audio, or two files would have the same name.
    """
    found: list[tuple[Path, Path]] = []  # a file, and its folder relative to the output
    for argument in arguments:
        if argument.is_dir():
            inside = [(file, file.relative_to(argument).parent) for file in _audio_below(argument, output)]
            if not inside:
                raise ConfigError(f"{argument}: no audio in this folder; name files, or a folder that holds some")
            found += inside
        else:
            found.append((argument, Path()))
    names = _tell_apart(found)
    return [NamedTrack(path, output / below, str(name)) for (path, below), name in zip(found, names, strict=True)]


def _audio_below(folder: Path, output: Path) -> Iterator[Path]:
    """Find the audio files of a folder, without hidden ones, in a fixed order and without what is separated there."""
    avoided = output.absolute()
    for current, folders, names in os.walk(folder):
        here = Path(current)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith((".", "@", "__MACOSX")) and (here / name).absolute() != avoided
        )
        for name in sorted(names):
            file = here / name
            if not name.startswith(".") and file.suffix.lower() in SUFFIXES | _VIDEO_SUFFIXES and file.is_file():
                yield file


# Ways to name a track, from the shortest; one is taken for all tracks that share a name under the one before.
_NAMINGS: tuple[Callable[[Path], Path], ...] = (
    lambda path: Path(_stem(path)),
    lambda path: Path(_parent(path), _stem(path)),
    lambda path: Path(path.name),
    lambda path: Path(_parent(path), path.name),
)


def _tell_apart(found: Sequence[tuple[Path, Path]]) -> list[Path]:
    """Name files, each given with its folder relative to the output."""
    chosen = [_NAMINGS[0](path) for path, _ in found]
    for naming in _NAMINGS[1:]:
        paths = [_folded(below / name) for (_, below), name in zip(found, chosen, strict=True)]
        counts = Counter(paths)
        again = [number for number, path in enumerate(paths) if counts[path] > 1]
        if not again:
            return chosen
        for number in again:
            chosen[number] = naming(found[number][0])
    owners: dict[str, Path] = {}
    for (path, below), name in zip(found, chosen, strict=True):
        other = owners.setdefault(_folded(below / name), path)
        if other is not path:
            raise ConfigError(
                f"{path}: its stems would have the names {below / name} of those of {other}; rename one, or separate "
                "it with another --output"
            )
    return chosen


def _stem(path: Path) -> str:
    """Name a track: by the file's name without its suffix ("song" of song.stem.mp4), or whole where that is none."""
    stem = path.stem.removesuffix(".stem")
    return stem if stem.strip(". ") else path.name


def _parent(path: Path) -> str:
    return path.absolute().parent.name or "root"


def _folded(path: Path) -> str:
    """Return a path as file systems compare it that ignore case and Unicode normalisation."""
    return unicodedata.normalize("NFC", str(path)).casefold()
