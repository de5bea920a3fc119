"""Files that are sent, written to the disk as they come."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import python_multipart
from python_multipart.exceptions import FormParserError
from starlette.requests import ClientDisconnect, Request

from dssgan.app.library import Library
from dssgan.errors import AudioError, DssganError, WriteError

_MAX_FIELD_BYTES = 4096


class UploadEndedError(DssganError):
    """The client has gone before all of its file had come."""


@dataclass
class Upload:
    """A file that was sent.

    Attributes:
        path: where it is.
        name: what the client calls it.
        fields: further fields of the form.
    """

    path: Path
    name: str
    fields: dict[str, str] = field(default_factory=dict)


async def receive(request: Request, library: Library, folder: Path, name: str | None) -> Upload:
    """Write a request's file to the disk: its whole body, or the file of a form (multipart/form-data).

    Args:
        request: the request.
        library: whose limits hold.
        folder: where to write; whatever is left in it is somebody else's to remove.
        name: name of the file, where it is the whole body.

    Raises:
        AudioError: there is no file, or it is too large.
        WriteError: the disk is full.
        UploadEndedError: the client has gone.
    """
    promised = request.headers.get("content-length", "")
    num_bytes = int(promised) if promised.isdigit() else 0
    library.require_size(num_bytes)
    library.require_space(num_bytes)
    is_form = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
    try:
        return await (_form if is_form else _body)(request, library, folder, name)
    except ClientDisconnect as error:
        raise UploadEndedError("the upload ended before the file did; send it again") from error
    except OSError as error:
        raise WriteError(f"{library.folder}: cannot be written ({error.strerror}); make space") from error


async def _body(request: Request, library: Library, folder: Path, name: str | None) -> Upload:
    if not name:
        raise AudioError(
            "the file has no name; send a form (curl -F file=@song.mp3), or add ?name=song.mp3 to the address"
        )
    path, size = folder / "upload", 0
    with path.open("wb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            library.require_size(size)
            file.write(chunk)
    if size == 0:
        raise AudioError(f"{name}: is empty (0 bytes); send an intact copy")
    return Upload(path, name)


async def _form(request: Request, library: Library, folder: Path, _name: str | None) -> Upload:
    files: list[Any] = []
    fields: dict[str, str] = {}

    def keep_field(one: Any) -> None:
        fields[_text(one.field_name)] = _text(one.value)

    config: Mapping[str, Any] = {
        "UPLOAD_DIR": str(folder), "MAX_MEMORY_FILE_SIZE": 0, "UPLOAD_DELETE_TMP": False,
        "MAX_BODY_SIZE": library.limits.megabytes * 1e6 + 2**16, "MAX_FIELD_SIZE": _MAX_FIELD_BYTES, "MAX_FIELDS": 32,
    }  # fmt: skip
    headers = {"Content-Type": request.headers["content-type"].encode("latin-1")}
    size = 0
    try:
        parser = python_multipart.create_form_parser(headers, keep_field, files.append, config=dict(config))
        async for chunk in request.stream():
            size += len(chunk)
            library.require_size(size)
            parser.write(chunk)
        parser.finalize()
        parser.close()
    except FormParserError as error:
        raise AudioError(f"the form cannot be read ({error}); send it as curl -F file=@song.mp3 does") from error
    finally:
        for one in files:
            one.file_object.flush()
    if len(files) != 1 or not files[0].file_name:
        raise AudioError(f"{len(files)} files were sent; send one a request, as curl -F file=@song.mp3 does")
    (file,) = files
    if file.size == 0:
        raise AudioError(f"{_text(file.file_name)}: is empty (0 bytes); send an intact copy")
    path = Path(os.fsdecode(file.actual_file_name))
    return Upload(path, _text(file.file_name), fields)


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", errors="replace")
