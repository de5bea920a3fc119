"""Files and folders that appear whole or not at all."""

import hashlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    """Set a file's permissions to those of any file that the user creates; temporary files are private."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(mode & ~umask)


def make_folder(parent: Path, name: str = "dssgan") -> Path:
    """Make a hidden folder for what is half done; what dead processes left beside it is removed.

    Args:
        parent: where it is made.
        name: begins its name.

    Raises:
        OSError: it cannot be made.
    """
    remove_abandoned(parent)
    return Path(tempfile.mkdtemp(dir=parent, prefix=_prefix(name)))


def remove_abandoned(folder: Path) -> None:
    """Remove temporary files and folders of processes of this machine that have ended without doing so, by kill -9.

    A folder is looked through once by each process. Those of other machines, which may be at work, stay.
    """
    key = os.getpid(), folder.absolute()
    if key in _looked_through:
        return
    _looked_through.add(key)
    with suppress(OSError):
        for entry in os.scandir(folder):
            owner = _OWNER.fullmatch(entry.name)
            if owner is None or owner["machine"] != _machine() or _is_alive(int(owner["process"])):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with suppress(OSError):
                    Path(entry.path).unlink()


# .NAME~MACHINE.PROCESS-RANDOM
_OWNER = re.compile(r"\..*~(?P<machine>[0-9a-f]{8})\.(?P<process>\d+)-.*", re.DOTALL)
_looked_through: set[tuple[int, Path]] = set()


def _prefix(name: str) -> str:
    short = name.encode(errors="surrogateescape")[:40].decode(errors="ignore")
    return f".{short}~{_machine()}.{os.getpid()}-"


def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _is_alive(process: int) -> bool:
    if os.name != "posix":
        return True  # there a signal would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name and give it its own name only when it is complete.

    Whatever was at `path` stays untouched until then, and permanently if the block raises.

    Args:
        path: the file's final name. Its folder is made where it is missing.

    Yields:
        The temporary name to write to: in the same folder, with the same suffix.

    Raises:
        WriteError: the file cannot be written, for want of space or permission.
    """
    path = Path(path)
    _make_parent(path)
    remove_abandoned(path.parent)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path.stem), suffix=path.suffix)
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
        temporary = make_folder(path.parent, path.name)
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
