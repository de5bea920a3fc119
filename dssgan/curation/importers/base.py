"""The base class of importers, and the steps that most of them share."""

import fnmatch
import glob
import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from dssgan.audio import files
from dssgan.curation.groups import record_of
from dssgan.data.audio_file import AudioFile, Recording, Sum
from dssgan.data.dataset import Dataset, Track, Unpaired
from dssgan.data.track import LENGTH_TOLERANCE_SECONDS
from dssgan.errors import AudioError, DataError
from dssgan.plain_yaml import load_yaml
from dssgan.types import DRUMS, OTHER

# words by which people name files that hold drums, files that hold everything, and files that may hold both
_DRUM_WORDS = re.compile(
    r"drum|kick|snare|hi-?hat|\bhats?\b|\bhh\b|cymbal|crash|\bride\b|\btoms?\b|percussion|\bperc\b|\bbd\b|\bsd\b"
    r"|\boh\b|overheads?|\bbeats?\b|\bclaps?\b|shaker|tambourine|conga|bongo|cajon|rim ?shot|side ?stick|cowbell"
    r"|timbale"
)
_DRUMLESS_WORDS = re.compile(r"drum-?less|(no|without|minus)[ _-]?drums?|steel ?drum")
_MIX_WORDS = frozenset({"mix", "mixture", "mixdown", "mixed", "master", "mastered", "2mix", "full", "fullmix"})
# words that occur beside those and do not describe what a file holds
_EMPTY_WORDS = frozenset(
    {
        "final",
        "rough",
        "stereo",
        "main",
        "original",
        "print",
        "bounce",
        "song",
        "track",
        "the",
        "wav",
        "pcm",
        "lr",
        "st",
    }
)
_EMPTY_TOKEN = re.compile(r"v?\d+(\.\d+)?(bit|k|khz|hz|bpm)?|\(\d+\)")
# instruments: a mix of one of them is not the mix, and a bass that is called 808 is no drum
_OTHER_INSTRUMENTS = re.compile(
    r"\b(vox|vocals?|voices?|singing|choir|bass(?! ?drum)|guitars?|gtrs?|keys|piano|organ|synths?|strings|brass|horns?"
    r"|leads?|pads?|fx|sfx|acoustic|electric|violins?|cello|sax)\b"
)
_NUMBERED_DRUMS = re.compile(r"\b[89]0[89]\b")
_UNCLEAR_WORDS = re.compile(r"instrumental|accompaniment|backing|karaoke|acapella|stem ?mix|submix")
_NOT_OURS = (".", "@", "__MACOSX")  # folders that systems and storage boxes put among others
_MAX_METADATA_BYTES = 1 << 22


@dataclass(frozen=True)
class Options:
    """Options of an import.

    Attributes:
        sources: names of the sources; "other" takes every stem that none of the rest is named after.
        drums: name or number of the stem that holds the drums, where a file's own names do not show it.
        skip_bad: whether songs that cannot be used are left out.
    """

    sources: tuple[str, ...] = (DRUMS, OTHER)
    drums: str | None = None
    skip_bad: bool = False


@dataclass
class ImportResult:
    """The songs that an importer found.

    Attributes:
        train: songs to train on.
        valid: the set's own validation songs, if it defines them.
        test: the set's own test songs, if it defines them.
        unpaired: recordings that are not paired.
        notes: what the user should know, a line each.
        bad: why songs cannot be used, a line each.
    """

    train: list[Track] = field(default_factory=list)
    valid: list[Track] = field(default_factory=list)
    test: list[Track] = field(default_factory=list)
    unpaired: Unpaired = field(default_factory=Unpaired)
    notes: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    @contextmanager
    def one_song(self) -> Iterator[None]:
        """Read one song; one that cannot be used is noted, and the next ones are read all the same."""
        try:
            yield
        except (AudioError, DataError) as error:
            self.bad.append(str(error))

    def dataset(self, sources: Sequence[str]) -> Dataset:
        """Make a data set of it."""
        return Dataset(tuple(sources), tuple(self.train), self.unpaired, tuple(self.valid), tuple(self.test))


@dataclass(frozen=True)
class Importer:
    """One kind of data set.

    Attributes:
        title: what the set is called.
        layout: its layout, for the help and for errors.
        read: finds the songs under a folder, without decoding them. Raises DataError.
        licence: the set's terms, where they are the same for all of it.
        is_file: it is a file rather than a folder; None for either.
    """

    title: str
    layout: str
    read: Callable[[Path, Options], ImportResult]
    licence: str | None = None
    is_file: bool | None = False


def audio_files(folder: Path) -> list[Path]:
    """List the audio files of a folder, by name; none where there is no such folder."""
    if not folder.is_dir():
        return []
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in files.SUFFIXES and path.is_file() and not path.name.startswith(".")
    ]
    for path in found:
        if any(unicodedata.category(letter) == "Cs" for letter in path.name):  # a manifest is text
            raise DataError(f"{os.fsencode(path)!r}: its name is no UTF-8, which a manifest needs; rename it")
    return found


def folders(root: Path) -> list[Path]:
    """List the folders in a folder, by name; none where there is no such folder."""
    if not root.is_dir():
        return []
    above = {root.resolve(), *root.resolve().parents}  # where a link may lead back to
    return sorted(
        path
        for path in root.iterdir()
        if path.is_dir() and not path.name.startswith(_NOT_OURS) and path.resolve() not in above
    )


def only(folder: Path, name: str) -> Path:
    """Find the audio file of a name, with any suffix and in upper or lower case.

    Raises:
        DataError: there is none, or more than one.
    """
    found = [path for path in audio_files(folder) if path.stem.casefold() == name.casefold()]
    if len(found) != 1:
        present = "none is there" if not found else f"{' and '.join(path.name for path in found)} are there"
        raise DataError(f"{folder}: should hold one {name}.wav, but {present}; complete the set or take this song out")
    return found[0]


def read_metadata(path: Path) -> Any:
    """Read a small JSON or YAML file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        if path.stat().st_size > _MAX_METADATA_BYTES:
            raise DataError(f"{path}: is larger than any metadata should be; replace it by an intact copy")
        return load_yaml(path.read_text(encoding="utf-8"))  # JSON is YAML
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: cannot be read ({reason}); replace it by an intact copy") from error


def kind_of(name: str, song: str = "") -> str:
    """Return whether a file holds "mix", "drums" or "other", by its name.

    Args:
        name: name of the file, without its suffix.
        song: title of the song; words of the title, such as "Kick Out The Jams", do not describe the file.

    Raises:
        DataError: the name of a file that may or may not hold drums.
    """
    bare = _without(_words(name), _words(song))
    if not bare:
        if name.strip() and song.strip():
            raise DataError(f"{name}: is called like its song, which may mean the mix or anything; rename it")
        return OTHER
    if _DRUMLESS_WORDS.search(bare):
        return OTHER
    tokens = bare.split()
    informative = [word for word in tokens if word not in _EMPTY_WORDS and not _EMPTY_TOKEN.fullmatch(word)]
    if informative and set(informative) <= _MIX_WORDS:
        return "mix"
    is_instrument = _OTHER_INSTRUMENTS.search(bare) is not None
    if _DRUM_WORDS.search(bare) or (_NUMBERED_DRUMS.search(bare) and not is_instrument):
        return DRUMS
    if _UNCLEAR_WORDS.search(bare) or (set(informative) & _MIX_WORDS and not is_instrument):
        raise DataError(
            f"{name}: its name does not show whether it holds the drums; take it out, or rename it to drumless or mix"
        )
    return OTHER


def without_title(names: Sequence[str], song: str) -> dict[str, str]:
    """Remove the common beginning of the names of a song's files, such as the artist and the title.

    Args:
        names: names of a song's files, without suffixes.
        song: title of the song.

    Returns:
        By name, what is left of it; the name itself where nothing would be.
    """
    words = [_words(name).split() for name in names]
    shared = 0
    if len(words) > 1:
        while all(len(one) > shared + 1 and one[shared] == words[0][shared] for one in words):
            shared += 1
    left = {name: _without(" ".join(one[shared:]), _words(song)) for name, one in zip(names, words, strict=True)}
    return {name: rest or name for name, rest in left.items()}


def _words(name: str) -> str:
    return " ".join(re.sub(r"[_\s]+", " ", name.casefold()).replace(" - ", " ").strip(" -").split())


def _without(words: str, title: str) -> str:
    """Remove a title where it occurs as whole words."""
    if not title:
        return words
    return " ".join(re.sub(rf"(?<!\w){re.escape(title)}(?!\w)", " ", words, count=1).strip(" -").split())


def make_track(
    name: str, mix: Path | AudioFile | None, stems: Sequence[tuple[str, Path | AudioFile]], options: Options
) -> Track:
    """Sort a song's stems into the sources.

    A source takes the stems of its name; "other" takes the rest, as a sum where there are several. Where there is
    nothing for "other" but a mix and all the rest, it is their difference.

    Args:
        name: name of the song.
        mix: the mixture; None where it is the sum of the sources.
        stems: what each holds, such as "drums" or "bass", and its file.
        options: names the sources.

    Raises:
        DataError: a stem belongs to no source, or the files differ in length.
        AudioError: a file cannot be read.
    """
    taken: dict[str, list[AudioFile]] = {source: [] for source in options.sources}
    for kind, path in stems:
        source = kind if kind in taken else OTHER
        if source not in taken:
            raise DataError(f"song {name}: stem {kind!r} belongs to no source; name it, or add other to --sources")
        taken[source].append(path if isinstance(path, AudioFile) else AudioFile.of(path))
    mixture = AudioFile.of(mix) if isinstance(mix, Path) else mix
    parts: dict[str, Recording | None] = {source: _sum_of(files) for source, files in taken.items()}
    rest = [file for source, files in taken.items() if source != OTHER for file in files]
    if mixture is not None and parts.get(OTHER, mixture) is None and rest:
        parts[OTHER] = Sum(((mixture, 1.0), *((file, -1.0) for file in rest)))
    whole = max((part for part in (mixture, *parts.values()) if part is not None), key=lambda part: part.duration)
    sources = tuple(_as_long_as(whole, parts[source]) for source in options.sources)
    track = Track(name, _as_long_as(whole, mixture), sources)
    return replace(track, group=record_of(track))


def _as_long_as(whole: Recording, part: Recording | None) -> Recording | None:
    """Make a file that was cut where it falls silent as long as its song, by a term that adds nothing."""
    if part is None or whole.duration - part.duration <= LENGTH_TOLERANCE_SECONDS:
        return part
    terms = part.terms if isinstance(part, Sum) else ((part, 1.0),)
    return Sum((*terms, (whole.files[0], 0.0)))


def _sum_of(files: Sequence[AudioFile]) -> Recording | None:
    if len(files) > 1:
        return Sum(tuple((file, 1.0) for file in files))
    return files[0] if files else None


def split(
    tracks: list[Track], share: float, group_of: Callable[[Track], str | None] = lambda _: None
) -> tuple[list[Track], list[Track]]:
    """Split songs by a hash of their names: a song stays on its side while the set grows.

    Args:
        tracks: the songs.
        share: share of the second part, 0 to 1, on average; at least one song where it is above zero and there are two.
        group_of: names what a song stays together with; None for a song of its own.

    Returns:
        The larger part and the other one, in their order.
    """
    keys = [group_of(track) or track.name for track in tracks] if share > 0 else []
    positions = {key: int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 16**8 for key in keys}
    if len(positions) < 2:
        return tracks, []
    first = min(positions, key=positions.__getitem__)
    last = max(positions, key=positions.__getitem__)
    apart = ({key for key, position in positions.items() if position < share} | {first}) - {last}
    pairs = list(zip(tracks, keys, strict=True))
    return [track for track, key in pairs if key not in apart], [track for track, key in pairs if key in apart]


def walk(root: Path, pattern: str) -> Iterator[Path]:
    """Find files and folders of a name anywhere under a folder.

    Small and large letters are the same, as on the file systems that data sets come from; links to folders are
    followed, and hidden folders left out.

    Args:
        root: the folder.
        pattern: pattern of the name, as in a shell; `glob.escape` makes one of a name.

    Yields:
        Paths in order.
    """
    matches = re.compile(fnmatch.translate(pattern.casefold())).fullmatch
    yield from sorted(path for path in _below(root, set()) if matches(path.name.casefold()))


def _below(folder: Path, visited: set[Path]) -> Iterator[Path]:
    real = folder.resolve()
    if real in visited or not folder.is_dir():
        return  # a link that leads back
    visited.add(real)
    for path in folder.iterdir():
        if path.name.startswith(_NOT_OURS):
            continue
        yield path
        if path.is_dir():
            yield from _below(path, visited)


def child(folder: Path, name: str) -> Path:
    """Return the path under a name in a folder, in upper or lower case; the path of that name where there is none."""
    if (folder / name).exists() or not folder.is_dir():
        return folder / name
    found = sorted(path for path in folder.iterdir() if path.name.casefold() == name.casefold())
    return found[0] if found else folder / name


def songs_with(root: Path, name: str) -> Iterator[Path]:
    """Find audio files of a name without its suffix anywhere under a folder, in order."""
    for path in walk(root, f"{glob.escape(name)}.*"):
        if path.suffix.lower() in files.SUFFIXES and path.stem.casefold() == name.casefold() and path.is_file():
            yield path


def without_suffix(path: Path, suffix: str) -> str:
    """Return a file's name without an ending, in upper or lower case."""
    return path.name[: -len(suffix)] if path.name.casefold().endswith(suffix.casefold()) else path.name
