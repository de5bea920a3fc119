"""Songs separated by the machines of a Ray cluster: sent there, and their stems fetched."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dssgan.atomic import replacing
from dssgan.errors import AudioError, DssganError
from dssgan.inference.separator import SeparatedFile, Separator
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
    subtype: str
    suffix: str

    def __call__(self, parcel: Parcel) -> tuple[int, SeparatedFile | DssganError, dict[str, bytes]]:
        if isinstance(parcel.content, str):
            return parcel.number, AudioError(f"{parcel.path}: cannot be read ({parcel.content}); check its name"), {}
        with tempfile.TemporaryDirectory(prefix="dssgan-") as scratch:
            song = Path(scratch) / parcel.path.name
            song.write_bytes(parcel.content)
            try:
                result = self.separator.separate_file(
                    song, Path(scratch) / "stems", subtype=self.subtype, suffix=self.suffix
                )
            except DssganError as error:
                return parcel.number, type(error)(str(error).replace(str(song), str(parcel.path))), {}
            return parcel.number, result, {source: path.read_bytes() for source, path in result.paths.items()}


def separate_on_cluster(
    separator: Separator, tracks: Sequence[Path], folders: Sequence[Path], *, subtype: str, suffix: str, address: str
) -> Iterator[tuple[Path, Path, SeparatedFile | DssganError]]:
    """Separate files, each as a task on one core of a cluster.

    Args:
        separator: on this machine's processor; it is sent along.
        tracks: the files; nothing needs to see them but this machine.
        folders: where the stems of each go, on this machine.
        subtype: as for `Separator.separate_file`.
        suffix: likewise.
        address: of a running Ray cluster.

    Yields:
        Track, folder, and what became of it, as they are done.

    Raises:
        ConfigError: there is no cluster at this address.
        DssganError: a worker died.
    """
    parcels = [Parcel(number, track) for number, track in enumerate(tracks)]
    with cluster_map(address, label=lambda parcel: str(parcel.path), advice="try it again") as map_unordered:
        for number, outcome, stems in map_unordered(_Work(separator, subtype, suffix), parcels):
            track, folder = tracks[number], folders[number]
            if isinstance(outcome, DssganError):
                yield track, folder, outcome
                continue
            paths = {source: folder / f"{source}{suffix}" for source in stems}
            with ExitStack() as stack:  # all appear when all are there
                for source, path in paths.items():
                    stack.enter_context(replacing(path)).write_bytes(stems[source])
            yield track, folder, replace(outcome, track=track, paths=paths)
