"""Stems as files that sum to the mix and appear all together or not at all."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dssgan.audio.files import Audio
from dssgan.audio.writer import SUBTYPES, Writer, check_format
from dssgan.errors import AudioError, DssganError

_BLOCK_FRAMES = 1 << 16


@dataclass(frozen=True)
class WrittenStems:
    """What was written.

    Attributes:
        paths: file of each source.
        num_frames: samples a channel.
        peak: highest magnitude in any stem before the gain.
        gain: what all stems were multiplied by so that none clips; 1 where none did.
    """

    paths: dict[str, Path]
    num_frames: int
    peak: float
    gain: float


def write_stems(
    stream: Iterable[tuple[Audio, Audio]],
    folder: Path,
    sources: Sequence[str],
    *,
    sample_rate: int,
    channels: int,
    subtype: str = "pcm16",
    suffix: str = ".wav",
) -> WrittenStems:
    """Write each source of a stream to `folder/SOURCE.suffix`.

    Integers are rounded so that the stems sum to the rounded mix exactly. With running sums c_s = x_1 + ... + x_s, stem
    s is round(c_s) - round(c_{s-1}): the sum over s telescopes to round(c_S), the mix, and each stem is within one step
    of x_s. A stem that would clip shows only when the whole stream has passed, so the running sums wait in a temporary
    file beside the stems, and a second pass rounds them with one gain for all.

    Args:
        stream: blocks of the mix, (channels, samples), and its estimates, (sources, channels, samples).
        folder: where the files go; made if it is missing.
        sources: names of the estimates.
        sample_rate: samples per second.
        channels: channels of each block.
        subtype: "pcm16", "pcm24" or "float32", which needs no gain.
        suffix: ".wav" or ".flac".

    Raises:
        ConfigError: subtype and suffix do not go together.
        AudioError: the files cannot be written.
    """
    check_format(subtype, suffix)
    bits = SUBTYPES[subtype].bits
    with _workspace(folder) as work:
        drafts = {source: work / f"{source}{suffix}" for source in sources}

        def open_writers(stack: ExitStack) -> list[Writer]:
            return [stack.enter_context(Writer(path, sample_rate, channels, subtype)) for path in drafts.values()]

        if bits == 0:  # floats
            gain = 1.0
            with ExitStack() as stack:
                num_frames, peak = _write_floats(stream, open_writers(stack))
        else:
            waiting = work / "running_sums"
            num_frames, peak, clips = _write_running_sums(stream, waiting, bits)
            # The running sums are float32: for S sources their rounding is worth up to S steps of a 24-bit stem near
            # full scale, and a step more comes from rounding to integers. 2 S steps of headroom cover both.
            gain = (_top(bits) - 2 * len(sources)) / (peak * 2 ** (bits - 1)) if clips else 1.0
            with ExitStack() as stack:
                _write_integers(waiting, open_writers(stack), channels, gain, bits)
        paths = {source: folder / draft.name for source, draft in drafts.items()}
        for source, draft in drafts.items():
            draft.replace(paths[source])
    return WrittenStems(paths, num_frames, peak, gain)


def _top(bits: int) -> int:
    return (1 << (bits - 1)) - 1


def _round(sums: Audio, gain: float, bits: int) -> npt.NDArray[np.float64]:
    steps: npt.NDArray[np.float64] = np.rint(sums.astype(np.float64) * (gain * 2 ** (bits - 1)))
    steps[1:] -= steps[:-1].copy()
    return steps


def _write_floats(stream: Iterable[tuple[Audio, Audio]], writers: list[Writer]) -> tuple[int, float]:
    num_frames, peak = 0, 0.0
    for mix, estimates in stream:
        for writer, estimate in zip(writers, estimates, strict=True):
            writer.write(estimate)
        num_frames += mix.shape[-1]
        peak = max(peak, float(np.abs(estimates).max()))
    return num_frames, peak


def _write_running_sums(stream: Iterable[tuple[Audio, Audio]], path: Path, bits: int) -> tuple[int, float, bool]:
    num_frames, peak, clips = 0, 0.0, False
    with path.open("wb") as file:
        for mix, estimates in stream:
            sums = np.cumsum(estimates, axis=0, dtype=np.float64).astype(np.float32)
            sums[-1] = mix  # what consistency made true to float rounding, to the last bit
            file.write(sums.transpose(2, 0, 1).tobytes())  # (samples, sources, channels)
            steps = _round(sums, 1.0, bits)
            clips |= bool(steps.max() > _top(bits) or steps.min() < -_top(bits) - 1)
            num_frames += mix.shape[-1]
            peak = max(peak, float(np.abs(estimates).max()))
    return num_frames, peak, clips


def _write_integers(path: Path, writers: list[Writer], channels: int, gain: float, bits: int) -> None:
    frame_bytes = 4 * len(writers) * channels
    with path.open("rb") as file:
        while data := file.read(_BLOCK_FRAMES * frame_bytes):
            sums = np.frombuffer(data, np.float32).reshape(-1, len(writers), channels).transpose(1, 2, 0)
            # a power of two divides exactly, so the writer finds these very integers again
            stems = (_round(sums, gain, bits) / 2 ** (bits - 1)).astype(np.float32)
            for writer, stem in zip(writers, stems, strict=True):
                writer.write(stem)


@contextmanager
def _workspace(folder: Path) -> Iterator[Path]:
    """Make a hidden folder inside `folder`, and leave neither it nor folders made for it empty behind."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    work: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder, prefix=".dssgan-"))
        yield work
    except DssganError as error:  # a writer knows its file's temporary place only
        raise type(error)(str(error).replace(str(work), str(folder))) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise AudioError(f"{folder}: cannot be written ({reason}); make space or choose another place") from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
