"""The rules for an archive: songs to train on, under plain names and fixed paths, all on the same terms."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import ValidationError

from dssgan.data.manifest import FileEntry, Manifest, RightsEntry, TrackEntry
from dssgan.data.rights import Rights
from dssgan.data.track import check_name
from dssgan.errors import DataError

MIX = "mix"
# ten thousand tracks of three files need some 10 MB
MAX_MANIFEST_BYTES = 16 << 20
_MAX_TRACKS = 10_000
_MAX_SOURCES = 32
_MAX_CHANNELS = 8
_MAX_SAMPLE_RATE = 1 << 20
_MAX_NAME_BYTES = 120
_MAX_LINE_LETTERS = 2000
_SOURCE = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
_FINGERPRINT = re.compile(r"[0-9a-f]{64}|silence", re.ASCII)
# Windows opens a device under these names, with any suffix
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(10))}
)


def check_licence(licence: str) -> str:
    """Return an SPDX licence expression in its canonical spelling.

    Raises:
        DataError: it names a licence that SPDX does not list.
    """
    try:
        return str(canonicalize_license_expression(licence))
    except InvalidLicenseExpression as error:
        raise DataError(
            f"licence {licence!r}: no SPDX identifier; take one from https://spdx.org/licenses, such as CC-BY-4.0"
        ) from error


def check_terms(names: Sequence[str], sources: Sequence[str], rights: Rights) -> None:
    """Refuse names and terms that no archive may hold.

    Args:
        names: names of the tracks.
        sources: names of their sources.
        rights: the terms.

    Raises:
        DataError: one of them cannot be used; the message names it.
    """
    try:
        _check_names(names, sources)
        _check_rights(RightsEntry(**{**vars(rights), "tracks": list(names)}), names)
    except (ValueError, DataError) as error:
        raise DataError(f"contribution: {error}; fix it") from error


def credit_of(rights: Rights | RightsEntry) -> str:
    """Return the line by which a holder is credited."""
    return f"{rights.holder} ({rights.licence}): {rights.source}"


def entry_name(track_index: int, part: str) -> str:
    """Name a file in the archive, by number: a track's own name is no path until it has been checked."""
    return f"tracks/{track_index:04d}/{part}.flac"


def folded(name: str) -> str:
    """Return a name as file systems compare it that ignore case and Unicode normalisation."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def decode(content: bytes) -> Manifest:
    """Read an archive's manifest, which anybody may have written.

    Raises:
        ValueError: it is not JSON of this form, or holds what no archive may hold, in one line.
    """
    try:
        manifest = Manifest.model_validate_json(content, strict=True)
    except ValidationError as error:
        raise ValueError(_first_fault(error)) from error
    # readers differ in which of two values they take; here, its form is known to be shallow
    json.loads(content, object_pairs_hook=_refuse_pairs_twice)
    unpaired = manifest.train_unsup
    if manifest.valid or manifest.test or unpaired.mixes or any(unpaired.sources.values()):
        raise ValueError("holds more than songs to train on (train_sup)")
    try:
        _check_names([track.name for track in manifest.train_sup], manifest.sources)
        (rights,) = manifest.rights or (None,)
        if rights is None or rights.archive is not None:
            raise ValueError("rights: must hold the terms of its tracks, once")
        _check_rights(rights, [track.name for track in manifest.train_sup])
    except DataError as error:
        raise ValueError(str(error)) from error
    if manifest.licence != rights.licence or manifest.credits != [credit_of(rights)] or not manifest.name.isprintable():
        raise ValueError("name, licence and credits: are not those of its rights")
    for index, track in enumerate(manifest.train_sup):
        _check_track(index, track, manifest.sources)
    return manifest


def files_of(manifest: Manifest) -> Iterator[FileEntry]:
    """List every file of an archive whose manifest has been checked."""
    for track in manifest.train_sup:
        for entry in parts_of(track).values():
            assert isinstance(entry, FileEntry)
            yield entry


def parts_of(track: TrackEntry) -> dict[str, Any]:
    """Return the files of a track, by `MIX` and source."""
    return {part: entry for part, entry in {MIX: track.mix, **track.sources}.items() if entry is not None}


def _check_names(names: Sequence[str], sources: Sequence[str]) -> None:
    if not 2 <= len(sources) <= _MAX_SOURCES or not 1 <= len(names) <= _MAX_TRACKS:
        raise ValueError(f"must have 2 to {_MAX_SOURCES} sources and 1 to {_MAX_TRACKS} tracks")
    for source in sources:
        if not _SOURCE.fullmatch(source) or source == MIX:
            raise ValueError(f"source {source!r}: must be a lower-case word, and not {MIX}")
    _refuse_twice(sources)
    for name in names:
        check_name("track", name)
        if name[0] in ".-~ " or name[-1] in ". " or any(letter in '<>:"|?*' for letter in name):
            raise ValueError(f"track {name!r}: not every system takes this name for a folder; choose plain words")
        if len(name.encode()) > _MAX_NAME_BYTES or folded(name).split(".")[0] in _DEVICES:
            raise ValueError(f"track {name!r}: not every system takes this name for a folder; choose another")
    _refuse_twice([folded(name) for name in names])


def _check_rights(rights: RightsEntry, names: Sequence[str]) -> None:
    for key, text in (("holder", rights.holder), ("source", rights.source), ("consent", rights.consent or "")):
        # a control character could rewrite what the terminal shows of the terms
        if not text.strip() or not text.isprintable() or len(text) > _MAX_LINE_LETTERS:
            raise ValueError(f"{key}: must be one line of printable text")
    if check_licence(rights.licence) != rights.licence:
        raise ValueError(f"licence: must be spelt {check_licence(rights.licence)}")
    if list(rights.tracks) != list(names):
        raise ValueError("rights: must name its tracks, in their order")


def _check_track(index: int, track: TrackEntry, sources: Sequence[str]) -> None:
    parts = parts_of(track)
    if not set(parts) - {MIX}:
        raise ValueError(f"track {track.name} has no source")
    for part, entry in parts.items():
        if part not in (MIX, *sources):
            raise ValueError(f"track {track.name} has a part {part!r}, which is no source")
        if not isinstance(entry, FileEntry) or entry.stem is not None:
            raise ValueError(f"track {track.name}: its {part} must be one file")
        if entry.path != entry_name(index, part):
            raise ValueError(f"track {track.name}: its {part} must be called {entry_name(index, part)}")
        if entry.channels > _MAX_CHANNELS or entry.sample_rate > _MAX_SAMPLE_RATE:
            raise ValueError(f"{entry.path}: has too many channels or too high a sample rate")
        if not _FINGERPRINT.fullmatch(entry.fingerprint or ""):
            raise ValueError(f"{entry.path}: its fingerprint is none")


def _first_fault(error: ValidationError) -> str:
    """Return one line on what is wrong and where."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])[:80]
    text = f"{field}: {first['msg']}" if field else first["msg"]
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:300]


def _refuse_pairs_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_twice([key for key, _ in pairs])
    return dict(pairs)


def _refuse_twice(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{name!r} occurs twice")
        seen.add(name)
