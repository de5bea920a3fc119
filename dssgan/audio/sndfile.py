"""Decoding through libsndfile: wav, flac, Ogg Vorbis and mp3, by seeking.

Every excerpt is the very samples that decoding from the beginning would give, at any cost: parts of one song
that are read one by one must not drift apart.
"""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from dssgan.audio.info import MAX_FRAMES_PER_BYTE, AudioInfo, UnrecognisedError
from dssgan.errors import AudioError
from dssgan.types import Audio

_STDERR_LOCK = threading.RLock()
_DROP_FRAMES = 1 << 18
# An mp3 frame may hold data of those before it, and its filters remember some: eight frames of 1152 samples fill both
_MP3_PREROLL_FRAMES = 16 * 1152
# names of the header that states an mp3's length; it is within its first frame, which is at most 2881 bytes long
_MP3_LENGTH_TAGS = (b"Xing", b"Info", b"VBRI")
_MP3_FIRST_FRAME_BYTES = 4096
_MP3_FRAME = re.compile(rb"\xff[\xf2\xf3\xfa\xfb\xe2\xe3]")
_MP3_SEARCHED_BYTES = 1 << 16
# Where the channels of surround sound, in the order of wav, stand in Vorbis; libsndfile 1.2.2 leaves them there.
# Source: Vorbis I specification, section 4.3.9.
_VORBIS_ORDERS = {
    3: [0, 2, 1], 5: [0, 2, 1, 3, 4], 6: [0, 2, 1, 5, 3, 4], 7: [0, 2, 1, 6, 5, 3, 4], 8: [0, 2, 1, 7, 5, 6, 3, 4],
}  # fmt: skip
# of wav, AIFF and AU
_SHORT_CHUNK = re.compile(r"(?:^data|^ ?SSND|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
_UNKNOWN_BYTES = 0x7FFF0000


class SoundFileDecoder:
    """One file that libsndfile reads."""

    def __init__(self, path: Path, stem: int | None) -> None:
        if stem is not None:
            raise UnrecognisedError("libsndfile reads single streams")
        self._path = path
        if _is_mp3_of_unknown_length(path):  # libsndfile guesses, and drops what is beyond
            raise UnrecognisedError("an mp3 that does not state its length is left to ffmpeg")
        try:
            with _silent_mpg123(_may_be_mp3(path)):
                self._handle = soundfile.SoundFile(os.fsencode(path))  # a name may be bytes in some old encoding
        except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: headerless formats, such as .raw
            raise UnrecognisedError(str(error)) from error
        frames = int(self._handle.frames)
        promised = _promised_frames(self._handle.extra_info, frames)
        self.info = AudioInfo(int(self._handle.samplerate), int(self._handle.channels), frames, promised)
        orders = _VORBIS_ORDERS if self._handle.subtype == "VORBIS" else {}
        self._order = orders.get(self.info.channels, slice(None))
        if reason := self._misread():
            self._handle.close()
            raise UnrecognisedError(reason)

    def _misread(self) -> str:
        """Return what libsndfile 1.2.2 reads wrongly and ffmpeg does not; empty where it reads all correctly."""
        if self._handle.subtype == "OPUS":  # most Opus files fail somewhere inside
            return "Opus is left to ffmpeg"
        if self.info.num_frames > self._path.stat().st_size * MAX_FRAMES_PER_BYTE:  # it cannot reach the true end
            return "its header claims more samples than it can hold"
        return ""

    def blocks(self, start_frame: int, block_frames: int) -> Iterator[Audio]:
        try:
            drop_frames = self._seek_before(start_frame)
            while drop_frames and (dropped := len(self._read(min(drop_frames, _DROP_FRAMES)))):
                drop_frames -= dropped
            while len(block := self._read(block_frames)):
                yield np.ascontiguousarray(block.T[self._order])  # (frames, channels) -> (channels, frames)
        except soundfile.LibsndfileError as error:
            message = str(error).removesuffix(".")
            raise AudioError(f"{self._path}: corrupt ({message}); replace it by an intact copy") from error

    def _read(self, num_frames: int) -> Audio:
        with _silent_mpg123(self._handle.format == "MP3"):
            frames: Audio = self._handle.read(num_frames, dtype="float32", always_2d=True)
        return frames

    def _seek_before(self, frame: int) -> int:
        """Seek to a frame from which decoding is exact, and return how far before the wanted frame it is."""
        reach = _MP3_PREROLL_FRAMES if self._handle.format == "MP3" else 0
        if self._handle.subtype == "VORBIS":
            # libsndfile 1.2.2 seeks up to some hundred samples off in files of other encoders, and two stems of one
            # song would drift apart; so they are decoded from the beginning
            reach = frame
        with _silent_mpg123(self._handle.format == "MP3"):
            self._handle.seek(max(0, frame - reach))
        return min(frame, reach)

    def close(self) -> None:
        self._handle.close()


def _may_be_mp3(path: Path) -> bool:
    with path.open("rb") as file:
        begin = file.read(3)
    return begin == b"ID3" or path.suffix.lower() == ".mp3" or bool(_MP3_FRAME.match(begin))


@contextmanager
def _silent_mpg123(is_used: bool) -> Iterator[None]:
    """Suppress the messages of libmpg123 on a damaged mp3, which it writes to file descriptor 2 itself."""
    if not is_used:
        yield
        return
    with _STDERR_LOCK:
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def _promised_frames(log: str, num_frames: int) -> int | None:
    """Find in libsndfile's log what an uncompressed file's header promises beyond the file's end."""
    found = _SHORT_CHUNK.search(log)
    if found is None:
        return None
    promised, there = (int(group) for group in found.groups())
    # the largest numbers are what programs write that do not know the length, such as those that write to a pipe
    if not 0 < there < promised or promised >= _UNKNOWN_BYTES:
        return None
    return round(num_frames * promised / there)


def _is_mp3_of_unknown_length(path: Path) -> bool:
    """Return whether a file is an mp3 whose header states less than its whole length.

    Joined files have that of the first one in front.
    """
    with path.open("rb") as file:
        begin = file.read(10).ljust(10, b"\0")
        sound = 0
        if begin[:3] == b"ID3":  # its length: four bytes of seven bits
            sound = 10 + sum(byte << shift for byte, shift in zip(begin[6:10], (21, 14, 7, 0), strict=True))
        file.seek(sound)
        first = file.read(_MP3_FIRST_FRAME_BYTES)
        if not _MP3_FRAME.match(first):
            return False
        tag = next((tag for tag in _MP3_LENGTH_TAGS if tag in first), None)
        if tag is None:
            return True
        file.seek(sound + _covered_bytes(tag, first[first.index(tag) + len(tag) :]))
        following = file.read(_MP3_SEARCHED_BYTES)
    return bool(_MP3_FRAME.match(following)) or any(tag in following for tag in _MP3_LENGTH_TAGS)


def _covered_bytes(tag: bytes, fields: bytes) -> int:
    """Return the number of bytes, from an mp3's first frame on, that its header covers; huge where it states none."""
    if tag == b"VBRI":
        return int.from_bytes(fields[6:10], "big")
    flags = int.from_bytes(fields[:4], "big")
    position = 4 + 4 * (flags & 1)
    return int.from_bytes(fields[position : position + 4], "big") if flags & 2 else 1 << 62


def open_file(path: Path, stem: int | None) -> SoundFileDecoder:
    """Open a file with libsndfile.

    Raises:
        UnrecognisedError: libsndfile does not read this file.
    """
    return SoundFileDecoder(path, stem)
