"""Files of a sweep in a bucket: trials work on copies and publish what they have after each validation."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pyarrow.fs

from dssgan.errors import ConfigError, WriteError
from dssgan.patience import USUAL, Patience
from dssgan.training.store import FolderStore, Store

# What a folder's other files describe, or are described by, comes last: whoever finds it finds the rest.
_LAST = ("model.json", "checkpoint.pt")
_COPIED_BYTES = 1 << 22
# What this machine's own disk makes of a copy: the bucket is not away.
_OF_THIS_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

Result = TypeVar("Result")


def open_store(place: str | Path, patience: Patience = USUAL) -> Store:
    """Open a place for files.

    Args:
        place: a folder, or a bucket's URL such as s3://bucket/folder or gs://bucket/folder. Keys come from the
            environment, as for any other program.
        patience: with a bucket that does not answer.

    Returns:
        The store.

    Raises:
        ConfigError: the URL holds a key, or is of a kind that is not known.
    """
    text = str(place)
    if "://" not in text:
        return FolderStore(Path(text).resolve())
    parts = urlsplit(text)
    if parts.username or "secret" in parts.query.lower():
        raise ConfigError(
            f"{parts.scheme}://...: has a key in its URL, where others can read it; give it in the environment"
        )
    store = BucketStore(text.rstrip("/"), patience)
    store.read_text("a file that need not be there")  # a wrong key says so now
    return store


def require_writable(store: Store) -> None:
    """Write something and take it away again, before hours are spent on what could not be written.

    Args:
        store: a folder or a bucket.

    Raises:
        ConfigError: there is no such bucket, or its keys may not write.
        WriteError: the folder cannot be written.
    """
    store.write_text("writable/yes", "")
    store.delete("writable")


def join(place: str | Path, name: str) -> str:
    """Give the place of a folder inside a place."""
    text = str(place)
    if "://" not in text:
        return str(Path(text) / name)
    url, question_mark, query = text.partition("?")
    return f"{url.rstrip('/')}/{name}{question_mark}{query}"


def beside(place: str, name: str) -> str:
    """Give the place of a folder beside a bucket's folder."""
    url, question_mark, query = place.partition("?")
    return f"{url.rstrip('/').rpartition('/')[0]}/{name}{question_mark}{query}"


@dataclass(frozen=True)
class BucketStore:
    """Files in a bucket, with copies in a temporary folder of each process.

    Args:
        url: of the bucket's folder, whatever `pyarrow.fs.FileSystem.from_uri` takes.
        patience: with a bucket that does not answer. One that is away for longer ends the sweep; --resume goes on from
            what it holds.
    """

    url: str
    patience: Patience = USUAL

    def __str__(self) -> str:
        return self.url

    def local(self, name: str) -> Path:
        """Give the path of this process's copy."""
        return _scratch(self.url) / name

    def fetch(self, name: str) -> None:
        """Make this process's copy what the bucket holds."""
        local = self.local(name)

        def download() -> None:
            files, root = self._open()
            self.forget(name)
            source = f"{root}/{name}"
            info = files.get_file_info(source)
            if info.type == pyarrow.fs.FileType.File:
                _download(files, source, local)
                return
            for found in files.get_file_info(pyarrow.fs.FileSelector(source, allow_not_found=True, recursive=True)):
                if found.type == pyarrow.fs.FileType.File:
                    _download(files, found.path, local / found.path.removeprefix(source).lstrip("/"))

        self._patiently(download)

    def publish(self, name: str) -> None:
        """Copy what changed on this machine into the bucket."""
        local = self.local(name)
        paths = [path for path in local.rglob("*") if path.is_file()] if local.is_dir() else [local]
        for path in sorted(paths, key=lambda path: (path.name in _LAST and 1 + _LAST.index(path.name), path)):
            state = (path.stat().st_mtime_ns, path.stat().st_size)
            if path.name.startswith(".") or _published.get(path) == state:
                continue
            self.upload(path, name if path == local else f"{name}/{path.relative_to(local).as_posix()}")
            _published[path] = state

    def forget(self, name: str) -> None:
        """Take this process's copy away."""
        local = self.local(name)
        for path in [path for path in _published if path == local or local in path.parents]:
            del _published[path]
        if local.is_dir():
            shutil.rmtree(local, ignore_errors=True)
        else:
            local.unlink(missing_ok=True)

    def delete(self, name: str) -> None:
        """Take a folder away, here and in the bucket."""

        def delete() -> None:
            files, root = self._open()
            files.delete_dir_contents(f"{root}/{name}", missing_dir_ok=True)

        self._patiently(delete)
        self.forget(name)

    def read_text(self, name: str) -> str | None:
        """Read a file; None where there is none."""

        def read() -> str | None:
            files, root = self._open()
            if files.get_file_info(f"{root}/{name}").type != pyarrow.fs.FileType.File:
                return None
            with files.open_input_stream(f"{root}/{name}") as stream:
                return bytes(stream.read()).decode("utf-8")

        return self._patiently(read)

    def write_text(self, name: str, text: str) -> None:
        """Write a file, whole or not at all: an object appears when all of it is there."""
        self._write(name, text.encode("utf-8"))

    def list_names(self) -> list[str]:
        """List the files of the folder, without those of folders in it."""

        def list_names() -> list[str]:
            files, root = self._open()
            found = files.get_file_info(pyarrow.fs.FileSelector(root, allow_not_found=True))
            return [info.base_name for info in found if info.type == pyarrow.fs.FileType.File]

        return self._patiently(list_names)

    def upload(self, path: Path, name: str) -> None:
        """Copy a file of this machine into the bucket, whole or not at all, a part in memory at a time."""

        with path.open("rb") as file:  # a file that cannot be read here is not the bucket's fault

            def upload() -> None:
                files, root = self._open()
                file.seek(0)
                with files.open_output_stream(f"{root}/{name}") as stream:
                    shutil.copyfileobj(file, stream, _COPIED_BYTES)

            self._patiently(upload)

    def download(self, name: str, path: Path) -> None:
        """Copy a file of the bucket to this machine, a part in memory at a time."""

        def download() -> None:
            files, root = self._open()
            _copy_out(files, f"{root}/{name}", path)

        self._patiently(download)

    def _write(self, name: str, content: bytes) -> None:
        def write() -> None:
            files, root = self._open()
            with files.open_output_stream(f"{root}/{name}") as stream:
                stream.write(content)

        self._patiently(write)

    def _open(self) -> tuple[pyarrow.fs.FileSystem, str]:
        try:
            files, root = pyarrow.fs.FileSystem.from_uri(self.url)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
            raise ConfigError(
                f"{self.url.partition('?')[0]}: is no place for a sweep ({str(error).splitlines()[0]}); give a folder, "
                "s3://... or gs://..."
            ) from error
        return files, root.rstrip("/")

    def _patiently(self, function: Callable[[], Result]) -> Result:
        place = self.url.partition("?")[0]

        def attempt() -> Result:
            try:
                return function()
            except OSError as error:
                if error.errno in _OF_THIS_MACHINE:
                    raise WriteError(
                        f"{_scratch(self.url)}: cannot hold a copy of {place} ({os.strerror(error.errno or 0)}); make "
                        "space, or set TMPDIR to a place that has some"
                    ) from error
                if _is_refused(_reason(error)):
                    raise ConfigError(
                        f"{place}: {_reason(error)}; check the name and the keys in the environment"
                    ) from error
                raise

        try:
            return self.patience.attempt(attempt, OSError)
        except OSError as error:
            raise WriteError(f"{place}: does not answer ({_reason(error)}); when it does, add --resume") from error


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _is_refused(reason: str) -> bool:
    return any(word in reason for word in ("NO_SUCH_BUCKET", "ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE_DOES"))


# What this process has published: a copy's path -> time and size then.
_published: dict[Path, tuple[int, int]] = {}
_scratches: dict[tuple[int, str], "tempfile.TemporaryDirectory[str]"] = {}


def _scratch(url: str) -> Path:
    # the process's own, even where it was forked
    key = (os.getpid(), url)
    if key not in _scratches:
        _scratches[key] = tempfile.TemporaryDirectory(prefix="dssgan-")
    return Path(_scratches[key].name)


def _copy_out(files: pyarrow.fs.FileSystem, source: str, target: Path) -> None:
    with files.open_input_stream(source) as stream, target.open("wb") as file:
        shutil.copyfileobj(stream, file, _COPIED_BYTES)


def _download(files: pyarrow.fs.FileSystem, source: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    _copy_out(files, source, target)
    stat = target.stat()
    _published[target] = (stat.st_mtime_ns, stat.st_size)
