"""Separation of audio of any length in overlapping segments, with memory for a few segments only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, tee

import numpy as np
import torch

from dssgan.errors import AudioError, ConfigError, ModelError, unknown
from dssgan.inference.device import PRECISIONS, uses_bf16
from dssgan.separators.base import SeparatorModel
from dssgan.types import Audio

DEFAULT_SEGMENT_SECONDS = 8.0
# source: the "shift trick" of Défossez et al. 2019, arXiv 1911.13254, where shifts are random
_MAX_SHIFT_SECONDS = 0.5
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class SeparationSettings:
    """How a separator is run over audio of any length; what it gives hardly depends on it.

    Args:
        segment_seconds: length of a segment; None takes the model's `segment_seconds` if it has one, or 8 s.
        overlap: part of a segment shared with the next, from 0 to 0.5.
        shifts: how many times the model runs, each time on a grid shifted by another part of half a second; their
            estimates are averaged.
        batch_size: segments that go through the model together.
        precision: "float32", "bf16", or "auto" for bf16 where the processor has it; a `Separator` also asks whether the
            stems are as good.

    Raises:
        ConfigError: a setting out of range.
    """

    segment_seconds: float | None = None
    overlap: float = 0.1
    shifts: int = 1
    batch_size: int = 1
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"batch size {self.batch_size}: give 1 or more")
        if self.shifts < 1:
            raise ConfigError(f"shifts {self.shifts}: give 1 or more")
        if self.segment_seconds is not None and not 0 < self.segment_seconds < float("inf"):
            raise ConfigError(f"segment of {self.segment_seconds} s: give more than 0, such as 8")
        if not 0 <= self.overlap <= 0.5:
            raise ConfigError(f"overlap {self.overlap}: give a part of the segment from 0 to 0.5")
        if self.precision not in PRECISIONS:
            raise ConfigError(unknown("precision", self.precision, PRECISIONS))

    def in_samples(self, model: SeparatorModel) -> tuple[int, int]:
        """Turn lengths into samples at a model's rate.

        Args:
            model: the separator.

        Returns:
            Length of a segment, and how much of it the next one shares, samples.

        Raises:
            ConfigError: a segment is shorter than a sample.
        """
        seconds = self.segment_seconds or model.segment_seconds or DEFAULT_SEGMENT_SECONDS
        if model.max_segment_seconds is not None and seconds > model.max_segment_seconds:
            raise ConfigError(f"segment of {seconds} s: this model takes at most {model.max_segment_seconds:g} s")
        segment_samples = round(seconds * model.sample_rate)
        if segment_samples < 1:
            raise ConfigError(f"segment of {seconds} s: give more than 0, such as 8")
        return segment_samples, int(segment_samples * self.overlap)

    def shifts_in_samples(self, model: SeparatorModel) -> list[int]:
        """Spread the shifts over half a second at a model's rate, none of them a multiple of another, the first 0."""
        return [round(_MAX_SHIFT_SECONDS * model.sample_rate * (number * _GOLDEN % 1)) for number in range(self.shifts)]


DEFAULT_SETTINGS = SeparationSettings()


def separate_blocks(
    model: SeparatorModel,
    blocks: Iterable[Audio],
    settings: SeparationSettings = DEFAULT_SETTINGS,
) -> Iterator[Audio]:
    """Separate a stream, segment by segment, at the model's own rate and channels.

    Segments of N samples start at 0, H, 2H, ... with H = N - V: each shares its last V samples with the first V of the
    next, and V is at most N / 2, so no sample lies in more than two. The segment that reaches the end is padded with
    zeros, unless it is also the first: audio shorter than one segment goes through as it is.

    The weights form a partition of unity: sample i of the V shared ones, i = 0 .. V-1, has the weight
    w(i) = sin^2(pi/2 (i + 1/2) / V) in the later segment and 1 - w(i) = cos^2(the same) in the earlier one, together 1.
    Every other sample lies in one segment with the weight 1; so do the first V samples of all and the last ones, for
    nothing comes before or after them. A model whose estimates do not depend on where a segment begins is therefore
    reproduced as if it had seen everything at once.

    The grid depends on the total length alone, never on how the blocks are cut, so a stream and a whole array agree.

    With `shifts`, all this happens several times, each with as much silence before the audio as the grid is shifted.

    Args:
        model: maps (batch, channels, samples) to (batch, sources, channels, samples). It runs in evaluation mode.
        blocks: (channels, any number of samples) each, float32, at the model's rate.
        settings: N is `segment_seconds`, V / N `overlap`.

    Yields:
        Estimates, (sources, channels, some samples); in total as many samples as came in.

    Raises:
        AudioError: a block has another number of channels than the model.
        ConfigError: a setting out of range.
        ModelError: the model's output is misshapen or holds a number that is not finite.
    """
    shifts = settings.shifts_in_samples(model)
    streams = [
        _separate_shifted(model, copy, settings, shift)
        for copy, shift in zip(tee(blocks, len(shifts)), shifts, strict=True)
    ]
    yield from streams[0] if len(streams) == 1 else _average(streams)


def _average(streams: Sequence[Iterator[Audio]]) -> Iterator[Audio]:
    """Average streams of as many samples, however each is cut."""
    waiting = [next(stream, None) for stream in streams]
    while parts := [part for part in waiting if part is not None]:
        count = min(part.shape[-1] for part in parts)
        yield sum(part[..., :count] for part in parts) / np.float32(len(streams))  # type: ignore[misc]
        for index, part in enumerate(parts):
            rest = part[..., count:]
            waiting[index] = rest if rest.shape[-1] else next(streams[index], None)


def _separate_shifted(
    model: SeparatorModel, blocks: Iterable[Audio], settings: SeparationSettings, shift: int
) -> Iterator[Audio]:
    """Separate on a grid that begins some samples before the audio."""
    if shift:
        blocks = chain([np.zeros((model.channels, shift), np.float32)], blocks)
    segment_samples, overlap_samples = settings.in_samples(model)
    device = next((tensor.device for tensor in chain(model.parameters(), model.buffers())), torch.device("cpu"))
    uses_autocast = uses_bf16(settings.precision, device)
    hop_samples = segment_samples - overlap_samples
    fade_in = np.sin(np.pi / 2 * (np.arange(overlap_samples) + 0.5) / max(overlap_samples, 1)) ** 2
    fade_in = fade_in.astype(np.float32)
    fade_out = 1 - fade_in

    was_training = model.training
    model.eval()
    try:
        segments = _segments(blocks, model.channels, segment_samples, overlap_samples)
        tail: Audio | None = None
        start = -shift
        silence = shift
        while batch := list(islice(segments, settings.batch_size)):
            ends = [end for _, end in batch]
            mix = np.stack([segment for segment, _ in batch])
            batch.clear()  # whoever separates with many models at once waits here with each
            starts = [start + index * hop_samples for index in range(len(mix))]
            estimates = _run(model, mix, device, uses_autocast, starts)
            del mix
            for estimate, end in zip(estimates, ends, strict=True):
                if tail is not None:
                    estimate[..., :overlap_samples] *= fade_in
                    estimate[..., :overlap_samples] += tail * fade_out
                ready = estimate[..., : hop_samples if end is None else end]
                dropped = min(silence, ready.shape[-1])
                silence -= dropped
                if dropped < ready.shape[-1]:
                    yield ready[..., dropped:]
                tail = estimate[..., hop_samples:].copy()
                start += hop_samples
    finally:
        if was_training:
            model.train()


def _segments(
    blocks: Iterable[Audio], channels: int, segment_samples: int, overlap_samples: int
) -> Iterator[tuple[Audio, int | None]]:
    """Cut a stream on the grid; beside the last segment stands how many of its samples are audio, else None."""
    buffer = np.zeros((channels, segment_samples), np.float32)
    filled = 0
    is_first = True
    for block in blocks:
        if block.shape[0] != channels:
            raise AudioError(f"mix has {block.shape[0]} channels where the model has {channels}; convert it first")
        position = 0
        while position < block.shape[-1]:
            if filled == segment_samples:  # and there is more to come, so this segment is not the last
                yield buffer.copy(), None
                is_first = False
                buffer[:, :overlap_samples] = buffer[:, segment_samples - overlap_samples :]
                filled = overlap_samples
            count = min(segment_samples - filled, block.shape[-1] - position)
            buffer[:, filled : filled + count] = block[:, position : position + count]
            filled += count
            position += count
    if is_first and filled:
        yield buffer[:, :filled].copy(), filled
    elif filled:
        buffer[:, filled:] = 0
        yield buffer, filled


@torch.inference_mode()
def _run(model: SeparatorModel, mix: Audio, device: torch.device, uses_autocast: bool, starts: Sequence[int]) -> Audio:
    with torch.autocast(device.type, torch.bfloat16, enabled=uses_autocast):
        estimates = model.separate_at(torch.from_numpy(mix).to(device), starts)
    result: Audio = estimates.float().cpu().numpy()
    expected = (mix.shape[0], len(model.sources), *mix.shape[1:])
    if result.shape != expected:
        raise ModelError(
            f"{type(model).__name__}: gave estimates of shape {result.shape}, not {expected}; fix its code"
        )
    if not np.isfinite(result).all():
        raise ModelError(
            f"{type(model).__name__}: gave a number that is not finite after {starts[0] / model.sample_rate:.1f} s; "
            "run it in float32, or train it again if it did"
        )
    return result
