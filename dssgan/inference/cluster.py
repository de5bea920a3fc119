"""Files separated by the machines of a Ray cluster: they are sent there, and their stems fetched."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dssgan.errors import AudioError, DssganError
from dssgan.inference.output import OutputSettings
from dssgan.inference.separator import SeparatedFile, Separator
from dssgan.inference.stem_writer import write_contents
from dssgan.parallel.cluster import cluster_map


class Parcel:
    """A file that is sent with its content.

    It is read when it is sent, so that only the files that are being separated are in memory.

    Args:
        number: index of the file.
        path: its path on the machine that sends it.
    """

    def __init__(self, number: int, path: Path) -> None:
        self.number = number
        self.path = path
        self.content: bytes | str = "not sent"  # or why it cannot be read

    def __getstate__(self) -> dict[str, Any]:
        try:
            content: bytes | str = self.path.read_bytes()
        except OSError as error:
            content = str(error.strerror)
        return {"number": self.number, "path": self.path, "content": content}


@dataclass(frozen=True)
class _Work:
    separator: Separator
    output: OutputSettings

    def __call__(self, parcel: Parcel) -> tuple[int, SeparatedFile | DssganError, dict[str, bytes]]:
        if isinstance(parcel.content, str):
            return parcel.number, AudioError(f"{parcel.path}: cannot be read ({parcel.content}); check its name"), {}
        with tempfile.TemporaryDirectory(prefix="dssgan-") as scratch:
            song = Path(scratch) / parcel.path.name
            song.write_bytes(parcel.content)
            try:
                result = self.separator.separate_file(song, Path(scratch) / "stems", self.output)
            except DssganError as error:
                return parcel.number, type(error)(str(error).replace(str(song), str(parcel.path))), {}
            files = {path: source for source, path in result.paths.items()}  # one file may hold all
            return parcel.number, result, {source: path.read_bytes() for path, source in files.items()}


def separate_on_cluster(
    separator: Separator, songs: Sequence[Path], paths: Sequence[Mapping[str, Path]], output: OutputSettings, *,
    address: str,
) -> Iterator[tuple[int, SeparatedFile | DssganError]]:  # fmt: skip
    """Separate files, each as a task on one core of a cluster.

    Args:
        separator: separator on this machine's processor; it is sent along.
        songs: the files, which only this machine needs to see.
        paths: where the stems of each are written on this machine.
        output: kind of file.
        address: address of a running Ray cluster.

    Yields:
        Index of a file, and its result or error, as they are done.

    Raises:
        ConfigError: there is no cluster at this address.
        DssganError: a worker died.
    """
    parcels = [Parcel(number, song) for number, song in enumerate(songs)]
    with cluster_map(address, label=lambda parcel: str(parcel.path), advice="try it again") as map_unordered:
        for number, outcome, stems in map_unordered(_Work(separator, output), parcels):
            if isinstance(outcome, DssganError):
                yield number, outcome
                continue
            targets = paths[number]
            try:
                write_contents(
                    {targets[source]: content for source, content in stems.items()}, replaces=output.replaces
                )
            except AudioError as error:
                yield number, error
                continue
            yield number, replace(outcome, track=songs[number], paths=dict(targets))
