"""Separation at a file's own rate and channels by a model of any, in constant memory."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import tee

import numpy as np
import torch

from dssgan.audio.resample import StreamResampler
from dssgan.errors import AudioError
from dssgan.inference.level import Level, measure_level, normalise_blocks
from dssgan.inference.overlap_add import DEFAULT_SETTINGS, SeparationSettings, separate_blocks
from dssgan.separators.base import SeparatorModel
from dssgan.separators.consistency import mixture_consistency
from dssgan.types import Audio

_ARRAY_BLOCK_SAMPLES = 1 << 16


def separate_stream(
    model: SeparatorModel,
    blocks: Iterable[Audio],
    *,
    sample_rate: int,
    channels: int,
    settings: SeparationSettings = DEFAULT_SETTINGS,
    level: Level = Level(),  # noqa: B008
) -> Iterator[tuple[Audio, Audio]]:
    """Separate a stream of any rate and number of channels into stems that sum to it.

    Each block goes to the model's rate, through the model, and back; the original waits meanwhile, so that mixture
    consistency compares like with like. What the model's rate cannot hold returns to the stems in equal shares.

    A model of M channels separates C channels in ceil(C / M) groups. The last group repeats its last channel to be
    full, and the estimates of those copies are averaged; thus a stereo model gets mono on both sides.

    Args:
        model: the separator.
        blocks: (channels, any number of samples) each, float32.
        sample_rate: rate of the blocks, samples per second.
        channels: channels of the blocks.
        settings: how the model is run.
        level: gain and offset that normalise the recording for the model.

    Yields:
        The mix, (channels, some samples), and its estimates, (sources, channels, as many samples); in total exactly
        what came in.

    Raises:
        AudioError: a block has another number of channels.
        ConfigError: a setting out of range.
        ModelError: the model's output is misshapen or holds a number that is not finite.
    """
    if not model.separates_by_sound:
        level = Level()  # stems that are there already are at the recording's own level
    num_sources = len(model.sources)
    delay_line = _MixDelayLine(channels)
    resampled = _resampled(
        normalise_blocks(delay_line.through(blocks), level), sample_rate, model.sample_rate, channels
    )
    num_groups = -(-channels // model.channels)
    # the groups advance in step, so what tee keeps for the others is at most one segment
    groups = [
        separate_blocks(model, _group(copy, group * model.channels, model.channels), settings)
        for group, copy in enumerate(tee(resampled, num_groups))
    ]
    joined = (_join(parts, channels).reshape(num_sources * channels, -1) for parts in zip(*groups, strict=True))
    for flat in _resampled(joined, model.sample_rate, sample_rate, num_sources * channels):
        # two resamplers round the length twice: the few samples beyond the end of the mix are dropped here
        flat = flat[:, : delay_line.num_samples]
        if flat.shape[-1]:
            mix = delay_line.take(flat.shape[-1])
            yield mix, mixture_consistency(level.restore(flat).reshape(num_sources, channels, -1), mix)
    if delay_line.num_samples:  # ... and the few that are missing are shared equally
        mix = delay_line.take(delay_line.num_samples)
        yield mix, mixture_consistency(np.zeros((num_sources, *mix.shape), np.float32), mix)


def separate_array(
    model: SeparatorModel,
    mix: Audio | torch.Tensor,
    *,
    sample_rate: int | None = None,
    settings: SeparationSettings = DEFAULT_SETTINGS,
) -> Audio:
    """Separate a whole array exactly as `separate_stream` would the same audio in pieces.

    Validation, early stopping, fitting and evaluation call this with its defaults, which are those of
    `dssgan separate`: what is scored is what users get.

    Args:
        model: the separator.
        mix: (channels, samples), float32.
        sample_rate: its rate, samples per second; None for the model's own.
        settings: how the model is run.

    Returns:
        Estimates, (sources, channels, samples); they sum to the mix.

    Raises:
        AudioError: `mix` holds no samples.
        ConfigError: a setting out of range.
        ModelError: the model's output is misshapen or holds a number that is not finite.
    """
    audio = mix.detach().cpu().numpy() if isinstance(mix, torch.Tensor) else np.asarray(mix)
    if audio.ndim != 2 or audio.shape[-1] == 0:
        raise AudioError(f"mix of shape {audio.shape}: give (channels, samples) with at least one sample")
    sample_rate = sample_rate or model.sample_rate
    level = measure_level([audio], sample_rate)
    starts = range(0, audio.shape[-1], _ARRAY_BLOCK_SAMPLES)
    blocks = (audio[:, start : start + _ARRAY_BLOCK_SAMPLES] for start in starts)
    estimates = np.empty((len(model.sources), *audio.shape), np.float32)
    position = 0
    for part, estimate in separate_stream(
        model, blocks, sample_rate=sample_rate, channels=audio.shape[0], settings=settings, level=level
    ):  # fmt: skip
        estimates[..., position : position + part.shape[-1]] = estimate
        position += part.shape[-1]
    return estimates


class _MixDelayLine:
    """The part of the mix whose estimates are still on their way."""

    def __init__(self, channels: int) -> None:
        self.num_samples = 0
        self._channels = channels
        self._blocks: deque[Audio] = deque()

    def through(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        for block in blocks:
            self._blocks.append(block)
            self.num_samples += block.shape[-1]
            yield block

    def take(self, num_samples: int) -> Audio:
        taken = []
        missing = num_samples
        while missing:
            block = self._blocks.popleft()
            if block.shape[-1] > missing:
                self._blocks.appendleft(block[:, missing:])
                block = block[:, :missing]
            taken.append(block)
            missing -= block.shape[-1]
        self.num_samples -= num_samples
        return np.concatenate(taken, axis=-1)


def _resampled(blocks: Iterable[Audio], from_rate: int, to_rate: int, channels: int) -> Iterator[Audio]:
    if from_rate == to_rate:
        yield from blocks
        return
    resampler = StreamResampler(from_rate, to_rate, channels)
    for block in blocks:
        yield resampler.push(block)
    yield resampler.flush()


def _group(blocks: Iterable[Audio], first: int, num_channels: int) -> Iterator[Audio]:
    for block in blocks:
        chosen = np.minimum(np.arange(first, first + num_channels), block.shape[0] - 1)
        yield block[chosen]


def _join(parts: tuple[Audio, ...], channels: int) -> Audio:
    joined = np.concatenate(parts, axis=1)  # (sources, groups * model channels, samples)
    if joined.shape[1] > channels:
        last = joined[:, channels - 1 :].mean(axis=1, keepdims=True)
        joined = np.concatenate([joined[:, : channels - 1], last], axis=1)
    return joined
