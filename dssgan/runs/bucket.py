"""Files of a run in a bucket: processes work on copies and publish them after each validation."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow.fs

from dssgan.errors import ConfigError, WriteError
from dssgan.runs.lease import leased
from dssgan.runs.retry import DEFAULT_PATIENCE, Patience
from dssgan.runs.store import OnMessage, require_writable

# Files that complete a folder are copied last: a machine that finds one of them finds the rest.
_LAST = ("model.json", "checkpoint.pt")
_COPIED_BYTES = 1 << 22
# Errors of this machine's own disk while it copies: the bucket answers.
_OF_THIS_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

Result = TypeVar("Result")


@dataclass(frozen=True)
class BucketStore:
    """Files in a bucket, with copies in a temporary folder of each process.

    Args:
        url: URL of the bucket's folder, as `pyarrow.fs.FileSystem.from_uri` takes it.
        patience: patience with a bucket that does not answer. When it runs out, the sweep ends, and --resume continues
            it.
    """

    url: str
    patience: Patience = DEFAULT_PATIENCE

    def __str__(self) -> str:
        return self.url

    @property
    def shared_folder(self) -> None:
        """No folder: each machine works on copies."""
        return None

    def local(self, name: str) -> Path:
        """Return the path of this process's copy."""
        return _scratch(self.url) / name

    def fetch(self, name: str) -> None:
        """Download what the bucket contains in place of this process's copy."""
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
        """Upload the files that have changed on this machine."""
        local = self.local(name)
        paths = [path for path in local.rglob("*") if path.is_file()] if local.is_dir() else [local]
        for path in sorted(paths, key=lambda path: (path.name in _LAST and 1 + _LAST.index(path.name), path)):
            state = (path.stat().st_mtime_ns, path.stat().st_size)
            if path.name.startswith(".") or _published.get(path) == state:
                continue
            self.upload(path, name if path == local else f"{name}/{path.relative_to(local).as_posix()}")
            _published[path] = state

    def forget(self, name: str) -> None:
        """Remove this process's copy."""
        local = self.local(name)
        for path in [path for path in _published if path == local or local in path.parents]:
            del _published[path]
        if local.is_dir():
            shutil.rmtree(local, ignore_errors=True)
        else:
            local.unlink(missing_ok=True)

    def delete(self, name: str) -> None:
        """Remove a folder, here and in the bucket."""

        def delete() -> None:
            files, root = self._open()
            files.delete_dir_contents(f"{root}/{name}", missing_dir_ok=True)

        self._patiently(delete)
        self.forget(name)

    def read_text(self, name: str) -> str | None:
        """Return the content of a file; None where there is none."""

        def read() -> str | None:
            files, root = self._open()
            if files.get_file_info(f"{root}/{name}").type != pyarrow.fs.FileType.File:
                return None
            with files.open_input_stream(f"{root}/{name}") as stream:
                return bytes(stream.read()).decode("utf-8")

        return self._patiently(read)

    def write_text(self, name: str, text: str) -> None:
        """Write a file, whole or not at all: an object appears when all of it is there."""

        def write() -> None:
            files, root = self._open()
            with files.open_output_stream(f"{root}/{name}") as stream:
                stream.write(text.encode("utf-8"))

        self._patiently(write)

    def list_names(self) -> list[str]:
        """Return the names of the files in the folder, without those in its subfolders."""

        def list_names() -> list[str]:
            files, root = self._open()
            found = files.get_file_info(pyarrow.fs.FileSelector(root, allow_not_found=True))
            return [info.base_name for info in found if info.type == pyarrow.fs.FileType.File]

        return self._patiently(list_names)

    def upload(self, path: Path, name: str) -> None:
        """Upload a file of this machine, whole or not at all, with a part of it in memory at a time."""

        with path.open("rb") as file:  # a file that cannot be read here is not the bucket's fault

            def upload() -> None:
                files, root = self._open()
                file.seek(0)
                with files.open_output_stream(f"{root}/{name}") as stream:
                    shutil.copyfileobj(file, stream, _COPIED_BYTES)

            self._patiently(upload)

    def download(self, name: str, path: Path) -> None:
        """Download a file to this machine, with a part of it in memory at a time."""

        def download() -> None:
            files, root = self._open()
            _copy_out(files, f"{root}/{name}", path)

        self._patiently(download)

    @contextmanager
    def hold(self, work: str, on_message: OnMessage = lambda _: None) -> Iterator[Callable[[], bool]]:
        """Keep a lease in the bucket; see `dssgan.runs.lease`."""
        require_writable(self)
        with leased(self, work, on_message) as is_taken_over:
            yield is_taken_over

    def _open(self) -> tuple[pyarrow.fs.FileSystem, str]:
        try:
            files, root = pyarrow.fs.FileSystem.from_uri(self.url)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
            raise ConfigError(
                f"{self.url.partition('?')[0]}: cannot be opened ({str(error).splitlines()[0]}); give a folder, "
                "s3://... or gs://..."
            ) from error
        return files, root.rstrip("/")

    def _patiently(self, function: Callable[[], Result]) -> Result:
        bucket = self.url.partition("?")[0]

        def attempt() -> Result:
            try:
                return function()
            except OSError as error:
                if error.errno in _OF_THIS_MACHINE:
                    raise WriteError(
                        f"{_scratch(self.url)}: cannot hold a copy of {bucket} ({os.strerror(error.errno or 0)}); make "
                        "space, or set TMPDIR to a folder that has some"
                    ) from error
                if _is_refused(_reason(error)):
                    raise ConfigError(
                        f"{bucket}: {_reason(error)}; check the name and the keys in the environment"
                    ) from error
                raise

        try:
            return self.patience.attempt(attempt, OSError)
        except OSError as error:
            raise WriteError(f"{bucket}: does not answer ({_reason(error)}); when it does, add --resume") from error


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _is_refused(reason: str) -> bool:
    return any(word in reason for word in ("NO_SUCH_BUCKET", "ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE_DOES"))


# Copies that this process has published: path -> modification time and size at that moment.
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
