"""Where a run's files are kept: a folder that every machine sees, or a bucket that they are copied to."""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from dssgan.atomic import write_text
from dssgan.errors import ConfigError, WriteError

_NO_SUCH_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)

OnMessage = Callable[[str], None]  # called with a line for the user


class Store(Protocol):
    """Files and folders by name, with a copy on this machine to work in.

    Names are relative, with slashes, such as "trials/0003".
    """

    @property
    def shared_folder(self) -> Path | None:
        """The folder that every machine sees under this path; None where files are copied to each machine."""

    def local(self, name: str) -> Path:
        """Return the path on this machine under which a folder or file is read and written."""

    def fetch(self, name: str) -> None:
        """Update the copy on this machine to what was published last."""

    def publish(self, name: str) -> None:
        """Make this machine's folder or file visible to every machine."""

    def forget(self, name: str) -> None:
        """Remove this machine's copy, where it is only a copy."""

    def delete(self, name: str) -> None:
        """Remove a folder for every machine."""

    def read_text(self, name: str) -> str | None:
        """Return the content of a published file; None where there is none."""

    def write_text(self, name: str, text: str) -> None:
        """Publish a file, whole or not at all."""

    def hold(self, work: str, on_message: OnMessage = ...) -> AbstractContextManager[Callable[[], bool]]:
        """Keep other processes from the same work in this store while the block runs.

        Args:
            work: what is done there, such as "sweep".
            on_message: called with a line where this takes a while.

        Yields:
            A function that returns whether another process has taken the work over meanwhile.

        Raises:
            ConfigError: another process is at work here, or there is no such bucket, or its keys may not write.
            WriteError: nothing can be written here.
        """


@dataclass(frozen=True)
class FolderStore:
    """A folder that every machine sees under one path; nothing needs copying.

    Args:
        root: the folder.
    """

    root: Path

    def __str__(self) -> str:
        return str(self.root)

    @property
    def shared_folder(self) -> Path:
        """The folder itself."""
        return self.root

    def local(self, name: str) -> Path:
        """Return the path itself."""
        return self.root / name

    def fetch(self, name: str) -> None:
        """Do nothing: there is one copy."""

    def publish(self, name: str) -> None:
        """Do nothing: there is one copy."""

    def forget(self, name: str) -> None:
        """Do nothing: the only copy stays."""

    def delete(self, name: str) -> None:
        """Remove a folder."""
        shutil.rmtree(self.root / name, ignore_errors=True)

    def read_text(self, name: str) -> str | None:
        """Return the content of a file; None where there is none."""
        try:
            return (self.root / name).read_text(encoding="utf-8")
        except OSError as error:
            if error.errno in _NO_SUCH_FILE:
                return None
            raise

    def write_text(self, name: str, text: str) -> None:
        """Write a file, whole or not at all."""
        write_text(self.root / name, text)

    @contextmanager
    def hold(self, work: str, on_message: OnMessage = lambda _: None) -> Iterator[Callable[[], bool]]:  # noqa: ARG002
        """Lock a file, WORK.lock, which the system unlocks when this process ends, however it ends."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / f"{work}.lock", timeout=0)
            lock.acquire()
        except Timeout as error:
            raise ConfigError(
                f"{self}: another process runs this {work}; wait for it, end it, or choose another folder"
            ) from error
        except OSError as error:
            raise WriteError(f"{self}: cannot be written ({error.strerror}); choose another folder") from error
        try:
            require_writable(self)
            yield lambda: False
        finally:
            lock.release()


def require_writable(store: Store) -> None:
    """Write a file and delete it again, before hours are spent on results that could not be written.

    Args:
        store: a folder or a bucket.

    Raises:
        ConfigError: there is no such bucket, or its keys may not write.
        WriteError: the folder cannot be written.
    """
    store.write_text("writable/yes", "")
    store.delete("writable")
