"""Supervised phases that several trainings share: each continues where the last one stopped."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from dssgan.runs.store import FolderStore, Store
from dssgan.training.checkpoint import has_checkpoint

# Holds others off a phase while the block runs; gets the phase's key.
Claim = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class SharedPhases:
    """Supervised phases by the key of everything they depend on (`dssgan.training.config.phase_one_key`).

    A phase that was cut short is there too, as far as it came: the next training that needs it takes it up.

    Args:
        store: where they are kept, under phase_one/KEY.
        claim: lets one training at a time work on a phase.
    """

    store: Store
    claim: Claim

    @classmethod
    def in_folder(cls, folder: Path) -> "SharedPhases":
        """Share among the processes that see one folder, with locks that a process's end frees."""
        return cls(FolderStore(folder), _FileClaims(folder))

    def folder(self, key: str) -> Path:
        """Return the folder on this machine that holds a phase's checkpoint."""
        return self.store.local(_name(key))

    def fetch(self, key: str) -> bool:
        """Update this machine's copy of a phase.

        Returns:
            Whether anybody has begun it.
        """
        self.store.fetch(_name(key))
        return has_checkpoint(self.folder(key))

    def publish(self, key: str) -> None:
        """Publish a phase for the other trainings."""
        self.store.publish(_name(key))

    def forget(self, key: str) -> None:
        """Delete this machine's copy, where the original is elsewhere."""
        self.store.forget(_name(key))


def _name(key: str) -> str:
    return f"phase_one/{key}"


@dataclass(frozen=True)
class _FileClaims:
    folder: Path

    @contextmanager
    def __call__(self, key: str) -> Iterator[None]:
        file = self.folder / f"{_name(key)}.lock"
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file):
            yield
