"""Decoded copies on disk: compressed files are decoded and resampled once, not for every excerpt.

A cache is a folder of wav files, each named by the content of the file it came from. So it may serve many data sets,
processes and users at a time: two that want the same copy at once both write it, and the second rename replaces a file
by its equal. A copy counts when its note, a small JSON file beside it, is there; the note is written last.
"""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from dssgan import atomic
from dssgan.audio import files
from dssgan.audio.files import Writer
from dssgan.audio.resample import StreamResampler, to_channels
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset
from dssgan.data.fingerprint import fingerprint
from dssgan.errors import AudioError, ConfigError, DataError
from dssgan.parallel.processes import MapUnordered

_FORMAT_VERSION = 1  # part of every key: raise it when the same file would be decoded to something else
_BLOCK_FRAMES = 1 << 18
_ABANDONED_SECONDS = 24 * 3600  # no decoding takes a day
_TEMPORARY = re.compile(r"\.[0-9a-f]{40}-\w+\.(wav|json)")


class _Note(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    source: str  # for people who look into the folder
    num_bytes: int
    fingerprint: str


class _OvershootError(Exception):
    """Samples beyond full scale, which 16-bit integers cannot hold."""


@dataclass(frozen=True)
class DecodedCache:
    """A folder of decoded copies.

    A copy is 16-bit wav, half the size of float: its rounding, by half a step, is less than a codec's own error. Where
    decoded audio goes beyond full scale, as loud songs do after a lossy codec, the copy is float32, for clipped sources
    would not sum to the mix. Either way a copy of the same rate and channels has the fingerprint of its source, which
    is checked, so the guard of the test partition knows it again. A resampled or remixed copy has another: the guard
    knows it among copies of the same rate and channels, never beside the original, so decode a data set as a whole.

    Attributes:
        folder: folder of the copies; made where it is missing.
        sample_rate: sample rate of every copy, Hz.
        channels: the most a copy has. A file with fewer keeps them, for they are multiplied when read.

    Raises:
        ConfigError: a rate or channel count is not above zero.
    """

    folder: Path
    sample_rate: int = 44100
    channels: int = 2

    def __post_init__(self) -> None:
        if self.sample_rate <= 0 or self.channels <= 0:
            raise ConfigError(f"{self.channels} channels at {self.sample_rate} Hz: each must be above zero")

    def key(self, original: AudioFile) -> str:
        """Hash the file's bytes, its stream, and what the copy is to be.

        Raises:
            AudioError: the file cannot be read.
        """
        try:
            with original.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256")
        except OSError as error:
            raise AudioError(f"{original.path}: cannot be read ({error.strerror}); put it back") from error
        digest.update(repr((_FORMAT_VERSION, original.stem or 0, self.sample_rate, self.channels)).encode())
        return digest.hexdigest()

    def decode(self, original: AudioFile) -> tuple[AudioFile, int]:
        """Return the decoded copy of a file, after making it where there is none yet.

        A wav file of the right rate and no more channels than wanted is as good as a copy, and stays where it is.

        Args:
            original: the file to decode.

        Returns:
            The copy, with its fingerprint, and the number of bytes that were written for it (0 where none were).

        Raises:
            AudioError: the file cannot be decoded.
            DataError: it is not the audio of its fingerprint.
            DssganError: the copy cannot be written.
        """
        alike = original.sample_rate == self.sample_rate and original.channels <= self.channels
        if alike and original.stem is None and original.path.suffix.lower() == ".wav":
            return replace(original, fingerprint=original.compute_fingerprint()), 0
        key = self.key(original)
        path = self.folder.absolute() / key[:2] / f"{key[2:]}.wav"
        note, num_written = _read_note(path), 0
        if note is None:
            note = self._write(original, path)
            num_written = note.num_bytes
        if alike and original.fingerprint not in (None, note.fingerprint):
            raise DataError(
                f"{original.label}: is not the audio of the data set, or another version of a decoder made it; "
                "restore the file, or make the manifest again"
            )
        return replace(AudioFile.of(path), fingerprint=note.fingerprint), num_written

    def _write(self, original: AudioFile, path: Path) -> _Note:
        try:
            self._write_wav(original, path, "pcm16")
        except _OvershootError:
            self._write_wav(original, path, "float32")
        # of what is really on the disk
        note = _Note(source=original.path.name, num_bytes=path.stat().st_size, fingerprint=fingerprint(path))
        atomic.write_text(path.with_suffix(".json"), note.model_dump_json() + "\n")
        return note

    def _write_wav(self, original: AudioFile, path: Path, subtype: str) -> None:
        channels = min(original.channels, self.channels)
        resampler = StreamResampler(original.sample_rate, self.sample_rate, channels)
        with Writer(path, self.sample_rate, channels, subtype) as writer:

            def write(block: files.Audio) -> None:
                if subtype == "pcm16" and block.size and (block.max() > 1 or block.min() < -1):
                    raise _OvershootError
                writer.write(block)

            for block in files.read_blocks(original.path, _BLOCK_FRAMES, stem=original.stem):
                write(resampler.push(to_channels(block, channels)))
            write(resampler.flush())

    def remove_abandoned(self) -> None:
        """Remove what processes that were killed a day ago or longer left half written."""
        for path in self.folder.glob("[0-9a-f][0-9a-f]/.*"):
            try:
                if _TEMPORARY.fullmatch(path.name) and time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()
            except OSError:  # another process was faster, or it is another user's
                continue


def _read_note(path: Path) -> _Note | None:
    """Return the stored description of a complete copy."""
    try:
        note = _Note.model_validate_json(path.with_suffix(".json").read_bytes())
        return note if path.stat().st_size == note.num_bytes else None
    except (OSError, ValidationError):
        return None


@dataclass(frozen=True)
class DecodedDataset:
    """Result of decoding a data set.

    Attributes:
        dataset: the same songs as decoded copies; None where there are errors.
        errors: a line for each file that could not be decoded.
        num_files: files in all.
        num_written: copies made; the others were there already, or needed none.
        num_bytes: their size.
    """

    dataset: Dataset | None
    errors: tuple[str, ...]
    num_files: int
    num_written: int
    num_bytes: int


def decode_dataset(
    dataset: Dataset,
    cache: DecodedCache,
    *,
    map_unordered: MapUnordered = map,
    progress: Callable[[int, int], None] | None = None,
) -> DecodedDataset:
    """Decode every file of a data set into a cache.

    What was decoded stays when this is interrupted, and is not decoded again. A file that is broken does not keep the
    others from being decoded; but then there is no data set, since one that lacks a song would be another one.

    Args:
        dataset: what to decode; sums keep their terms.
        cache: where to.
        map_unordered: how to work, such as `map_in_processes(4)`.
        progress: called with (files done, files in all).

    Returns:
        The data set of copies: same partitions, names, licence, credits and rights.

    Raises:
        DssganError: the cache cannot be written, or a process died.
    """
    originals = dataset.files
    cache = replace(cache, folder=cache.folder.absolute())  # workers may run in other folders
    cache.remove_abandoned()
    copies: dict[AudioFile, AudioFile] = {}
    errors: list[str] = []
    sizes: list[int] = []
    for done, (original, outcome) in enumerate(map_unordered(partial(_try_to_decode, cache), originals), 1):
        if isinstance(outcome, str):
            errors.append(outcome)
        else:
            copies[original], size = outcome
            sizes += [size] if size else []
        if progress is not None:
            progress(done, len(originals))
    copied = None if errors else dataset.with_files(copies)
    return DecodedDataset(copied, tuple(sorted(errors)), len(originals), len(sizes), sum(sizes))


def _try_to_decode(cache: DecodedCache, original: AudioFile) -> tuple[AudioFile, tuple[AudioFile, int] | str]:
    try:
        return original, cache.decode(original)
    except (AudioError, DataError) as error:  # this file's fault; a full disk would be every file's
        return original, str(error)
