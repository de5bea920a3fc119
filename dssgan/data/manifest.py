"""The JSON file that describes a data set, with paths relative to itself."""

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from dssgan import atomic
from dssgan.audio import files
from dssgan.data.audio_file import AudioFile, Recording, Sum
from dssgan.data.dataset import Dataset, Track, Unpaired
from dssgan.data.rights import Rights
from dssgan.errors import AudioError, DataError

FILE_NAME = "dataset.json"
# the same header read by another version of a decoder may count a codec's frame more or less
_DURATION_TOLERANCE_SECONDS = 0.05


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class FileEntry(_Strict):
    """One file: its path relative to the manifest, rate in Hz, channels, length in seconds and decoded audio's hash."""

    path: str = Field(min_length=1)
    sample_rate: int = Field(gt=0)
    channels: int = Field(gt=0)
    duration: float = Field(gt=0)
    fingerprint: str | None = None
    stem: int | None = Field(default=None, ge=0)


class _Term(FileEntry):
    factor: float = 1.0


class SumEntry(_Strict):
    """The sum of files, each times a factor."""

    sum: list[_Term] = Field(min_length=1)


_TAGS = ("<file>", "<sum>")


def _kind(stored: Any) -> str:
    holds_sum = "sum" in stored if isinstance(stored, dict) else isinstance(stored, SumEntry)
    return _TAGS[holds_sum]


_RecordingEntry = Annotated[
    Annotated[FileEntry, Tag(_TAGS[0])] | Annotated[SumEntry, Tag(_TAGS[1])], Discriminator(_kind)
]


class TrackEntry(_Strict):
    """One song; a source without a recording is silent."""

    name: str = Field(min_length=1)
    group: str | None = Field(default=None, min_length=1)
    mix: _RecordingEntry | None = None
    sources: dict[str, _RecordingEntry | None]


class _Unpaired(_Strict):
    mixes: list[_RecordingEntry] = []
    sources: dict[str, list[_RecordingEntry]] = {}


class RightsEntry(_Strict):
    """The terms of some songs; see `Rights`."""

    tracks: list[str]
    licence: str = Field(min_length=1)
    holder: str = Field(min_length=1)
    source: str
    consent: str | None = None
    archive: str | None = None


class Manifest(_Strict):
    """The content of the file."""

    version: Literal[1]
    name: str
    licence: str | None = None
    credits: list[str] = []
    takes: str | None = Field(
        default=None, min_length=1, validation_alias=AliasChoices("from", "takes"), serialization_alias="from"
    )
    sources: list[str]
    train_sup: list[TrackEntry] = []
    train_unsup: _Unpaired = _Unpaired()
    valid: list[TrackEntry] = []
    test: list[TrackEntry] = []
    rights: list[RightsEntry] = []


def load_manifest(path: Path) -> Dataset:
    """Read a manifest and check it against the files it names.

    Args:
        path: the manifest.

    Raises:
        DataError: the manifest is missing or malformed; a file it names is missing, unreadable or of another rate,
            channel count or length than it states; sources of a track differ in length.
    """
    try:
        content = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such manifest; check the name, or make one with dssgan data") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part not in _TAGS)
        raise DataError(f"{path}: {field or 'the file'}: {first['msg']}; fix the manifest or make it again") from error

    names = content.sources
    unpaired = content.train_unsup
    _check_names(path, names, unpaired.sources, "train_unsup")
    try:
        return Dataset(
            sources=tuple(names),
            train_sup=_tracks(path, names, content.train_sup),
            train_unsup=Unpaired(
                tuple(_recording(path, file) for file in unpaired.mixes),
                tuple(tuple(_recording(path, file) for file in unpaired.sources.get(name, [])) for name in names),
            ),
            valid=_tracks(path, names, content.valid),
            test=_tracks(path, names, content.test),
            name=content.name,
            licence=content.licence,
            credits=tuple(content.credits),
            takes=content.takes,
            rights=tuple(
                Rights(
                    tuple(rights.tracks), rights.licence, rights.holder, rights.source, rights.consent, rights.archive
                )
                for rights in content.rights
            ),
        )
    except DataError as error:
        message = str(error)
        raise DataError(message if str(path) in message else f"{path}: {message}") from error


def _check_names(path: Path, names: list[str], used: Iterable[str], where: str) -> None:
    for name in used:
        if name not in names:
            raise DataError(f"{path}: {where} has a source {name!r}, which is not among {', '.join(names)}; fix one")


def _tracks(path: Path, names: list[str], tracks: list[TrackEntry]) -> tuple[Track, ...]:
    built = []
    for track in tracks:
        _check_names(path, names, track.sources, f"track {track.name}")
        files_of = [track.sources.get(name) for name in names]
        sources = tuple(None if file is None else _recording(path, file) for file in files_of)
        mix = None if track.mix is None else _recording(path, track.mix)
        built.append(Track(track.name, mix, sources, track.group))
    return tuple(built)


def _recording(manifest: Path, stored: _RecordingEntry) -> Recording:
    if isinstance(stored, SumEntry):
        return Sum(tuple((_sample(manifest, term), term.factor) for term in stored.sum))
    return _sample(manifest, stored)


def _sample(manifest: Path, file: FileEntry) -> AudioFile:
    path = Path(os.path.normpath(manifest.parent / file.path))
    try:
        info = files.probe(path, file.stem)
    except AudioError as error:
        raise DataError(f"{manifest}: {error}, or make the manifest again") from error
    found = {"sample_rate": info.sample_rate, "channels": info.channels}
    for key, value in found.items():
        if value != getattr(file, key):
            raise DataError(
                f"{manifest}: {path} has {key} {value}, but the manifest states {getattr(file, key)}; "
                "put the right file back or make the manifest again"
            )
    if abs(info.seconds - file.duration) > _DURATION_TOLERANCE_SECONDS:
        raise DataError(
            f"{manifest}: {path} lasts {info.seconds:.3f} s, but the manifest states {file.duration:.3f} s; "
            "put the right file back or make the manifest again"
        )
    return AudioFile(path, file.sample_rate, file.channels, info.seconds, file.stem, file.fingerprint)


def save_manifest(dataset: Dataset, path: Path | str) -> None:
    """Write a data set's manifest; its files stay where they are.

    Args:
        dataset: what to describe. Fingerprints that are not known are computed, once and for all.
        path: the manifest's name, which ends in .json.

    Raises:
        DataError: the name ends in something else.
        AudioError: a file without a known fingerprint cannot be decoded.
        DssganError: the manifest cannot be written; what existed is untouched.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise DataError(f"{path}: cannot be the name of a data set; end it in .json")
    atomic.write_text(path, encode_manifest(describe(dataset, path.absolute().parent)))


def encode_manifest(content: Manifest) -> str:
    """Return the text of a manifest's file."""
    exclude = {"takes"} if content.takes is None else None  # as before there were any
    return content.model_dump_json(indent=1, by_alias=True, exclude=exclude) + "\n"


def describe(dataset: Dataset, folder: Path) -> Manifest:
    """Describe a data set with paths relative to a folder.

    Args:
        dataset: what to describe. Fingerprints that are not known are computed, once and for all.
        folder: an absolute path.

    Raises:
        AudioError: a file without a known fingerprint cannot be decoded.
    """

    def facts(file: AudioFile) -> dict[str, Any]:
        return {
            "path": Path(os.path.relpath(file.path.absolute(), folder)).as_posix(),
            "sample_rate": file.sample_rate,
            "channels": file.channels,
            "duration": round(file.duration, 6),
            "fingerprint": file.compute_fingerprint(),
            "stem": file.stem,
        }

    def described(recording: Recording) -> _RecordingEntry:
        if isinstance(recording, Sum):
            return SumEntry(sum=[_Term(**facts(file), factor=factor) for file, factor in recording.terms])
        return FileEntry(**facts(recording))

    def tracks(partition: str) -> list[TrackEntry]:
        return [
            TrackEntry(
                name=track.name,
                group=track.group,
                mix=None if track.mix is None else described(track.mix),
                sources={
                    name: None if recording is None else described(recording)
                    for name, recording in zip(dataset.sources, track.sources, strict=True)
                },
            )
            for track in dataset.partition(partition)
        ]

    unpaired = dataset.train_unsup
    return Manifest(
        version=1,
        name=dataset.name,
        licence=dataset.licence,
        credits=list(dataset.credits),
        takes=dataset.takes,
        sources=list(dataset.sources),
        train_sup=tracks("train_sup"),
        train_unsup=_Unpaired(
            mixes=[described(recording) for recording in unpaired.mixes],
            sources={
                name: [described(recording) for recording in recordings]
                for name, recordings in zip(dataset.sources, unpaired.sources, strict=True)
            },
        ),
        valid=tracks("valid"),
        test=tracks("test"),
        rights=[RightsEntry(**asdict(rights)) for rights in dataset.rights],
    )
