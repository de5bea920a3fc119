"""Reading any audio file by excerpt, with one clear error for anything that is wrong with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dssgan.audio import ffmpeg, sndfile, stem_streams
from dssgan.audio.info import AudioInfo, Decoder, Opener, UnrecognisedError
from dssgan.audio.writer import Writer, quantise, write
from dssgan.errors import AudioError
from dssgan.types import Audio

__all__ = ["SUFFIXES", "Audio", "AudioInfo", "Writer", "probe", "quantise", "read", "read_blocks", "write"]

# tried in this order; the first that knows the file reads it
_OPENERS: tuple[Opener, ...] = (stem_streams.open_file, sndfile.open_file, ffmpeg.open_file)

# what counts as audio where a folder is searched; a file that is named outright may have any suffix
SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".w64", ".m4a", ".mp4", ".aac", ".wma"}
    | {".webm", ".mka", ".ac3", ".wv", ".ape", ".caf"}
)

OnTruncated = Callable[[float, float], None]

_BLOCK_FRAMES = 1 << 20
# What a lossy file's header promises and what it decodes to differ by some frames of its codec; more than this is loss
_TRUNCATED_SECONDS = 0.5


@contextmanager
def _open(path: Path, stem: int | None) -> Iterator[Decoder]:
    _check_file(path)
    reason = ""
    for opener in _OPENERS:
        try:
            decoder = opener(path, stem)
        except UnrecognisedError as error:
            reason = str(error)
            continue
        break
    else:
        raise AudioError(f"{path}: not audio, or corrupt ({reason.removesuffix('.')}); replace it by an intact copy")
    try:
        if decoder.info.num_frames <= 0:
            raise AudioError(f"{path}: holds no samples (its length is zero); replace it or leave it out")
        yield decoder
    finally:
        decoder.close()


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise AudioError(f"{path}: is a folder; name an audio file in it")
        if not path.is_file():
            raise AudioError(f"{path}: is no file but a pipe or a device; save it as a file first")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise AudioError(f"{path}: no such file; check the name, or put the file back") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        reason = getattr(error, "strerror", None) or error
        raise AudioError(f"{str(path)!r}: cannot be opened ({reason}); check its name and permissions") from error
    if size == 0:
        raise AudioError(f"{path}: is empty (0 bytes); replace it by an intact copy")


def probe(path: Path, stem: int | None = None) -> AudioInfo:
    """Read a file's sample rate, channels and length from its header.

    Args:
        path: an audio file of any kind.
        stem: stream of a file that holds several (.stem.mp4: 0 the mix, 1 and up the stems).

    Raises:
        AudioError: the file is missing, corrupt or of zero length; or ffmpeg is needed and missing.
    """
    with _open(Path(path), stem) as decoder:
        return decoder.info


def read(path: Path, start_frame: int = 0, num_frames: int | None = None, *, stem: int | None = None) -> Audio:
    """Read an excerpt without decoding the rest.

    Memory follows what is really there, never what a header claims.

    Args:
        path: an audio file of any kind.
        start_frame: first sample.
        num_frames: samples per channel; None for all that follows.
        stem: stream of a file that holds several.

    Returns:
        (channels, samples), float32, at the file's own rate; shorter than `num_frames` where the file ends.

    Raises:
        AudioError: the file is missing, corrupt, truncated, of zero length or holds a sample that is not a finite
            number; or the excerpt begins beyond its end.
    """
    path = Path(path)
    with _open(path, stem) as decoder:
        info = decoder.info
        if start_frame < 0 or start_frame >= info.num_frames or (num_frames is not None and num_frames <= 0):
            wanted = "to its end" if num_frames is None else f"for {num_frames / info.sample_rate:.3f} s"
            raise AudioError(
                f"{path}: lasts {info.seconds:.3f} s, but an excerpt from {start_frame / info.sample_rate:.3f} s "
                f"{wanted} was asked for; choose a position inside it"
            )
        promised = info.num_frames - start_frame
        wanted_frames = promised if num_frames is None else min(num_frames, promised)
        blocks = list(_decoded(decoder, path, start_frame, wanted_frames, min(wanted_frames, _BLOCK_FRAMES)))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)


def read_blocks(
    path: Path, block_frames: int, *, stem: int | None = None, on_truncated: OnTruncated | None = None
) -> Iterator[Audio]:
    """Read a whole file block by block, in flat memory.

    Args:
        path: an audio file of any kind.
        block_frames: samples per channel of each block; the last may be shorter.
        stem: stream of a file that holds several.
        on_truncated: called at the end of a file that ends before its time, with the seconds that are there and those
            that its header promises; None refuses such a file.

    Yields:
        (channels, samples), float32, at the file's own rate.

    Raises:
        AudioError: as `read`.
    """
    path = Path(path)
    with _open(path, stem) as decoder:
        yield from _decoded(decoder, path, 0, decoder.info.num_frames, block_frames, on_truncated)


def _decoded(
    decoder: Decoder, path: Path, start_frame: int, num_frames: int, block_frames: int,
    on_truncated: OnTruncated | None = None,
) -> Iterator[Audio]:  # fmt: skip
    info = decoder.info
    rate = info.sample_rate
    have = 0
    for block in decoder.blocks(start_frame, block_frames):
        # codecs fill their last frame up; the header knows where the music ends
        kept = block[:, : num_frames - have]
        finite = np.isfinite(kept).all(axis=0)  # (samples,)
        if not finite.all():
            seconds = (start_frame + have + int(np.argmin(finite))) / rate
            raise AudioError(
                f"{path}: a sample at {seconds:.3f} s is NaN or infinite; replace the file or export it again"
            )
        have += kept.shape[1]
        yield kept
        if have >= num_frames:
            break
    end, promised = start_frame + have, start_frame + num_frames
    if promised == info.num_frames and info.promised_frames is not None:
        promised = info.promised_frames
    if have == 0 or (promised - end) / rate > _TRUNCATED_SECONDS:
        if on_truncated is not None and have:
            on_truncated(end / rate, promised / rate)
            return
        raise AudioError(
            f"{path}: ends after {end / rate:.2f} s where its header promises {promised / rate:.2f} s: truncated; "
            "replace it by an intact copy"
        )
