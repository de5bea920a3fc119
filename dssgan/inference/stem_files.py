"""Stems as files that sum to the mix and appear all together or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dssgan.audio.encoder import Encoder, open_writer
from dssgan.audio.files import Audio
from dssgan.audio.formats import Encoding
from dssgan.audio.stem_mp4 import add_stem_box, write_stem_file
from dssgan.audio.tags import Tags, write_tags
from dssgan.audio.writer import Writer
from dssgan.errors import AudioError, DssganError
from dssgan.inference.output import OutputSettings

_BLOCK_FRAMES = 1 << 16
_MIX = "mix"
_IN_STEM_FILE = Encoding(".wav", "pcm24")  # what the streams of a stem file are encoded from

_Writers = Sequence["Writer | Encoder | None"]  # None for a stem that is not wanted


@dataclass(frozen=True)
class WrittenStems:
    """What was written.

    Attributes:
        paths: file of each stem; one and the same where it holds all.
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
    paths: Mapping[str, Path],
    sources: Sequence[str],
    *,
    sample_rate: int,
    channels: int,
    output: OutputSettings = OutputSettings(),  # noqa: B008
    tags: Tags | None = None,
    expected_frames: int = 0,
) -> WrittenStems:
    """Write sources of a stream to files.

    Integers are rounded so that the stems sum to the rounded mix exactly. With running sums c_s = x_1 + ... + x_s, stem
    s is round(c_s) - round(c_{s-1}): the sum over s telescopes to round(c_S), the mix, and each stem is within one step
    of x_s. A stem that would clip shows only when the whole stream has passed, so the running sums wait in a temporary
    file beside the stems, and a second pass rounds them with one gain for all. What a lossy codec encodes are such
    stems of 24 bits.

    Args:
        stream: blocks of the mix, (channels, samples), and its estimates, (sources, channels, samples).
        paths: files of those stems that are wanted; one and the same where it holds all.
        sources: names of the estimates.
        sample_rate: samples per second.
        channels: channels of each block.
        output: kind of file, and what happens where a stem would clip.
        tags: what each file is to say of its music.
        expected_frames: samples a channel, as far as they are known.

    Raises:
        AudioError: the files cannot be written, or a stem would clip and may not.
    """
    encoding = _IN_STEM_FILE if output.in_one_file else output
    bits = encoding.bits if encoding.format.subtypes or output.clip_mode == "rescale" else 0
    finals: dict[Path, Path] = {}
    with _workspace(paths.values(), finals) as work:
        names = [*sources, _MIX] if output.in_one_file else sources
        drafts = {
            name: work / f"{number}{encoding.suffix}"
            for number, name in enumerate(names)
            if name in paths or name == _MIX
        }
        finals |= {draft: paths.get(name, next(iter(paths.values()))) for name, draft in drafts.items()}

        def open_writers(stack: ExitStack, num_frames: int) -> _Writers:
            writers: list[Writer | Encoder | None] = [None] * len(names)
            for place, name in enumerate(names):
                if name in drafts:
                    writer = open_writer(drafts[name], sample_rate, channels, encoding, expected_frames=num_frames)
                    stack.enter_context(writer)
                    writers[place] = writer
            return writers

        if bits == 0:  # floats
            gain = 1.0
            with ExitStack() as stack:
                num_frames, peak = _write_floats(
                    stream, open_writers(stack, expected_frames), clamps=output.clip_mode == "clamp"
                )
        else:
            waiting = work / "running_sums"
            num_frames, peak, clips = _write_running_sums(stream, waiting, bits)
            if clips and output.clip_mode == "none":
                raise AudioError(
                    f"{next(iter(paths.values()))}: a stem would clip, at {peak:.3f} of full scale; choose float32, or "
                    "the clip mode rescale or clamp"
                )
            # The running sums are float32: for S sources their rounding is worth up to S steps of a 24-bit stem near
            # full scale, and a step more comes from rounding to integers. 2 S steps of headroom cover both.
            rescales = clips and output.clip_mode == "rescale"
            gain = (_top(bits) - 2 * len(sources)) / (peak * 2 ** (bits - 1)) if rescales else 1.0
            with ExitStack() as stack:
                _write_integers(waiting, open_writers(stack, num_frames), len(sources), channels, gain, bits)
            waiting.unlink()
        if output.in_one_file:
            finals[whole := work / f"whole{output.suffix}"] = next(iter(paths.values()))
            write_stem_file(whole, drafts.pop(_MIX), drafts, output, channels)
            drafts = {_MIX: whole}
        for draft in drafts.values():
            if tags is not None:
                write_tags(draft, tags)
            if output.in_one_file:
                add_stem_box(draft, tuple(paths))
        for draft in drafts.values():
            path = finals[draft]
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(path)
    return WrittenStems(dict(paths), num_frames, peak, gain)


def _top(bits: int) -> int:
    return (1 << (bits - 1)) - 1


def _round(sums: Audio, gain: float, bits: int) -> npt.NDArray[np.float64]:
    steps: npt.NDArray[np.float64] = np.rint(sums.astype(np.float64) * (gain * 2 ** (bits - 1)))
    steps[1:] -= steps[:-1].copy()
    return steps


def _write_floats(stream: Iterable[tuple[Audio, Audio]], writers: _Writers, *, clamps: bool) -> tuple[int, float]:
    num_frames, peak = 0, 0.0
    for mix, estimates in stream:
        for writer, estimate in zip(writers, estimates, strict=True):
            if writer is not None:
                writer.write(np.clip(estimate, -1, 1) if clamps else estimate)
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


def _write_integers(path: Path, writers: _Writers, num_sources: int, channels: int, gain: float, bits: int) -> None:
    """Round the running sums; where there is one writer more than sources, it writes the mix."""
    frame_bytes = 4 * num_sources * channels
    with path.open("rb") as file:
        while data := file.read(_BLOCK_FRAMES * frame_bytes):
            sums = np.frombuffer(data, np.float32).reshape(-1, num_sources, channels).transpose(1, 2, 0)
            steps = _round(sums, gain, bits)
            # a power of two divides exactly, so the writer finds these very integers again
            stems = (np.concatenate([steps, steps.sum(axis=0, keepdims=True)]) / 2 ** (bits - 1)).astype(np.float32)
            for writer, stem in zip(writers, stems, strict=False):
                if writer is not None:
                    writer.write(stem)


@contextmanager
def _workspace(targets: Iterable[Path], finals: Mapping[Path, Path]) -> Iterator[Path]:
    """Make a hidden folder beside all targets, and leave neither it nor folders made for them empty behind.

    Errors that name a file in it name what that file was to become.
    """
    folders = sorted({path.parent for path in targets})
    folder = Path(os.path.commonpath(folders))
    parents = {parent for one in folders for parent in (one, *one.parents)}
    made = sorted((path for path in parents if not path.exists()), reverse=True)  # the deepest first
    work: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder, prefix=".dssgan-"))
        yield work
    except DssganError as error:
        text = str(error)
        for draft, final in finals.items():
            text = text.replace(str(draft), str(final))
        raise type(error)(text) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise AudioError(f"{folder}: cannot be written ({reason}); make space or choose another place") from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
