"""Where trainings leave their files: a folder that every machine sees, or a bucket that they are copied to."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dssgan.atomic import write_text


class Store(Protocol):
    """Files and folders by name, with a copy on this machine to work in.

    Names are relative, with slashes, such as "trials/0003".
    """

    def local(self, name: str) -> Path:
        """Give the path on this machine under which a folder or file is read and written."""

    def fetch(self, name: str) -> None:
        """Bring the copy on this machine to what was published last."""

    def publish(self, name: str) -> None:
        """Make what lies on this machine the folder's or file's content for everybody."""

    def forget(self, name: str) -> None:
        """Take this machine's copy away, where it is only a copy."""

    def delete(self, name: str) -> None:
        """Take a folder away for everybody."""

    def read_text(self, name: str) -> str | None:
        """Read a published file; None where there is none."""

    def write_text(self, name: str, text: str) -> None:
        """Publish a file, whole or not at all."""


@dataclass(frozen=True)
class FolderStore:
    """A folder that every machine sees under one path; nothing needs copying.

    Args:
        root: the folder.
    """

    root: Path

    def __str__(self) -> str:
        return str(self.root)

    def local(self, name: str) -> Path:
        """Give the path itself."""
        return self.root / name

    def fetch(self, name: str) -> None:
        """Do nothing: there is one copy."""

    def publish(self, name: str) -> None:
        """Do nothing: there is one copy."""

    def forget(self, name: str) -> None:
        """Do nothing: the copy is everybody's."""

    def delete(self, name: str) -> None:
        """Take a folder away."""
        shutil.rmtree(self.root / name, ignore_errors=True)

    def read_text(self, name: str) -> str | None:
        """Read a file; None where there is none."""
        try:
            return (self.root / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def write_text(self, name: str, text: str) -> None:
        """Write a file, whole or not at all."""
        write_text(self.root / name, text)
