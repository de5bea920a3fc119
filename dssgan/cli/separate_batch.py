"""Many tracks one after another, or some at a time, and sound through standard input and output."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
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
from dssgan.inference.stem_files import write_stems
from dssgan.inference.tracks import PlannedTrack, plan_tracks
from dssgan.parallel.processes import map_in_processes
from dssgan.types import DRUMS, OTHER

Outcome = SeparatedFile | DssganError
Advance = Callable[[float, float], None]

_STDIN_NAME = "stdin"
_TRIAL_RATE = 44100


@dataclass(frozen=True)
class Request:
    """A track to separate.

    Attributes:
        planned: the file, and what it is called.
        paths: where each stem goes; one and the same where a file holds all.
    """

    planned: PlannedTrack
    paths: dict[str, Path]

    @property
    def track(self) -> Path:
        """The file."""
        return self.planned.path

    @property
    def place(self) -> Path:
        """Where its stems lie: their folder, or the one file."""
        files = set(self.paths.values())
        return files.pop() if len(files) == 1 else Path(os.path.commonpath([path.parent for path in files]))


def plan(tracks: Sequence[Path], folder: Path, output: OutputSettings, sources: Sequence[str]) -> list[Request]:
    """Say what is separated and where each stem goes.

    Raises:
        ConfigError: no such stem, two stems would have one name, or one would be written over a track.
    """
    requests = [
        Request(one, output.paths(one.folder, one.name, sources)) for one in plan_tracks(tracks, folder)
    ]  # fmt: skip
    owners: dict[str, Request] = {}
    for one in requests:
        for path in set(one.paths.values()):
            other = owners.setdefault(os.path.realpath(path), one)
            if other is not one:
                raise ConfigError(
                    f"{path}: stems of {other.track} and {one.track} would have this name; use {{track}} in it"
                )
    for one in requests:
        if os.path.realpath(one.track) in owners:
            raise ConfigError(f"{one.track}: a stem would be written over this track; choose another --output")
    return requests


def check_output(output: OutputSettings, folder: Path) -> None:
    """Write a second of sound as stems will be written, and read it back, before work begins.

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
            heard = read(target)
    except OSError as error:
        raise AudioError(f"{folder}: cannot be written ({error.strerror or error}); choose another --output") from error
    except DssganError as error:
        message = str(error).replace(f"{target}: ", "").replace(str(scratch), str(folder))
        raise AudioError(f"{folder}: no {output.suffix} can be written there: {message}") from error
    rate = output.format.nearest_rate(_TRIAL_RATE)
    if abs(heard.shape[-1] - rate) > rate * 0.1 or np.abs(heard).max() < 0.05:
        raise AudioError(f"{output.suffix}: this machine reads back other sound than it wrote; choose another --format")


@contextmanager
def _scratch_folder(parent: Path) -> Iterator[Path]:
    folder = make_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def separate_here(
    separator: Separator, requests: Sequence[Request], output: OutputSettings, advance: Advance
) -> Iterator[tuple[Request, Outcome]]:
    """Separate one track after another in this process.

    Args:
        separator: the model.
        requests: the tracks.
        output: kind of file.
        advance: called with the seconds done and those of all tracks.
    """
    lengths = [_seconds_of(one.track) for one in requests]
    total, done = sum(lengths), 0.0
    for one, seconds in zip(requests, lengths, strict=True):

        def progress(within: float, _length: float, done: float = done) -> None:
            advance(done + within, total)

        yield one, _outcome(separator, output, one, progress)
        done += seconds


def separate_in_processes(
    separator: Separator, requests: Sequence[Request], output: OutputSettings, jobs: int, advance: Advance
) -> Iterator[tuple[Request, Outcome]]:
    """Separate several tracks at a time, each in a process with its share of the cores; see `separate_here`."""
    lengths = [_seconds_of(one.track) for one in requests]
    work = partial(_numbered, separator, output, max(1, (os.cpu_count() or 1) // jobs))
    done = 0.0
    for number, outcome in map_in_processes(jobs)(work, list(enumerate(requests))):
        done += lengths[number]
        advance(done, sum(lengths))
        yield requests[number], outcome


def _numbered(
    separator: Separator, output: OutputSettings, num_threads: int, item: tuple[int, Request]
) -> tuple[int, Outcome]:
    torch.set_num_threads(num_threads)
    number, request = item
    return number, _outcome(separator, output, request, None)


def _outcome(separator: Separator, output: OutputSettings, request: Request, progress: Advance | None) -> Outcome:
    planned = request.planned
    try:
        return separator.separate_file(planned.path, planned.folder, output, track=planned.name, progress=progress)
    except DssganError as error:
        return error


def _seconds_of(track: Path) -> float:
    try:
        return probe(track).seconds
    except DssganError:
        return 0.0  # its own turn says what is wrong with it


@contextmanager
def from_standard_input() -> Iterator[Path]:
    """Keep what comes through standard input in a file while the block runs.

    Raises:
        ConfigError: it is a terminal.
        AudioError: nothing comes, or there is no space for it.
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
    """Give a folder; the one file that is in it after the block goes to standard output.

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
