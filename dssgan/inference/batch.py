"""Many files: one after another, several at a time, or on the machines of a cluster."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from dssgan.atomic import make_folder
from dssgan.audio.files import probe, read
from dssgan.errors import AudioError, ConfigError, DssganError
from dssgan.inference.output import OutputSettings
from dssgan.inference.separator import SeparatedFile, Separator
from dssgan.inference.stem_writer import write_stems
from dssgan.inference.tracks import NamedTrack, name_tracks
from dssgan.parallel.processes import map_in_processes
from dssgan.types import DRUMS, OTHER, Progress

Outcome = SeparatedFile | DssganError
IN_FOLDERS = OutputSettings(filename="{track}/{stem}.{ext}")
_TRIAL_RATE = 44100


@dataclass(frozen=True)
class Request:
    """A file to separate, and where its stems are written.

    Attributes:
        track: the file, with its name in those of its stems.
        paths: path of each stem; one and the same where a file holds all of them.
    """

    track: NamedTrack
    paths: dict[str, Path]

    @property
    def path(self) -> Path:
        """The file to separate."""
        return self.track.path

    @property
    def target(self) -> Path:
        """The folder of the stems, or the one file that holds them."""
        files = set(self.paths.values())
        return files.pop() if len(files) == 1 else Path(os.path.commonpath([path.parent for path in files]))


def separate_files(
    separator: Separator,
    paths: Sequence[Path | str],
    folder: Path | str,
    output: OutputSettings = IN_FOLDERS,
    *,
    jobs: int = 1,
    address: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Iterator[tuple[Path, Outcome]]:
    """Separate files and folders of files, as `dssgan separate` does.

    A file that cannot be separated yields an error in its turn, and the others are separated.

    Args:
        separator: the model, and how it is run.
        paths: audio files, and folders that are searched with all below them.
        folder: where the stems are written.
        output: which stems, as what kind of file, under which names; by default in a folder for each file.
        jobs: number of files that are separated at a time, each by a process of its own.
        address: address of a Ray cluster on whose machines the files are separated; None for this machine.
        progress: called with the seconds of music done and in all; not on a cluster.

    Yields:
        Each file and its result, or the error that it failed with, as they are done.

    Raises:
        ConfigError: a folder holds no audio, two stems would have one name, a stem would replace a file that it is
            separated from, or there is no such cluster.
    """
    requests = plan([Path(path) for path in paths], Path(folder), output, separator.stems)
    for request, outcome in separate_requests(
        separator, requests, output, jobs=jobs, address=address, progress=progress
    ):  # fmt: skip
        yield request.path, outcome


def separate_requests(
    separator: Separator, requests: Sequence[Request], output: OutputSettings, *, jobs: int = 1,
    address: str | None = None, progress: Progress = lambda _done, _total: None,
) -> Iterator[tuple[Request, Outcome]]:  # fmt: skip
    """Separate files whose stems' paths are known; see `separate_files`."""
    if address is not None:
        from dssgan.inference.cluster import separate_on_cluster  # Ray takes seconds to import

        paths = [request.paths for request in requests]
        songs = [request.path for request in requests]
        for number, outcome in separate_on_cluster(separator, songs, paths, output, address=address):
            yield requests[number], outcome
    elif jobs == 1:
        yield from _separate_in_turn(separator, requests, output, progress)
    else:
        yield from _separate_in_processes(separator, requests, output, jobs, progress)


def plan(tracks: Sequence[Path], folder: Path, output: OutputSettings, stems: Sequence[str]) -> list[Request]:
    """Decide where the stems of each file are written.

    Raises:
        ConfigError: no such stem, two stems would have one name, or one would be written over a track.
    """
    requests = [
        Request(one, output.paths(one.folder, one.name, stems)) for one in name_tracks(tracks, folder)
    ]  # fmt: skip
    owners: dict[str, Request] = {}
    for one in requests:
        for path in set(one.paths.values()):
            other = owners.setdefault(os.path.realpath(path), one)
            if other is not one:
                raise ConfigError(
                    f"{path}: stems of {other.path} and {one.path} would have this name; use {{track}} in it"
                )
    for one in requests:
        if os.path.realpath(one.path) in owners:
            raise ConfigError(f"{one.path}: a stem would be written over this track; choose another --output")
    return requests


def check_output(output: OutputSettings, folder: Path) -> None:
    """Write a second of audio as the stems will be written, and read it back, before work begins.

    Raises:
        AudioError: this machine cannot write such files there.
    """
    seconds = np.arange(_TRIAL_RATE, dtype=np.float32) / _TRIAL_RATE
    tone = np.stack([0.25 * np.sin(2 * np.pi * 440 * seconds)] * 2).astype(np.float32)
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    try:
        with _scratch_folder(existing) as scratch:
            target = scratch / f"trial{output.suffix}"
            names = (DRUMS, OTHER)
            stems = np.stack([tone / 2, tone / 2]).astype(np.float32)
            paths = dict.fromkeys(names if output.in_one_file else names[:1], target)
            write_stems([(tone, stems)], paths, names, sample_rate=_TRIAL_RATE, channels=2, output=output)
            written = read(target)
    except OSError as error:
        raise AudioError(f"{folder}: cannot be written ({error.strerror or error}); choose another --output") from error
    except DssganError as error:
        message = str(error).replace(f"{target}: ", "").replace(str(scratch), str(folder))
        raise AudioError(f"{folder}: no {output.suffix} can be written there: {message}") from error
    rate = output.format.nearest_rate(_TRIAL_RATE)
    if abs(written.shape[-1] - rate) > rate * 0.1 or np.abs(written).max() < 0.05:
        raise AudioError(
            f"{output.suffix}: this machine reads back something else than it wrote; choose another --format"
        )


@contextmanager
def _scratch_folder(parent: Path) -> Iterator[Path]:
    folder = make_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _separate_in_turn(
    separator: Separator, requests: Sequence[Request], output: OutputSettings, progress: Progress
) -> Iterator[tuple[Request, Outcome]]:
    lengths = [_seconds_of(one.path) for one in requests]
    total, done = sum(lengths), 0.0
    for one, seconds in zip(requests, lengths, strict=True):

        def report(within: float, _length: float, done: float = done) -> None:
            progress(done + within, total)

        yield one, _separate(separator, output, one, report)
        done += seconds


def _separate_in_processes(
    separator: Separator, requests: Sequence[Request], output: OutputSettings, jobs: int, progress: Progress
) -> Iterator[tuple[Request, Outcome]]:
    """Separate several files at a time, each in a process with its share of the cores."""
    lengths = [_seconds_of(one.path) for one in requests]
    work = partial(_separate_numbered, separator, output, max(1, (os.cpu_count() or 1) // jobs))
    done = 0.0
    for number, outcome in map_in_processes(jobs)(work, list(enumerate(requests))):
        done += lengths[number]
        progress(done, sum(lengths))
        yield requests[number], outcome


def _separate_numbered(
    separator: Separator, output: OutputSettings, num_threads: int, item: tuple[int, Request]
) -> tuple[int, Outcome]:
    torch.set_num_threads(num_threads)
    number, request = item
    return number, _separate(separator, output, request, None)


def _separate(separator: Separator, output: OutputSettings, request: Request, progress: Progress | None) -> Outcome:
    track = request.track
    try:
        return separator.separate_file(
            track.path, track.folder, output, track=track.name, paths=request.paths, progress=progress
        )
    except DssganError as error:
        return error


def _seconds_of(path: Path) -> float:
    try:
        return probe(path).seconds
    except DssganError:
        return 0.0  # its own turn reports what is wrong with it
