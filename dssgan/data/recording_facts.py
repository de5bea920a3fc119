"""Facts of a recording, computed once and cached: its fingerprint, and landmarks that survive codecs and gains."""

import hashlib
import os
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dssgan.atomic import replacing
from dssgan.data.acoustic import Landmarks, landmarks
from dssgan.data.audio_file import AudioFile, Recording
from dssgan.errors import AudioError, DataError
from dssgan.parallel.processes import MapUnordered, map_in_processes
from dssgan.types import Progress
from dssgan.user_cache import cache_folder

_FORMAT = 1
_WORTH_PROCESSES_SECONDS = 900.0  # of audio, under which starting processes takes longer than the work


@dataclass(frozen=True)
class RecordingFacts:
    """What one recording holds.

    Args:
        fingerprints: fingerprints of its files, in order.
        marks: see `dssgan.data.acoustic.landmarks`.
    """

    fingerprints: tuple[str, ...]
    marks: Landmarks


def examine_recordings(
    recordings: Iterable[Recording], *, map_unordered: MapUnordered | None = None, progress: Progress | None = None
) -> dict[Recording, RecordingFacts]:
    """Work out what recordings hold, from the cache where their files have not changed since.

    Args:
        recordings: any, also some of them twice.
        map_unordered: how to work; None for as many processes as there are cores, where that pays.
        progress: called with the recordings done and all that are not in the cache.

    Returns:
        What each of them holds.

    Raises:
        AudioError: a file cannot be read.
        DataError: a file is not the audio of its fingerprint.
    """
    found: dict[Recording, RecordingFacts] = {}
    missing: list[Recording] = []
    for recording in dict.fromkeys(recordings):
        known = _load(_key(recording))
        if known is None:
            missing.append(recording)
        else:
            found[recording] = known
    seconds = sum(recording.duration for recording in missing)
    if map_unordered is None:
        map_unordered = map_in_processes(os.cpu_count() or 1 if seconds > _WORTH_PROCESSES_SECONDS else 1)
    for done, (recording, known) in enumerate(map_unordered(_examine, missing), 1):
        found[recording] = known
        if progress is not None:
            progress(done, len(missing))
    for recording, known in found.items():
        _require_fingerprints(recording.files, known.fingerprints)
    return found


def _require_fingerprints(files: Sequence[AudioFile], fingerprints: Sequence[str]) -> None:
    for file, content in zip(files, fingerprints, strict=True):
        if file.fingerprint is not None and file.fingerprint != content:
            raise DataError(
                f"{file.label}: is not the audio that the data set was made with; put the right file back, or make "
                "the manifest again with dssgan data import"
            )


def _key(recording: Recording) -> str:
    lines = [str(_FORMAT)]
    factors = [1.0] if isinstance(recording, AudioFile) else [factor for _, factor in recording.terms]
    for file, factor in zip(recording.files, factors, strict=True):
        try:
            stat = file.path.stat()
        except OSError as error:
            raise AudioError(f"{file.path}: cannot be read ({error.strerror}); put it back") from error
        lines.append(repr((str(file.path.absolute()), stat.st_size, stat.st_mtime_ns, file.stem, factor)))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _examine(recording: Recording) -> tuple[Recording, RecordingFacts]:
    key = _key(recording)  # before reading: a file that changes meanwhile is examined again
    fingerprints = tuple(
        AudioFile(file.path, file.sample_rate, file.channels, file.duration, file.stem).compute_fingerprint()
        for file in recording.files
    )
    known = RecordingFacts(fingerprints, landmarks(recording.read(), recording.sample_rate))
    path = _path(key)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, fingerprints=np.array(fingerprints), keys=known.marks[0], times=known.marks[1])
    return recording, known


def _load(key: str) -> RecordingFacts | None:
    try:
        with np.load(_path(key), allow_pickle=False) as stored:
            fingerprints = tuple(str(content) for content in stored["fingerprints"])
            return RecordingFacts(fingerprints, (stored["keys"].astype(np.uint32), stored["times"].astype(np.int32)))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _path(key: str) -> Path:
    return cache_folder("recordings") / key[:2] / f"{key[2:]}.npz"
