"""Which files are separated, and where the stems of each go."""

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
class PlannedTrack:
    """A file to separate.

    Args:
        path: the file.
        folder: what its stems' names are below.
        name: what it is called in them; with the name of its folder before it where others are called alike.
    """

    path: Path
    folder: Path
    name: str


def plan_tracks(arguments: Sequence[Path], output: Path) -> list[PlannedTrack]:
    """Find the files to separate and give each a name of its own.

    A folder is searched with all below it, and its files' stems are laid out as they are. Where several files have one
    name, as on two discs, their folders' names tell them apart, and then their suffixes.

    Args:
        arguments: files, and folders of files.
        output: folder for all stems.

    Returns:
        The files in the order given; those of a folder by name, before those of the folders in it.

    Raises:
        ConfigError: a folder holds no audio, or two files cannot be told apart.
    """
    found: list[tuple[Path, Path]] = []  # a file, and its place below the output
    for argument in arguments:
        if argument.is_dir():
            inside = [(file, file.relative_to(argument).parent) for file in _audio_below(argument, output)]
            if not inside:
                raise ConfigError(f"{argument}: no audio in this folder; name files, or a folder that holds some")
            found += inside
        else:
            found.append((argument, Path()))
    names = _tell_apart(found)
    return [PlannedTrack(path, output / below, str(name)) for (path, below), name in zip(found, names, strict=True)]


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
    """Name files, each given with its place below the output."""
    chosen = [_NAMINGS[0](path) for path, _ in found]
    for naming in _NAMINGS[1:]:
        places = [_folded(below / name) for (_, below), name in zip(found, chosen, strict=True)]
        counts = Counter(places)
        again = [number for number, place in enumerate(places) if counts[place] > 1]
        if not again:
            return chosen
        for number in again:
            chosen[number] = naming(found[number][0])
    owners: dict[str, Path] = {}
    for (path, below), name in zip(found, chosen, strict=True):
        other = owners.setdefault(_folded(below / name), path)
        if other is not path:
            raise ConfigError(
                f"{path}: its stems would lie in {below / name} like those of {other}; rename one of them, or separate "
                "it with another --output"
            )
    return chosen


def _stem(path: Path) -> str:
    """Name a track: by the file's name without its suffix ("song" of song.stem.mp4), or whole where that is none."""
    stem = path.stem.removesuffix(".stem")
    return stem if stem.strip(". ") else path.name


def _parent(path: Path) -> str:
    return path.absolute().parent.name or "root"


def _folded(place: Path) -> str:
    """Give a place as file systems see it that ignore case and how accents are spelt."""
    return unicodedata.normalize("NFC", str(place)).casefold()
