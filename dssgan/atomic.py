"""Files and folders that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dssgan.errors import WriteError


def _make_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{path.parent}: cannot make this folder ({error.strerror}); choose another place") from error


def _cannot_write(path: Path, error: OSError) -> WriteError:
    return WriteError(f"{path}: cannot be written ({error.strerror or error}); make space or choose another place")


def _open_up(path: Path, mode: int) -> None:
    """Give a file the mode of any other that the user makes; temporary ones are private."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(mode & ~umask)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name and give it its own name only when it is complete.

    Whatever was at `path` stays untouched until then, and for ever if the block raises.

    Args:
        path: the file's final name. Its folder is made where it is missing.

    Yields:
        The temporary name to write to: in the same folder, with the same suffix.

    Raises:
        WriteError: the file cannot be written, for want of space or permission.
    """
    path = Path(path)
    _make_parent(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=path.suffix)
    except OSError as error:
        raise _cannot_write(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _open_up(temporary, 0o666)
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name and give it its own name only when it is complete.

    Args:
        path: the folder's final name. A folder of that name is replaced whole.

    Yields:
        An empty temporary folder beside it.

    Raises:
        WriteError: the folder cannot be written, for want of space or permission.
    """
    path = Path(path)
    _make_parent(path)
    try:
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:40]}-"))
    except OSError as error:
        raise _cannot_write(path, error) from error
    old = temporary.with_name(temporary.name + ".old")
    try:
        yield temporary
        for made in temporary.rglob("*"):
            _open_up(made, 0o777 if made.is_dir() else 0o666)
        _open_up(temporary, 0o777)
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    except OSError as error:
        if old.exists() and not path.exists():
            old.rename(path)
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Args:
        path: the file's final name.
        text: its content.

    Raises:
        WriteError: the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
