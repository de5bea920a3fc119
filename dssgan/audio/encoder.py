"""Writing what ffmpeg encodes: mp3, Vorbis, Opus, AAC and ALAC."""

import subprocess
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from dssgan import atomic
from dssgan.audio.formats import Encoding
from dssgan.audio.writer import Writer, check_block
from dssgan.errors import AudioError
from dssgan.types import Audio

_FAULTS = ("No space left", "Error writing", "Error closing", "Disk quota exceeded", "Input/output error")


def ffmpeg_command(encoding: Encoding, channels: int) -> list[str]:
    """Return ffmpeg's arguments for the output, up to its name."""
    kind = encoding.format
    kbps = encoding.kbps or kind.kbps * max(1, channels) // 2
    command = ["-c:a", *encoding.codec_arguments]
    if kbps and encoding.codec != "alac":
        command += ["-b:a", f"{kbps}k"]
    if encoding.mp3_preset is not None:
        command += ["-compression_level", str(encoding.mp3_preset)]
    return [*command, "-map_metadata", "-1", "-f", kind.muxer]


def open_writer(
    path: Path, sample_rate: int, channels: int, encoding: Encoding, *, expected_frames: int = 0
) -> "Writer | Encoder":
    """Return a writer of a file, block by block.

    Args:
        path: file to write, with any suffix.
        sample_rate: sample rate of the blocks, Hz.
        channels: number of channels of every block.
        encoding: how it is written.
        expected_frames: samples a channel, as far as they are known.

    Raises:
        AudioError: the format does not hold so many channels, or ffmpeg is missing.
    """
    if encoding.format.muxer:
        return Encoder(path, sample_rate, channels, encoding)
    subtype = encoding.subtype or encoding.format.subtypes[0]
    return Writer(path, sample_rate, channels, subtype, expected_frames=expected_frames)


class Encoder:
    """Write an encoded file block by block; it appears under its name only on a clean exit.

    Args:
        path: file to write.
        sample_rate: sample rate of the blocks, Hz; one that the format does not hold becomes the next higher one, or
            the highest.
        channels: number of channels of every block.
        encoding: how it is written.

    Raises:
        AudioError: ffmpeg is missing, or the format does not hold so many channels.
    """

    def __init__(self, path: Path, sample_rate: int, channels: int, encoding: Encoding) -> None:
        self.path = Path(path)
        self.channels = channels
        self.num_frames = 0
        encoding.check(self.path, channels)
        rate = encoding.format.nearest_rate(sample_rate)
        self._command = [
            which("ffmpeg") or "ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "f32le", "-ar", str(sample_rate),
            "-ac", str(channels), "-i", "pipe:0", "-ar", str(rate), *_exact_times(encoding, rate),
            *ffmpeg_command(encoding, channels),
        ]  # fmt: skip

    def __enter__(self) -> "Encoder":
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic.replacing(self.path))
            self._messages: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                [*self._command, f"file:{temporary}"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                stderr=self._messages,
            )  # fmt: skip
            stack.callback(self._stop)
            self._stack = stack.pop_all()
        return self

    def write(self, block: Audio) -> None:
        """Append samples.

        Args:
            block: (channels, samples), float in [-1, 1].

        Raises:
            AudioError: wrong channel count, a sample that is not a finite number, or an error of ffmpeg.
        """
        check_block(self.path, block, self.channels)
        self.num_frames += block.shape[1]
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(block.T, dtype="<f4").tobytes())
        except BrokenPipeError as error:
            raise self._failure() from error

    def write_steps(self, steps: NDArray[np.int32]) -> None:
        """Append samples that are rounded to 24 bits already, (channels, samples)."""
        self.write((steps / 2**23).astype(np.float32))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            assert self._process.stdin is not None
            try:
                self._process.stdin.close()
            except BrokenPipeError as broken:
                raise self._failure() from broken
            code = self._process.wait()
            self._messages.seek(0)
            failure = encoding_failure(self.path, code, self._messages.read())
            if failure is not None:
                raise failure

    def _failure(self) -> AudioError:
        self._process.wait()
        self._messages.seek(0)
        return _as_error(self.path, self._messages.read())

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()


def _exact_times(encoding: Encoding, rate: int) -> tuple[str, ...]:
    # by default MP4 counts the length of a song in milliseconds
    return ("-movie_timescale", str(rate)) if encoding.format.muxer == "ipod" else ()


def encoding_failure(path: Path, code: int, messages: bytes) -> AudioError | None:
    """Return the error that ffmpeg met while it wrote a file.

    Args:
        path: the file.
        code: ffmpeg's exit code.
        messages: what it printed at level "error".

    Returns:
        One line; None where nothing did. ffmpeg 5 ends with 0 where the disk is full for the last block alone.
    """
    text = messages.decode(errors="replace")
    return _as_error(path, messages) if code or any(fault in text for fault in _FAULTS) else None


def _as_error(path: Path, messages: bytes) -> AudioError:
    lines = messages.decode(errors="replace").strip().splitlines()
    known = next((line for line in lines if _FAULTS[0] in line), None)
    text = known or (lines[-1] if lines else "ffmpeg failed")
    return AudioError(f"{path}: cannot be written ({text.rpartition('] ')[2]}); make space or choose another format")
