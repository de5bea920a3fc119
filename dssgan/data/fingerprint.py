"""Fingerprints of the audio in a file, which do not depend on its name and container."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from dssgan.audio import files

SILENCE = "silence"
_BLOCK_FRAMES = 1 << 18
_BITS = 16


def fingerprint(path: Path, stem: int | None = None) -> str:
    """Hash a file's decoded audio.

    A renamed copy, or one in another lossless container, has the same fingerprint. The samples are rounded to 16 bits
    first, so that float and integer copies of 16-bit audio agree.

    Args:
        path: an audio file.
        stem: stream of a file that holds several.

    Returns:
        64 hexadecimal digits; or "silence" where every sample rounds to zero, since silence has no identity: two
        songs with a silent stem do not share anything.

    Raises:
        AudioError: the file cannot be decoded to its end.
    """
    return fingerprint_of(files.read_blocks(path, _BLOCK_FRAMES, stem=stem))


def fingerprint_of(blocks: Iterable[files.Audio]) -> str:
    """Hash audio that is decoded already, as `fingerprint` does.

    Args:
        blocks: (channels, any number of samples) each, float32, all of the audio in order.

    Returns:
        As `fingerprint` gives.
    """
    digest = hashlib.sha256()
    silent = True
    for block in blocks:
        rounded = files.quantise(block, _BITS).astype("<i2")
        silent = silent and not rounded.any()
        digest.update(rounded.T.tobytes())  # (samples, channels), so that the length of a block does not matter
    return SILENCE if silent else digest.hexdigest()
