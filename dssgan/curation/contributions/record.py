"""What an archive says about itself: contribution.json, with the terms and one entry a file."""

import datetime
import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dssgan.data.track import check_name
from dssgan.errors import DataError

RECORD_NAME = "contribution.json"
MIX = "mix"
# ten thousand tracks of three files need some 10 MB
MAX_RECORD_BYTES = 16 << 20
_MAX_TRACKS = 10_000
_MAX_NAME_BYTES = 120
_SOURCE = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
# Windows opens a device under these names, whatever the suffix
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(10))}
)


def check_licence(licence: str) -> str:
    """Give an SPDX licence expression in its canonical spelling.

    Raises:
        DataError: it names a licence that SPDX does not list.
    """
    try:
        return str(canonicalize_license_expression(licence))
    except InvalidLicenseExpression as error:
        raise DataError(
            f"licence {licence!r}: no SPDX identifier; take one from https://spdx.org/licenses, such as CC-BY-4.0"
        ) from error


def folded(name: str) -> str:
    """Give a name as file systems that ignore case and accents' spelling see it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _line(text: str) -> str:
    # a control character could rewrite what the terminal shows of the terms
    if not text.strip() or not text.isprintable():
        raise ValueError("must be one line of printable text")
    return text


def _canonical_licence(licence: str) -> str:
    try:
        canonical = check_licence(licence)
    except DataError as error:
        raise ValueError(str(error)) from error
    if canonical != licence:
        raise ValueError(f"must be spelt {canonical}")
    return licence


def _track_name(name: str) -> str:
    try:
        check_name("track", name)
    except DataError as error:
        raise ValueError(str(error)) from error
    if name[0] in ".-~ " or name[-1] in ". " or any(letter in '<>:"|?*' for letter in name):
        raise ValueError(f"track {name!r}: not every system takes this name for a folder; choose plain words")
    if len(name.encode()) > _MAX_NAME_BYTES or folded(name).split(".")[0] in _DEVICES:
        raise ValueError(f"track {name!r}: not every system takes this name for a folder; choose another")
    return name


def _source_name(name: str) -> str:
    if not _SOURCE.fullmatch(name) or name == MIX:
        raise ValueError(f"source {name!r}: must be a lower-case word, and not {MIX}")
    return name


_Line = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_line)]
_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class FileEntry(_Strict):
    """One file of the archive.

    Attributes:
        path: its name in the archive.
        sha256: hash of its bytes.
        bytes: its size.
        sample_rate: Hz.
        channels: number of channels.
        duration: seconds.
        fingerprint: of the decoded audio, see `dssgan.data.fingerprint`.
    """

    path: str = Field(max_length=100)
    sha256: _Hash
    bytes: int = Field(gt=0, le=1 << 40)
    sample_rate: int = Field(gt=0, le=1 << 20)
    channels: int = Field(gt=0, le=8)
    duration: float = Field(gt=0)
    fingerprint: str = Field(pattern=r"^([0-9a-f]{64}|silence)$")


class TrackEntry(_Strict):
    """One track: its name, the gain its files were given so that none clips, and the files by mix and source."""

    name: Annotated[str, AfterValidator(_track_name)]
    gain_db: float = Field(default=0.0, le=0.0, ge=-200.0)
    files: dict[str, FileEntry]


class Contribution(_Strict):
    """The terms and the tracks of one archive.

    Attributes:
        format: marks the file.
        version: of this description.
        licence: SPDX expression, in its canonical spelling.
        holder: who holds the rights.
        source: where the tracks come from.
        consent: what the holder agreed to.
        date: when.
        sources: names of the sources.
        tracks: the tracks; a source without a file is silent.
    """

    format: Literal["dssgan-contribution"] = "dssgan-contribution"
    version: Literal[1] = 1
    licence: Annotated[str, Field(max_length=500), AfterValidator(_canonical_licence)]
    holder: _Line
    source: _Line
    consent: _Line
    date: datetime.date
    sources: list[Annotated[str, AfterValidator(_source_name)]] = Field(min_length=2, max_length=32)
    tracks: list[TrackEntry] = Field(min_length=1, max_length=_MAX_TRACKS)

    @model_validator(mode="after")
    def _fits_together(self) -> "Contribution":
        if len(set(self.sources)) != len(self.sources):
            raise ValueError("names a source twice")
        _refuse_twice([folded(track.name) for track in self.tracks])
        for index, track in enumerate(self.tracks):
            if not any(source in track.files for source in self.sources):
                raise ValueError(f"track {track.name} has no source")
            for part, file in track.files.items():
                if part not in (MIX, *self.sources):
                    raise ValueError(f"track {track.name} has a part {part!r}, which is no source")
                if file.path != entry_name(index, part):
                    raise ValueError(f"track {track.name}: its {part} must be called {entry_name(index, part)}")
        return self

    @property
    def files(self) -> dict[str, FileEntry]:
        """Every file by its name in the archive."""
        return {file.path: file for track in self.tracks for file in track.files.values()}

    def encode(self) -> bytes:
        """Give the bytes of contribution.json."""
        return (self.model_dump_json(indent=1) + "\n").encode()


def entry_name(track_index: int, part: str) -> str:
    """Name a file in the archive, by number: a track's own name is no path until it has been checked."""
    return f"tracks/{track_index:04d}/{part}.flac"


def first_fault(error: ValidationError) -> str:
    """Tell in one line what is wrong and where."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])[:80]
    message = first["msg"].removeprefix("Value error, ")
    text = f"{place}: {message}" if place else message
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:300]


def decode(content: bytes) -> Contribution:
    """Read contribution.json, which anybody may have written.

    Raises:
        ValueError: it is not JSON of this form, in one line.
    """
    try:
        contribution = Contribution.model_validate_json(content)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from error
    # readers differ in which of two values they take; here, its form is known to be shallow
    json.loads(content, object_pairs_hook=_refuse_pairs_twice)
    return contribution


def _refuse_pairs_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_twice([key for key, _ in pairs])
    return dict(pairs)


def _refuse_twice(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{name!r} stands there twice")
        seen.add(name)
