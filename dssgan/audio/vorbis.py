"""Exact seeks in Ogg Vorbis.

libsndfile 1.2.2 lands up to some hundred samples off in files of other encoders, and on the last page of its own; two
stems of one song would drift apart. So a stream is cut open at a page here: its headers, then everything from some page
on, is a valid stream again. Where it begins follows from what Ogg writes on each page, the position of the last
sample that is complete there (RFC 3533, section 6; Vorbis I specification, appendix A).
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import soundfile

if TYPE_CHECKING:
    from typing_extensions import Buffer  # of the standard library from Python 3.12 on

_CAPTURE = b"OggS"
_HEADER_BYTES = 27
_NUM_VORBIS_HEADERS = 3
# The first packet of a cut stream only warms the decoder up, and packets last at most 8192 samples; two packets are
# certainly whole on some page within this distance.
_WARM_UP_SAMPLES = 4 * 8192
# What ffmpeg calls itself in the comments. It miscounts where long blocks meet short ones: for seconds on end its pages
# are 448 samples wrong, so its files have to be decoded from their beginning.
_MISCOUNTING = (b"Lavf", b"Lavc", b"ffmpeg")


@dataclass(frozen=True)
class _Page:
    offset: int
    end: int
    position: int  # samples complete at its end; -1 where no packet ends on it
    serial: bytes
    num_packets: int  # that end on it


def _pages(file: BinaryIO) -> Iterator[_Page]:
    offset = 0
    while True:
        file.seek(offset)
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or header[:4] != _CAPTURE:
            return
        lacing = file.read(header[26])
        end = offset + _HEADER_BYTES + len(lacing) + sum(lacing)
        position = int.from_bytes(header[6:14], "little", signed=True)
        yield _Page(offset, end, position, header[14:18], sum(length < 255 for length in lacing))
        offset = end


class _Spliced(io.RawIOBase):
    """A stream's headers followed by its pages from some offset on, as one seekable file."""

    def __init__(self, path: Path, headers: bytes, offset: int, end: int) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._headers, self._offset = headers, offset
        self._size = len(headers) + end - offset
        self._at = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer).cast("B")
        size = max(0, min(len(view), self._size - self._at))
        data = self._headers[self._at : self._at + size]
        if len(data) < size:
            self._file.seek(self._offset + max(0, self._at - len(self._headers)))
            data += self._file.read(size - len(data))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_before(path: Path, num_frames: int, frame: int) -> tuple[soundfile.SoundFile, int] | None:
    """Open an Ogg Vorbis file somewhat before a sample.

    Args:
        path: the file.
        num_frames: its length as libsndfile tells it; where its pages tell another, they are not trusted.
        frame: the sample wanted.

    Returns:
        An open file to be read from its beginning, never sought in, and the number of the first sample it gives, at
        most `frame`; None where the file must be decoded from its own beginning.
    """
    with path.open("rb") as file:
        pages = list(_pages(file))
        num_packets, num_header_pages = 0, 0
        while num_packets < _NUM_VORBIS_HEADERS and num_header_pages < len(pages):
            num_packets += pages[num_header_pages].num_packets
            num_header_pages += 1
        file.seek(0)
        headers = file.read(pages[num_header_pages - 1].end) if num_header_pages else b""
    audio = [page for page in pages[num_header_pages:] if page.num_packets]
    # headers end a page by the standard; several streams one after another have positions of their own
    plain = num_packets == _NUM_VORBIS_HEADERS and len({page.serial for page in pages}) == 1
    if not audio or not plain or audio[-1].position != num_frames or any(name in headers for name in _MISCOUNTING):
        return None
    # neither of the two pages that tell where the start is may be the last, whose position cuts its samples short
    early = [index for index, page in enumerate(audio[:-3]) if page.position <= frame - _WARM_UP_SAMPLES]
    if not early:
        return None
    start, *telling = audio[early[-1] : early[-1] + 3]
    try:
        begins, again = (_first_sample(path, headers, start, known) for known in telling)
        if begins != again or not 0 <= begins <= frame:
            return None
        return soundfile.SoundFile(_Spliced(path, headers, start.offset, pages[-1].end)), begins
    except soundfile.LibsndfileError:  # the slow way says what is wrong
        return None


def _first_sample(path: Path, headers: bytes, start: _Page, known: _Page) -> int:
    # so many samples come out of the pages up to `known`, which tells where they end
    with soundfile.SoundFile(_Spliced(path, headers, start.offset, known.end)) as piece:
        return known.position - sum(len(block) for block in piece.blocks(1 << 16))
