"""Writing wav and flac, exactly rounded and all or nothing."""

import io
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from dssgan import atomic
from dssgan.audio.formats import SUBTYPES, Encoding
from dssgan.errors import AudioError, ConfigError
from dssgan.types import Audio

_MAX_WAV_BYTES = 2**32 - 4096  # a wav header counts bytes in 32 bits; RF64's in 64


def check_block(path: Path, block: Audio, channels: int) -> None:
    """Refuse a block that cannot be part of a file.

    Args:
        path: the file.
        block: (channels, samples).
        channels: channels of the file.

    Raises:
        AudioError: wrong channel count, or a sample that is not a finite number.
    """
    if block.ndim != 2 or block.shape[0] != channels:
        raise AudioError(f"{path}: is to hold {channels} channels, but got an array {block.shape}")
    if not np.isfinite(block).all():
        raise AudioError(f"{path}: refuses samples that are NaN or infinite; check what produced them")


def quantise(audio: Audio, bits: int) -> NDArray[np.int32]:
    """Round samples to integers, to the nearest and halves to even, as libsndfile's own conversion does not.

    Stems that are rounded each for itself so stay within half a least significant bit of what they were, and two of
    them sum to within one of their rounded mix. Samples outside [-1, 1) are clamped.

    Args:
        audio: float32, any shape.
        bits: 16 or 24.

    Returns:
        Integers in [-2^(bits - 1), 2^(bits - 1) - 1], shape as `audio`.
    """
    scale = 2 ** (bits - 1)
    # a power of two scales float32 without error, and rint rounds halves to even
    scaled = np.rint(np.asarray(audio, np.float32) * np.float32(scale))
    # clamped as float64: 2^23 - 1 has no room for error there, whatever the bits
    clamped: NDArray[np.int32] = np.clip(scaled.astype(np.float64), -scale, scale - 1).astype(np.int32)
    return clamped


class _DiskFile(io.FileIO):
    """A file that remembers why a write failed, since libsndfile forgets it."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        view, written = memoryview(data).cast("B"), 0
        try:
            while written < len(view):
                written += super().write(view[written:]) or 0
        except OSError as error:
            self.error = error
        return written


class Writer:
    """Write an audio file block by block; it appears under its name only on a clean exit.

    Args:
        path: file to write; its suffix (.wav, .flac) names the container.
        sample_rate: Hz.
        channels: number of channels of every block.
        subtype: "pcm16", "pcm24" or, in wav, "float32".
        expected_frames: samples a channel, as far as they are known: a wav of more than 4 GiB becomes RF64.

    Raises:
        AudioError: an unknown container or subtype, or one the container cannot hold.
        DssganError: the disk is full or the folder cannot be written; nothing is left there.
    """

    def __init__(
        self, path: Path, sample_rate: int, channels: int, subtype: str = "pcm16", *, expected_frames: int = 0
    ) -> None:
        self.path = Path(path)
        self.sample_rate = sample_rate
        self.channels = channels
        self.num_frames = 0
        try:
            encoding = Encoding(self.path.suffix.lower(), subtype)
        except ConfigError as error:
            raise AudioError(f"{path}: {error}") from error
        encoding.check(self.path, channels)
        self._subtype = SUBTYPES[subtype]
        self._frame_bytes = channels * (self._subtype.bits or 32) // 8
        self._container = encoding.format.container
        if self._container == "WAV" and expected_frames * self._frame_bytes > _MAX_WAV_BYTES:
            self._container = "RF64"

    def __enter__(self) -> "Writer":
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic.replacing(self.path))
            self._disk = stack.enter_context(_DiskFile(temporary, "w+b"))
            try:
                self._file = soundfile.SoundFile(
                    self._disk, "w", self.sample_rate, self.channels, self._subtype.sndfile_name, format=self._container
                )
            except soundfile.LibsndfileError as error:
                self._raise_disk_error()
                raise AudioError(
                    f"{self.path}: {self._container} cannot hold {self.channels} channels at {self.sample_rate} Hz; "
                    "choose fewer channels, a lower rate or another format"
                ) from error
            self._stack = stack.pop_all()
        return self

    def write(self, block: Audio) -> None:
        """Append samples.

        Args:
            block: (channels, samples), float in [-1, 1]; what lies outside is clamped in pcm16 and pcm24.

        Raises:
            AudioError: wrong channel count, a sample that is not a finite number, or more than a wav can hold.
            DssganError: the disk is full.
        """
        check_block(self.path, block, self.channels)
        if self._subtype.bits == 0:
            self._append(np.ascontiguousarray(block.T, np.float32))  # (channels, samples) -> (samples, channels)
        else:
            self.write_steps(quantise(block, self._subtype.bits))

    def write_steps(self, steps: NDArray[np.int32]) -> None:
        """Append samples that are rounded already.

        Args:
            steps: (channels, samples), integers of the subtype's bits.

        Raises:
            AudioError: more than a wav can hold.
            DssganError: the disk is full.
        """
        # libsndfile keeps the uppermost bits of an integer, so this passes them through unchanged
        bits = self._subtype.bits
        self._append(np.ascontiguousarray(steps.T, np.int16) if bits == 16 else steps.T << (32 - bits))

    def _append(self, frames: NDArray[Any]) -> None:
        self.num_frames += len(frames)
        if self._container == "WAV" and self.num_frames * self._frame_bytes > _MAX_WAV_BYTES:
            raise AudioError(f"{self.path}: a wav whose length is not known before holds at most 4 GiB; choose flac")
        try:
            self._file.write(frames)
        except (soundfile.LibsndfileError, AssertionError) as error:  # it asserts that all was written
            self._raise_disk_error()
            raise AudioError(f"{self.path}: cannot be written ({error}); choose another format or folder") from error
        self._raise_disk_error()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:  # the error must reach `replacing`, which throws the file away
            self._file.close()
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._file.close()  # writes what is buffered, and the header
            self._raise_disk_error()

    def _raise_disk_error(self) -> None:
        if self._disk.error is not None:
            raise self._disk.error  # `replacing` makes one clear line of it


def write(path: Path, audio: Audio, sample_rate: int, subtype: str = "pcm16") -> None:
    """Write a whole signal.

    Args:
        path: file to write, .wav or .flac.
        audio: (channels, samples), float in [-1, 1].
        sample_rate: Hz.
        subtype: "pcm16", "pcm24" or, in wav, "float32".

    Raises:
        AudioError: `audio` cannot be stored in this format.
        DssganError: the file cannot be written; what existed is untouched.
    """
    if audio.ndim != 2 or audio.shape[0] == 0:
        raise AudioError(f"{path}: needs an array (channels, samples), not one of shape {audio.shape}")
    with Writer(path, sample_rate, audio.shape[0], subtype) as writer:
        writer.write(audio)
