"""One process at a time in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dssgan.errors import ConfigError, WriteError


@contextmanager
def alone_in(folder: Path, work: str) -> Iterator[None]:
    """Hold a folder while the block runs. The system frees it when this process ends, however it ends.

    Args:
        folder: made where it is missing.
        work: what is done there, such as "sweep"; it names the lock's file.

    Raises:
        ConfigError: another process holds it.
        WriteError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{work}.lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise ConfigError(
            f"{folder}: another process runs this {work}; wait for it, end it, or choose another place"
        ) from error
    except OSError as error:
        raise WriteError(f"{folder}: cannot be written ({error.strerror}); choose another place") from error
    try:
        yield
    finally:
        lock.release()
