"""The boxes that MP4 files are made of."""

from typing import BinaryIO

_HEADER_BYTES = 8  # four of length, four of kind


def find_box(file: BinaryIO, kind: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Find the first box of a kind between two positions.

    Args:
        file: an MP4.
        kind: four bytes.
        start: where the first box begins.
        end: where the last one ends.

    Returns:
        Where its content begins and ends; None where there is none, or the boxes are broken.
    """
    position = start
    while position + _HEADER_BYTES <= end:
        file.seek(position)
        header = file.read(_HEADER_BYTES)
        size, body = int.from_bytes(header[:4], "big"), position + _HEADER_BYTES
        if size == 1:  # the length follows in 64 bits
            size, body = int.from_bytes(file.read(8), "big"), body + 8
        stop = end if size == 0 else position + size
        if stop < body or stop > end:  # broken: never walk backwards or past the parent
            return None
        if header[4:] == kind:
            return body, stop
        position = stop
    return None
