"""Stems as files that sum to the mix and appear all together or not at all."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from dssgan.atomic import make_folder
from dssgan.audio.encoder import Encoder, open_writer
from dssgan.audio.formats import Encoding
from dssgan.audio.stem_mp4 import add_stem_box, write_stem_file
from dssgan.audio.tags import Tags, write_tags
from dssgan.audio.writer import Writer
from dssgan.errors import AudioError, DssganError
from dssgan.inference.output import OutputSettings
from dssgan.types import Audio

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
    sums: Mapping[str, Sequence[str]] = MappingProxyType({}),
    sample_rate: int,
    channels: int,
    output: OutputSettings = OutputSettings(),  # noqa: B008
    tags: Tags | None = None,
    beside: Mapping[Path, Callable[[Path], None]] = MappingProxyType({}),
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
        sums: further stems, which are sums of these.
        sample_rate: samples per second.
        channels: channels of each block.
        output: kind of file, and what happens where a stem would clip.
        tags: tags to write into each file.
        beside: further files that appear together with the stems, and what writes each once the stream has ended.
        expected_frames: samples a channel, as far as they are known.

    Raises:
        AudioError: the files cannot be written, or a stem would clip and may not.
    """
    encoding = _IN_STEM_FILE if output.in_one_file else output
    bits = encoding.bits if encoding.format.subtypes or output.clip_mode == "rescale" else 0
    finals: dict[Path, Path] = {}
    with _workspace((*paths.values(), *beside), finals) as work:
        wanted = {name: parts for name, parts in sums.items() if name in paths}
        names = [*sources, *wanted, *([_MIX] if output.in_one_file else [])]
        joined = [[sources.index(part) for part in parts] for parts in wanted.values()]
        drafts = {
            name: work / f"{number}{encoding.suffix}"
            for number, name in enumerate(names)
            if name in paths or name == _MIX
        }
        finals |= {draft: paths.get(name, next(iter(paths.values()))) for name, draft in drafts.items()}

        def open_writers(stack: ExitStack, num_frames: int) -> _Writers:
            writers: list[Writer | Encoder | None] = [None] * len(names)
            for index, name in enumerate(names):
                if name in drafts:
                    writer = open_writer(drafts[name], sample_rate, channels, encoding, expected_frames=num_frames)
                    stack.enter_context(writer)
                    writers[index] = writer
            return writers

        if bits == 0:  # floats
            gain = 1.0
            with ExitStack() as stack:
                num_frames, peak = _write_floats(
                    stream, open_writers(stack, expected_frames), joined, clamps=output.clip_mode == "clamp"
                )
        else:
            waiting = _RunningSums(work / "running_sums", bits, joined)
            waiting.fill(stream)
            num_frames, peak = waiting.num_frames, waiting.peak
            if waiting.clips and output.clip_mode == "none":
                raise AudioError(
                    f"{next(iter(paths.values()))}: a stem would clip, at {peak:.3f} of full scale; choose float32, or "
                    "the clip mode rescale or clamp"
                )
            # The running sums are float32: for S sources their rounding is worth up to S steps of a 24-bit stem near
            # full scale, and a step more comes from rounding to integers. 2 S steps of headroom cover both.
            rescales = waiting.clips and output.clip_mode == "rescale"
            gain = (_top(bits) - 2 * len(sources)) / (peak * 2 ** (bits - 1)) if rescales else 1.0
            with ExitStack() as stack:
                waiting.write(open_writers(stack, num_frames), gain)
            waiting.path.unlink()
        if output.in_one_file:
            finals[whole := work / f"whole{output.suffix}"] = next(iter(paths.values()))
            write_stem_file(whole, drafts.pop(_MIX), drafts, output, channels)
            drafts = {_MIX: whole}
        for draft in drafts.values():
            if tags is not None:
                write_tags(draft, tags)
            if output.in_one_file:
                add_stem_box(draft, tuple(paths))
        for number, (path, write) in enumerate(beside.items()):
            drafts[f"beside {number}"] = draft = work / f"beside-{number}{path.suffix}"
            finals[draft] = path
            write(draft)
        _publish({draft: finals[draft] for draft in drafts.values()}, replaces=output.replaces)
    return WrittenStems(dict(paths), num_frames, peak, gain)


def write_contents(contents: Mapping[Path, bytes], *, replaces: bool) -> None:
    """Write stems that were encoded elsewhere, such as on another machine.

    Args:
        contents: contents of each file.
        replaces: whether files of those names are replaced.

    Raises:
        AudioError: the files cannot be written, or one of them is there and may not be replaced; then none appears.
    """
    finals: dict[Path, Path] = {}
    with _workspace(contents, finals) as work:
        for number, (path, content) in enumerate(contents.items()):
            draft = work / f"{number}{path.suffix}"
            draft.write_bytes(content)
            finals[draft] = path
        _publish(finals, replaces=replaces)


def _publish(finals: Mapping[Path, Path], *, replaces: bool) -> None:
    """Rename drafts to their final names.

    Args:
        finals: name of each.
        replaces: whether files of those names are replaced. Otherwise none of the files appears where one is taken,
            even if another process has taken it in this moment.
    """
    published: list[Path] = []
    for draft, path in finals.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if replaces:
            draft.replace(path)
            continue
        try:
            _give_new_name(draft, path)
        except FileExistsError as error:
            for other in published:
                other.unlink(missing_ok=True)
            raise AudioError(
                f"{path}: appeared while this track was separated, perhaps from another process; nothing is replaced"
            ) from error
        published.append(path)


def _give_new_name(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)  # unlike a renaming, it fails where the name is taken
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        draft.rename(path)


def _top(bits: int) -> int:
    return (1 << (bits - 1)) - 1


def _round(sums: Audio, gain: float, bits: int) -> npt.NDArray[np.float64]:
    steps: npt.NDArray[np.float64] = np.rint(sums.astype(np.float64) * (gain * 2 ** (bits - 1)))
    steps[1:] -= steps[:-1].copy()
    return steps


def _with_sums(stems: npt.NDArray[Any], joined: Sequence[Sequence[int]]) -> npt.NDArray[Any]:
    """Append sums of stems, (stems, channels, samples), each of those of some positions."""
    return np.concatenate([stems, *(stems[positions].sum(axis=0, keepdims=True) for positions in joined)])


def _write_floats(
    stream: Iterable[tuple[Audio, Audio]], writers: _Writers, joined: Sequence[Sequence[int]], *, clamps: bool
) -> tuple[int, float]:
    num_frames, peak = 0, 0.0
    for mix, estimates in stream:
        stems = _with_sums(estimates, joined)
        for writer, stem in zip(writers, stems, strict=True):
            if writer is not None:
                writer.write(np.clip(stem, -1, 1) if clamps else stem)
        num_frames += mix.shape[-1]
        peak = max(peak, float(np.abs(stems).max()))
    return num_frames, peak


@dataclass
class _RunningSums:
    """Running sums that wait in a file, block by block.

    Args:
        path: the file.
        bits: bits of the integers that they become.
        joined: positions of the stems whose sums are written too.
    """

    path: Path
    bits: int
    joined: Sequence[Sequence[int]]
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    num_frames: int = 0
    peak: float = 0.0
    clips: bool = False

    def fill(self, stream: Iterable[tuple[Audio, Audio]]) -> None:
        """Write the running sums of a stream's estimates."""
        # a stem's integers are within one step of it
        surely_fits = (_top(self.bits) - 1) / 2 ** (self.bits - 1)
        with self.path.open("wb") as file:
            for mix, estimates in stream:
                sums = np.empty(estimates.shape, np.float32)
                sums[:-1] = np.cumsum(estimates[:-1], axis=0, dtype=np.float64)
                sums[-1] = mix  # what consistency made true to float rounding, to the last bit
                file.write(sums.data)
                self.shapes.append(sums.shape)
                self.num_frames += mix.shape[-1]
                stems = _with_sums(estimates, self.joined)
                peak = max(float(stems.max()), -float(stems.min()))
                self.peak = max(self.peak, peak)
                if peak > surely_fits:
                    steps = _with_sums(_round(sums, 1.0, self.bits), self.joined)
                    self.clips |= bool(steps.max() > _top(self.bits) or steps.min() < -_top(self.bits) - 1)

    def write(self, writers: _Writers, gain: float) -> None:
        """Round the running sums times a gain; where there is one writer more than stems, it writes the mix."""
        with self.path.open("rb") as file:
            for shape in self.shapes:
                sums = np.fromfile(file, np.float32, int(np.prod(shape))).reshape(shape)
                steps = _round(sums, gain, self.bits)
                stems = _with_sums(steps, self.joined)
                stems = stems if len(writers) == len(stems) else np.concatenate([stems, steps.sum(0, keepdims=True)])
                for writer, stem in zip(writers, stems, strict=True):
                    if writer is not None:
                        writer.write_steps(np.clip(stem, -_top(self.bits) - 1, _top(self.bits)).astype(np.int32))


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
        work = make_folder(folder)
        yield work
    except DssganError as error:
        text = str(error)
        for draft, final in finals.items():
            text = text.replace(str(draft), str(final))
        raise type(error)(text) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise AudioError(f"{folder}: cannot be written ({reason}); make space or choose another folder") from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
