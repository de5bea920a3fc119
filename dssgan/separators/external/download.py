"""Third-party weights, downloaded once into the user's cache and compared with the hash that their source states."""

import hashlib
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from rich.console import Console
from rich.progress import wrap_file

from dssgan.atomic import replacing
from dssgan.errors import ModelError

_TIMEOUT_SECONDS = 30
_COPY_BYTES = 1 << 20
_SHA256_DIGITS = 64


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    Args:
        url: where it is.
        name: what it is called here.
        sha256: hash that its source states, whole or its first digits; "" where the server states it with the file.
    """

    url: str
    name: str
    sha256: str = ""


def obtain(what: str, files: Sequence[RemoteFile], folder: Path) -> None:
    """Download what is not in a folder yet.

    Args:
        what: the model's reference, for messages.
        files: what it is made of.
        folder: folder of the files; made if it is missing.

    Raises:
        ModelError: a file cannot be downloaded, or is not the one that was asked for. What was there stays.
    """
    for file in files:
        if not (folder / file.name).exists():
            _download(what, file, folder / file.name)


def _download(what: str, file: RemoteFile, path: Path) -> None:
    try:
        request = urllib.request.Request(file.url, headers={"User-Agent": "dssgan"})
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response, replacing(path) as temporary:
            stated = file.sha256 or _stated_hash(response.headers)
            size = int(response.headers.get("Content-Length") or 0)
            console = Console(stderr=True, quiet=not sys.stderr.isatty())
            digest, received = hashlib.sha256(), 0
            with (
                wrap_file(response, size, description=f"Downloading {file.name}", console=console) as stream,
                temporary.open("wb") as copy,
            ):
                while block := stream.read(_COPY_BYTES):
                    digest.update(block)
                    received += len(block)
                    copy.write(block)
            if (size and received != size) or not digest.hexdigest().startswith(stated):
                raise ModelError(
                    f"{what}: {file.url} gave {received} bytes with the SHA-256 {digest.hexdigest()[:12]}..., not the "
                    "file that was asked for; try again later"
                )
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(f"{what}: cannot be downloaded ({reason}); put {file.url} at {path}") from error


def _stated_hash(headers: object) -> str:
    """Return the SHA-256 that a server sends with a file, as Hugging Face does for large ones, or "" for none."""
    get = getattr(headers, "get", lambda _key: None)
    for key in ("X-Linked-Etag", "X-Checksum-Sha256"):
        value = (get(key) or "").strip('"').lower()
        if len(value) == _SHA256_DIGITS and set(value) <= set("0123456789abcdef"):
            return value
    return ""
