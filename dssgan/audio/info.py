"""The interface of a decoder, for any library."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dssgan.types import Audio

# The densest real coding is FLAC's constant subframe: 65,535 samples in some 14 bytes. A header that claims more than
# this is broken, or does not know its length (a streamed FLAC says 2^63 - 1).
MAX_FRAMES_PER_BYTE = 8192


@dataclass(frozen=True)
class AudioInfo:
    """The shape of a file's audio.

    Attributes:
        sample_rate: Hz.
        channels: number of channels.
        num_frames: samples per channel. Exact for what libsndfile reads; for the containers that ffmpeg reads it is
            the container's word and may differ from what is decoded by a few milliseconds.
        promised_frames: the number that the header states where the file ends earlier; None where it is whole, as far
            as that is known before decoding.
        note: a remark on the stream for the listener, from the container; "" for none.
    """

    sample_rate: int
    channels: int
    num_frames: int
    promised_frames: int | None = None
    note: str = ""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.num_frames / self.sample_rate


class UnrecognisedError(Exception):
    """This decoder does not know the file's format, or knows it and finds it broken; another one may do better."""


class Decoder(Protocol):
    """One open file."""

    info: AudioInfo

    def blocks(self, start_frame: int, block_frames: int) -> Iterator[Audio]:
        """Decode from a position to the end of what is really there, (channels, at most block_frames) at a time."""

    def close(self) -> None:
        """Let go of the file."""


Opener = Callable[[Path, int | None], Decoder]
