"""What every importer is, and the steps most of them share."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dssgan.audio import files
from dssgan.data.dataset import Dataset, Track, Unpaired
from dssgan.data.sample import Recording, Sample, Sum
from dssgan.errors import DataError

DRUMS = "drums"
OTHER = "other"

# words by which people name files that hold drums, and files that hold everything
_DRUM_WORDS = re.compile(
    r"drum|kick|snare|hi-?hat|\bhats?\b|cymbal|\btoms?\b|percussion|\bperc\b|\bbd\b|\bsd\b|\boh\b|overhead|beats?\b"
)
_DRUMLESS_WORDS = re.compile(
    r"drum-?less|(no|without|minus)[ _-]?drums?|instrumental|accompaniment|backing|steel ?drum"
)
_MIX_WORDS = re.compile(r"^(.*[ _-])?(mix|mixture|mixdown|master|full)$")
_MOST_METADATA_BYTES = 1 << 22


@dataclass(frozen=True)
class Options:
    """What a user may say about an import.

    Attributes:
        sources: names of the sources; "other" takes every stem that none of the rest is named after.
        drums: which stem is the drums, by its name or number, where a file's own names do not tell.
    """

    sources: tuple[str, ...] = (DRUMS, OTHER)
    drums: str | None = None


@dataclass
class Found:
    """What an importer found.

    Attributes:
        train: songs to train on.
        valid: the set's own validation songs, if it defines them.
        test: the set's own test songs, if it defines them.
        unpaired: recordings that are not paired.
        notes: what the user should know, a line each.
    """

    train: list[Track] = field(default_factory=list)
    valid: list[Track] = field(default_factory=list)
    test: list[Track] = field(default_factory=list)
    unpaired: Unpaired = field(default_factory=Unpaired)
    notes: list[str] = field(default_factory=list)

    def dataset(self, sources: Sequence[str]) -> Dataset:
        """Make a data set of it."""
        return Dataset(tuple(sources), tuple(self.train), self.unpaired, tuple(self.valid), tuple(self.test))


@dataclass(frozen=True)
class Importer:
    """One kind of data set.

    Attributes:
        title: what the set is called.
        layout: where its files lie, for the help and for errors.
        read: finds the songs under a folder, without decoding them. Raises DataError.
        licence: the set's terms, where they are the same for all of it.
    """

    title: str
    layout: str
    read: Callable[[Path, Options], Found]
    licence: str | None = None


def audio_files(folder: Path) -> list[Path]:
    """List the audio files of a folder, by name; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in files.SUFFIXES and path.is_file() and not path.name.startswith(".")
    ]


def folders(root: Path) -> list[Path]:
    """List the folders in a folder, by name; none where there is no such folder."""
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def only(folder: Path, name: str) -> Path:
    """Find the audio file of a name, whatever its suffix.

    Raises:
        DataError: there is none, or more than one.
    """
    found = [path for path in audio_files(folder) if path.stem == name]
    if len(found) != 1:
        told = "none is there" if not found else f"{' and '.join(path.name for path in found)} are there"
        raise DataError(f"{folder}: should hold one {name}.wav, but {told}; complete the set or take this song out")
    return found[0]


def read_metadata(path: Path) -> Any:
    """Read a small JSON or YAML file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        if path.stat().st_size > _MOST_METADATA_BYTES:
            raise DataError(f"{path}: is larger than any metadata should be; replace it by an intact copy")
        return yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: cannot be read ({reason}); replace it by an intact copy") from error


def kind_of(name: str) -> str:
    """Tell by a file's name whether it holds "mix", "drums" or "other"."""
    lowered = name.lower()
    if _DRUMLESS_WORDS.search(lowered):
        return OTHER
    if _MIX_WORDS.match(lowered):
        return "mix"
    return DRUMS if _DRUM_WORDS.search(lowered.replace("_", " ")) else OTHER


def make_track(
    name: str, mix: Path | Sample | None, stems: Sequence[tuple[str, Path | Sample]], options: Options
) -> Track:
    """Sort a song's stems into the sources.

    A source takes the stems of its name; "other" takes the rest, as a sum where there are several. Where there is
    nothing for "other" but a mix and all the rest, it is their difference.

    Args:
        name: of the song.
        mix: the mixture; None where it is the sum of the sources.
        stems: what each holds, such as "drums" or "bass", and its file.
        options: names the sources.

    Raises:
        DataError: a stem belongs to no source, or the files differ in length.
        AudioError: a file cannot be read.
    """
    taken: dict[str, list[Sample]] = {source: [] for source in options.sources}
    for kind, path in stems:
        source = kind if kind in taken else OTHER
        if source not in taken:
            raise DataError(f"song {name}: stem {kind!r} belongs to no source; name it, or add other to --sources")
        taken[source].append(path if isinstance(path, Sample) else Sample.of(path))
    mixture = Sample.of(mix) if isinstance(mix, Path) else mix
    parts: dict[str, Recording | None] = {source: _sum_of(samples) for source, samples in taken.items()}
    rest = [sample for source, samples in taken.items() if source != OTHER for sample in samples]
    if mixture is not None and parts.get(OTHER, mixture) is None and rest:
        parts[OTHER] = Sum(((mixture, 1.0), *((sample, -1.0) for sample in rest)))
    return Track(name, mixture, tuple(parts[source] for source in options.sources))


def _sum_of(samples: Sequence[Sample]) -> Recording | None:
    if len(samples) > 1:
        return Sum(tuple((sample, 1.0) for sample in samples))
    return samples[0] if samples else None


def split(tracks: list[Track], share: float) -> tuple[list[Track], list[Track]]:
    """Part songs by a hash of their names, so that a set that grows keeps its songs where they were.

    Args:
        tracks: the songs.
        share: of the second part, 0 to 1; at least one song where it is above zero and there are two.

    Returns:
        The larger part and the other one, in their order.
    """
    num_apart = min(max(round(share * len(tracks)), int(share > 0)), len(tracks) - 1) if tracks else 0
    ranked = sorted(tracks, key=lambda track: hashlib.sha256(track.name.encode()).hexdigest())
    apart = {track.name for track in ranked[:num_apart]}
    return [track for track in tracks if track.name not in apart], [track for track in tracks if track.name in apart]


def walk(root: Path, pattern: str) -> Iterator[Path]:
    """Find files of a name anywhere under a folder, in order, hidden folders left out."""
    for path in sorted(root.rglob(pattern)):
        if not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path
