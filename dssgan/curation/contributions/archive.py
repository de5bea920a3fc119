"""Opening an archive from an untrusted source: everything it states is checked before it is used."""

import hashlib
import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import soundfile

from dssgan.audio import files
from dssgan.curation.contributions.rules import MAX_MANIFEST_BYTES, decode, files_of
from dssgan.data.dataset import Dataset
from dssgan.data.fingerprint import fingerprint
from dssgan.data.manifest import FILE_NAME, FileEntry, Manifest, load_manifest
from dssgan.errors import AudioError, DataError, DssganError

DEFAULT_MAX_GIB = 32.0
_COPY_BYTES = 1 << 20
# zipfile reads the whole directory at once; ten thousand tracks of three files need 4 MB
_MAX_DIRECTORY_BYTES = 16 << 20
_END = struct.Struct("<4s4H2LH")  # the last bytes of a zip; the sixth field is the directory's size
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64_BYTES = 20
_ENCRYPTED_FLAG = 1
_DURATION_TOLERANCE_SECONDS = 1e-5
# what zipfile raises for a broken file
_BROKEN = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OverflowError, struct.error)


class _TooLargeError(ValueError):
    """The archive is larger than the user allows; it may be valid."""


@dataclass(frozen=True)
class Unpacked:
    """A verified archive.

    Attributes:
        archive: where it came from.
        sha256: hash of the archive.
        dataset: its tracks, with the terms.
        folder: folder of its files, under the names they have in the archive.
    """

    archive: Path
    sha256: str
    dataset: Dataset
    folder: Path


def unpack(archive: Path, folder: Path, max_gib: float = DEFAULT_MAX_GIB) -> Unpacked:
    """Verify an archive and extract it.

    Args:
        archive: NAME.dssgan.zip.
        folder: an empty folder; its content after an error is worthless.
        max_gib: the most its files may hold together, and the most they may hold once decoded to 16 bits.

    Raises:
        DataError: it is not what `contribute` writes, down to every name, size, hash and sample.
        DssganError: the files cannot be written.
    """
    archive = Path(archive)
    most_bytes = int(max_gib * 2**30)
    with _refusing(archive), archive.open("rb") as stream:
        size = archive.stat().st_size
        _check_end(stream, size)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        with zipfile.ZipFile(stream) as opened:
            manifest, entries = _read_manifest(opened, size, most_bytes)
            for entry in entries.values():
                _extract(opened, entry, folder / entry.filename)
    decoded_bytes = 0
    files_in_it = list(files_of(manifest))
    for file in files_in_it:
        with _refusing(archive):
            decoded_bytes += _check_header(folder / file.path, file)
            if decoded_bytes > most_bytes:
                raise _TooLargeError(f"holds more audio than {max_gib:g} GiB")
    for file in files_in_it:
        with _refusing(archive):
            if fingerprint(folder / file.path) != file.fingerprint:
                raise ValueError(f"{file.path}: is not the audio that {FILE_NAME} describes")
    try:
        dataset = load_manifest(folder / FILE_NAME)
    except DataError as error:  # tracks whose parts do not fit together
        reason = str(error).replace(f"{folder}/", "")
        raise DataError(f"{archive}: {reason}; refused, ask its sender for an intact copy") from error
    return Unpacked(archive, digest, dataset, folder)


@contextmanager
def _refusing(archive: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{archive}: no such file; check its name") from error
    except AudioError as error:
        raise DataError(f"{archive}: {error}; ask its sender for an intact copy") from error
    except _TooLargeError as error:
        raise DataError(f"{archive}: {error}; where you trust its sender, allow more with --max-gib") from error
    except _BROKEN as error:
        printable = "".join(letter if letter.isprintable() else "?" for letter in str(error))[:400]
        raise DataError(f"{archive}: {printable}; refused, ask its sender for an intact copy") from error
    except OSError as error:
        reason = error.strerror or error
        raise DssganError(f"{archive}: cannot be unpacked ({reason}); name an archive, and make space") from error


def _check_end(stream: IO[bytes], size: int) -> None:
    """Refuse a directory too large for memory before zipfile reads it."""
    if size < _END.size:
        raise ValueError("is no zip")
    stream.seek(size - _END.size)
    mark, *_, directory_bytes, _, comment_bytes = _END.unpack(stream.read(_END.size))
    if mark != b"PK\5\6" or comment_bytes:
        raise ValueError("is no zip, was cut short, or something was put behind it")
    beyond = size - _END.size - _LOCATOR64_BYTES - _END64.size
    if beyond >= 0:
        stream.seek(beyond)
        record, locator = stream.read(_END64.size), stream.read(_LOCATOR64_BYTES)
        if locator[:4] == b"PK\6\7":
            directory_bytes = _END64.unpack(record)[8]
    if directory_bytes > _MAX_DIRECTORY_BYTES:
        raise ValueError("lists more files than a contribution can hold")
    stream.seek(0)


def _read_manifest(opened: zipfile.ZipFile, size: int, most_bytes: int) -> tuple[Manifest, dict[str, zipfile.ZipInfo]]:
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in opened.infolist():
        _check_entry(entry)
        if entry.filename in entries:
            raise ValueError(f"{entry.filename!r} is in it twice")
        entries[entry.filename] = entry
    if min((entry.header_offset for entry in entries.values()), default=0) != 0:
        raise ValueError("has something in front of it")
    total_bytes = sum(entry.file_size for entry in entries.values())
    if total_bytes > most_bytes:
        raise _TooLargeError(f"unpacks to more than {most_bytes / 2**30:.4g} GiB")
    if total_bytes > size:
        raise ValueError("promises more than it holds")
    if FILE_NAME not in entries:
        raise ValueError(f"has no {FILE_NAME}, so it is no contribution, or one of an earlier version")
    with opened.open(entries[FILE_NAME]) as stream:
        content = stream.read(MAX_MANIFEST_BYTES + 1)
    if len(content) > MAX_MANIFEST_BYTES:
        raise ValueError(f"{FILE_NAME} is too long")
    try:
        manifest = decode(content)
    except ValueError as error:
        raise ValueError(f"{FILE_NAME}: {error}") from error
    expected = {FILE_NAME, *(file.path for file in files_of(manifest))}
    if missing := sorted(expected - set(entries)):
        raise ValueError(f"{missing[0]!r} is missing")
    if extra := sorted(set(entries) - expected):
        raise ValueError(f"{extra[0]!r} is no part of a contribution")
    return manifest, entries


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    if name != entry.filename or name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
        raise ValueError(f"{name!r} leads out of the folder it belongs in")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or entry.is_dir():
        raise ValueError(f"{name!r} is no ordinary file")
    if entry.flag_bits & _ENCRYPTED_FLAG:
        raise ValueError(f"{name!r} is encrypted")
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise ValueError(f"{name!r} is compressed, which no contribution is")


def _extract(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """Copy one file, counting what really comes; zipfile compares its checksum."""
    target.parent.mkdir(parents=True, exist_ok=True)
    left_bytes = entry.file_size
    with opened.open(entry) as stream, target.open("xb") as copy:
        while block := stream.read(_COPY_BYTES):
            left_bytes -= len(block)
            if left_bytes < 0:
                break
            copy.write(block)
    if left_bytes:
        raise ValueError(f"{entry.filename}: is not as long as the archive states")


def _check_header(path: Path, file: FileEntry) -> int:
    """Compare a file's header with the manifest; return the size of its audio at 16 bits, bytes."""
    with path.open("rb") as stream:
        is_flac = stream.read(4) == b"fLaC"
    try:
        # libsndfile itself: a decoder that knows every format would also follow what some of them point to
        is_flac = is_flac and soundfile.info(path).format == "FLAC"
    except soundfile.LibsndfileError:
        is_flac = False
    if not is_flac:
        raise ValueError(f"{file.path}: is no flac")
    info = files.probe(path)
    found = (info.sample_rate, info.channels)
    stated = (file.sample_rate, file.channels)
    if found != stated or abs(info.seconds - file.duration) > _DURATION_TOLERANCE_SECONDS:
        raise ValueError(f"{file.path}: its rate, channels or length are not those of {FILE_NAME}")
    return info.num_frames * info.channels * 2
