"""The base class of methods: anything that gives estimates for a track."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from dssgan.data.dataset import Track
from dssgan.data.seen_recordings import SeenRecordings
from dssgan.types import Audio

Estimator = Callable[[Track, Audio], Audio]  # a track and its mix (channels, samples) to (sources, channels, samples)


class Method(ABC):
    """A way to estimate the sources of a track. It is small, hashable and picklable; `open` loads what is large."""

    @abstractmethod
    def open(self, sources: tuple[str, ...], sample_rate: int) -> Estimator:
        """Make ready to estimate tracks.

        Args:
            sources: names, in the order in which estimates are wanted.
            sample_rate: Hz of mixes and estimates.
        """

    def learnt_from(self) -> SeenRecordings:
        """Return the recordings that it learnt from, which it cannot be tested on."""
        return SeenRecordings()

    def paths(self) -> tuple[Path, ...]:
        """List the files and folders that must exist on the machine that opens it."""
        return ()

    def fingerprint(self) -> str:
        """Return what changes where it gives other estimates under the same name."""
        return ""

    def faults(self, tracks: Sequence[Track], sources: Sequence[str]) -> list[str]:  # noqa: ARG002
        """List the reasons why tracks cannot be estimated, a line each, without reading large files.

        Args:
            tracks: to be estimated.
            sources: names of the estimates.
        """
        return []

    def targets(self, track: Track, sources: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the sources of a track that it estimates; the others' estimates are what those leave of the mix."""
        return sources
