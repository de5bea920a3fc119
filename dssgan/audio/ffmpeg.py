"""Decoding through the ffmpeg and ffprobe programs: all formats that libsndfile does not read."""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from shutil import which

import numpy as np

from dssgan.audio.info import MAX_FRAMES_PER_BYTE, AudioInfo, UnrecognisedError
from dssgan.errors import AudioError
from dssgan.types import Audio

_BYTES_PER_SAMPLE = 4  # f32le
_COUNTING_FRAMES = 1 << 18
_DROP_BYTES = 1 << 20
_TOLERATED_SECONDS = 0.02  # delay of a stream's beginning that is not reported
# Only MP4 and related containers store positions to the sample. There a seek goes one second too far back, for a
# transform codec needs what comes before; elsewhere (WebM counts milliseconds, WMA and raw streams guess) a seek may
# land 90 ms off, so the beginning is decoded and dropped.
_EXACT_FORMAT = "mov,"
# "file:" so that a name is never taken for an option or an address; and nothing that a playlist names is fetched
_ONLY_LOCAL = ("-protocol_whitelist", "file,pipe")


def _program(name: str, path: Path) -> str:
    found = which(name)
    if found is None:
        raise AudioError(f"{path}: only ffmpeg reads this kind of file; install ffmpeg (apt-get install ffmpeg)")
    return found


@lru_cache(maxsize=4096)
def _probe(path: Path, _size: int, _changed_ns: int) -> tuple[dict[str, str], ...]:
    # size and time of change belong to the key: a file that was replaced is probed again
    command = [_program("ffprobe", path), "-v", "warning", *_ONLY_LOCAL]
    command += [
        "-show_entries",
        "stream=index,codec_type,sample_rate,channels,duration,start_time:stream_disposition=attached_pic,default"
        ":stream_tags=title,language,handler_name:format=duration,format_name,start_time",
        "-of",
        "json",
    ]
    result = subprocess.run([*command, f"file:{path}"], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if result.returncode:
        reason = result.stderr.decode(errors="replace").strip().splitlines()
        raise UnrecognisedError(reason[-1].removeprefix(f"file:{path}: ") if reason else "ffprobe failed")
    answer = json.loads(result.stdout)
    whole = {"duration": "N/A"} | answer.get("format", {})
    # raw streams (.aac, .ac3) state no length, and what ffprobe guesses from the bit rate can be seconds off
    guessed = {"duration": "N/A"} if b"Estimating duration" in result.stderr else {}
    streams = answer.get("streams", [])
    films = [one for one in streams if one.get("codec_type") == "video" and not one["disposition"]["attached_pic"]]
    kind = whole.get("format_name", "")
    # Matroska and WebM state the length of the film; an mp3 that gets here has parts that its header omits
    if (kind.startswith("matroska") and films) or kind == "mp3":
        guessed = {"duration": "N/A"}
    return tuple(
        whole
        | {key: str(value) for key, value in one.items() if key not in ("disposition", "tags")}
        | {"default": str(one.get("disposition", {}).get("default", 0)), "title": _title(one.get("tags", {}))}
        | {"file_start": str(whole.get("start_time", "N/A"))}
        | guessed
        for one in streams
        if one.get("codec_type") == "audio"  # ffprobe states no type of what it does not know
    )


def _title(tags: Mapping[str, str]) -> str:
    """Name a stream as its container does: by its title, and its language."""
    title = tags.get("title", "")
    language = tags.get("language", "")
    return ", ".join(part for part in (title, "" if language == "und" else language) if part)


def audio_streams(path: Path) -> tuple[dict[str, str], ...]:
    """Ask ffprobe for a file's audio streams.

    Returns:
        For each stream, as text: index, sample_rate, channels, duration, whether it is a default one, title, when it
        begins (start_time) and when the file does (file_start), and the file's format_name.

    Raises:
        UnrecognisedError: ffprobe does not know the file.
        AudioError: ffprobe is not installed.
    """
    status = path.stat()
    return _probe(path, status.st_size, status.st_mtime_ns)


def _decode(
    path: Path, number: int, rate: int, channels: int, *, start_frame: int, block_frames: int, seeks_exactly: bool
) -> Iterator[Audio]:
    """Decode one audio stream from a position on, in blocks of (channels, samples)."""
    seek_frame = max(0, start_frame - rate) if seeks_exactly else 0
    seek = ["-ss", f"{seek_frame / rate:.6f}"] if seek_frame else []
    drop_bytes = (start_frame - seek_frame) * _BYTES_PER_SAMPLE * channels
    command = [_program("ffmpeg", path), "-v", "error", "-nostdin", *_ONLY_LOCAL, *seek]
    command += ["-i", f"file:{path}", "-map", f"0:a:{number}"]
    command += ["-f", "f32le", "-ar", str(rate), "-ac", str(channels), "pipe:1"]
    frame_bytes = _BYTES_PER_SAMPLE * channels
    with tempfile.TemporaryFile() as messages:  # a pipe that is not read would block ffmpeg
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=messages, stdin=subprocess.DEVNULL)
        assert process.stdout is not None
        try:
            while drop_bytes and (dropped := process.stdout.read(min(drop_bytes, _DROP_BYTES))):
                drop_bytes -= len(dropped)
            while data := process.stdout.read(block_frames * frame_bytes):
                whole = len(data) - len(data) % frame_bytes
                frames = np.frombuffer(data[:whole], dtype="<f4").reshape(-1, channels)
                yield np.ascontiguousarray(frames.T, dtype=np.float32)  # (frames, channels) -> (channels, frames)
            if process.wait():
                messages.seek(0)
                reason = messages.read().decode(errors="replace").strip().splitlines()[-1:] or ["ffmpeg failed"]
                raise AudioError(f"{path}: corrupt ({reason[0]}); replace it by an intact copy")
        finally:  # also when the reader has enough and closes this generator
            process.stdout.close()
            process.kill()
            process.wait()


@lru_cache(maxsize=4096)
def _count_frames(path: Path, number: int, rate: int, channels: int, _size: int, _changed_ns: int) -> int:
    """Count a stream's samples by decoding it, once while the file stays as it is."""
    blocks = _decode(path, number, rate, channels, start_frame=0, block_frames=_COUNTING_FRAMES, seeks_exactly=False)
    return sum(block.shape[1] for block in blocks)


def _note(streams: Sequence[Mapping[str, str]], number: int) -> str:
    """Return what the container states about a stream beside its samples."""
    stream = streams[number]
    notes = []
    if len(streams) > 1:
        titles = [f"{number} {one['title']}".strip() for number, one in enumerate(streams, 1)]
        notes.append(f"audio track {number + 1} of {len(streams)} ({'; '.join(titles)})")
    with contextlib.suppress(KeyError, ValueError):  # not said
        late = float(stream["start_time"]) - float(stream["file_start"])
        if late > _TOLERATED_SECONDS:
            notes.append(f"which begins {late:.3f} s after the film")
    return ", ".join(notes)


class FfmpegDecoder:
    """One audio stream of a file that ffmpeg reads."""

    def __init__(self, path: Path, stem: int | None) -> None:
        self._path = path
        streams = audio_streams(path)
        if not streams:
            raise UnrecognisedError("it holds no audio")
        # players play the one that the container calls the default
        defaults = [number for number, stream in enumerate(streams) if stream["default"] == "1"]
        self._number = stem if stem is not None else defaults[0] if len(defaults) == 1 else 0
        if not 0 <= self._number < len(streams):
            raise AudioError(f"{path}: has {len(streams)} audio streams, none numbered {self._number}; choose another")
        stream = streams[self._number]
        rate, channels = int(stream.get("sample_rate", 0)), int(stream.get("channels", 0))
        if rate <= 0 or channels <= 0:
            raise UnrecognisedError("its audio stream has no sample rate")
        self._seeks_exactly = stream.get("format_name", "").startswith(_EXACT_FORMAT)
        stated = stream["duration"]
        num_frames = None if stated == "N/A" else round(float(stated) * rate)
        status = path.stat()
        if num_frames is None or num_frames > status.st_size * MAX_FRAMES_PER_BYTE:
            num_frames = _count_frames(path, self._number, rate, channels, status.st_size, status.st_mtime_ns)
        self.info = AudioInfo(rate, channels, num_frames, note=_note(streams, self._number))

    def blocks(self, start_frame: int, block_frames: int) -> Iterator[Audio]:
        """Decode blocks of (channels, samples) from a position on."""
        return _decode(
            self._path, self._number, self.info.sample_rate, self.info.channels, start_frame=start_frame,
            block_frames=block_frames, seeks_exactly=self._seeks_exactly,
        )  # fmt: skip

    def close(self) -> None:
        """Nothing stays open between blocks."""


def open_file(path: Path, stem: int | None) -> FfmpegDecoder:
    """Open an audio stream with ffmpeg.

    Raises:
        UnrecognisedError: ffmpeg does not read this file.
        AudioError: ffmpeg is not installed, or there is no such stream.
    """
    return FfmpegDecoder(path, stem)
