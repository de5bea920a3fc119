"""Songs separated by the machines of a Ray cluster: sent there, and their stems fetched."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dssgan.cli.separate_batch import Outcome, Request
from dssgan.errors import AudioError, DssganError
from dssgan.inference.output import OutputSettings
from dssgan.inference.separator import SeparatedFile, Separator
from dssgan.inference.stem_files import write_contents
from dssgan.parallel.cluster import cluster_map


class Parcel:
    """A file that travels with its content.

    It is read when it is sent, so that of many songs those that are worked on are in memory and no others.

    Args:
        number: of the song.
        path: the file, on the machine that sends it.
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
    separator: Separator, requests: Sequence[Request], output: OutputSettings, *, address: str
) -> Iterator[tuple[Request, Outcome]]:
    """Separate files, each as a task on one core of a cluster.

    Args:
        separator: on this machine's processor; it is sent along.
        requests: the files, which nothing needs to see but this machine, and where their stems go.
        output: kind of file.
        address: of a running Ray cluster.

    Yields:
        What was asked for, and what became of it, as they are done.

    Raises:
        ConfigError: there is no cluster at this address.
        DssganError: a worker died.
    """
    parcels = [Parcel(number, one.track) for number, one in enumerate(requests)]
    with cluster_map(address, label=lambda parcel: str(parcel.path), advice="try it again") as map_unordered:
        for number, outcome, stems in map_unordered(_Work(separator, output), parcels):
            request = requests[number]
            if isinstance(outcome, DssganError):
                yield request, outcome
                continue
            try:
                write_contents(
                    {request.paths[source]: content for source, content in stems.items()}, replaces=output.replaces
                )
            except AudioError as error:
                yield request, error
                continue
            yield request, replace(outcome, track=request.track, paths=request.paths)
