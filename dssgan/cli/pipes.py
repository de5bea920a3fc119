"""Sound through standard input and output."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dssgan.errors import AudioError, ConfigError

_STDIN_NAME = "stdin"


@contextmanager
def from_standard_input() -> Iterator[Path]:
    """Write standard input to a file that exists while the block runs.

    Raises:
        ConfigError: it is a terminal.
        AudioError: there is no space for it.
    """
    if sys.stdin.isatty():
        raise ConfigError("standard input is a terminal: pipe a sound file into it, or name one")
    with tempfile.TemporaryDirectory(prefix="dssgan-") as scratch:
        path = Path(scratch) / _STDIN_NAME
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        except OSError as error:
            raise AudioError(f"standard input: cannot be kept in {scratch} ({error.strerror}); make space") from error
        yield path


@contextmanager
def to_standard_output() -> Iterator[Path]:
    """Make a folder whose one file is written to standard output after the block.

    Raises:
        ConfigError: standard output is a terminal.
    """
    if sys.stdout.isatty():
        raise ConfigError("standard output is a terminal: pipe it into a file or a program, or give a folder with -o")
    with tempfile.TemporaryDirectory(prefix="dssgan-") as scratch:
        yield Path(scratch)
        for path in Path(scratch).rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
