"""Guitar amplifiers as Neural Amp Modeler captures them (github.com/sdatkinson/neural-amp-modeler), and cabinets.

A capture is a WaveNet without conditioning (van den Oord et al. 2016) in a JSON file: its shape, and its weights in one
list. Others of the format's architectures are refused.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dssgan.audio.files import probe, read
from dssgan.audio.resample import resample
from dssgan.errors import DataError
from dssgan.synthesis.instruments import Instrument
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

_CAPTURE_RATE = 48000  # of captures that do not say
_BLOCK_SAMPLES = 1 << 15  # what a processor's cache holds with all its channels
_MAX_BYTES = 16 << 20
_MAX_LAYERS = 256
_MAX_CACHED = 8
_CABINET_SECONDS = 0.5  # what is longer is a room
_HAS_CABINET = ("cab",)


@dataclass(frozen=True)
class _Layer:
    """A dilated convolution: weights (channels, 3 channels + 1) of its taps and the input, biases (channels, 1)."""

    dilation: int
    taps: Tensor
    taps_bias: Tensor
    out: Tensor
    out_bias: Tensor


@dataclass(frozen=True)
class _Stack:
    """Layers of as many channels, with what goes in and what comes out of them."""

    first: Tensor
    layers: tuple[_Layer, ...]
    head: Tensor
    head_bias: Tensor


@dataclass(frozen=True)
class Capture:
    """A captured amplifier.

    Attributes:
        stacks: its layers.
        scale: factor of what comes out.
        sample_rate: the rate it was captured at, Hz.
    """

    stacks: tuple[_Stack, ...]
    scale: float
    sample_rate: int

    @property
    def receptive_field(self) -> int:
        """Number of samples that one of the output depends on."""
        return 1 + sum(2 * layer.dilation for stack in self.stacks for layer in stack.layers)

    def play(self, dry: Audio) -> Audio:
        """Play a guitar's signal through the amplifier.

        Args:
            dry: (1, samples) at 44.1 kHz, as it comes from the pickups.

        Returns:
            (1, samples) at 44.1 kHz.
        """
        signal = torch.from_numpy(resample(dry, SAMPLE_RATE, self.sample_rate))
        before = self.receptive_field - 1
        padded = functional.pad(signal, (before, 0))
        with torch.inference_mode():
            blocks = [
                self._run(padded[:, start : start + _BLOCK_SAMPLES + before])
                for start in range(0, signal.shape[1], _BLOCK_SAMPLES)
            ]
        wet = resample(torch.cat(blocks, 1).numpy(), self.sample_rate, SAMPLE_RATE)[:, : dry.shape[1]]
        return np.pad(wet, ((0, 0), (0, dry.shape[1] - wet.shape[1])))

    def _run(self, signal: Tensor) -> Tensor:
        passed, skipped = signal, torch.zeros(self.stacks[0].layers[0].out.shape[0], signal.shape[1])
        for stack in self.stacks:
            passed = stack.first @ passed
            for layer in stack.layers:
                count = passed.shape[1] - 2 * layer.dilation
                taps = [passed[:, index * layer.dilation :][:, :count] for index in range(3)]
                # one product of matrices for all taps is twice as fast as a dilated convolution of so few channels
                heard = torch.addmm(layer.taps_bias, layer.taps, torch.cat([*taps, signal[:, -count:]])).tanh_()
                skipped = heard + skipped[:, -count:]
                passed = torch.addmm(passed[:, -count:] + layer.out_bias, layer.out, heard)
            skipped = torch.addmm(stack.head_bias, stack.head, skipped)
        return skipped * self.scale


@lru_cache(maxsize=_MAX_CACHED)
def load_capture(path: Path) -> Capture:
    """Read a capture.

    Args:
        path: a `.nam` file.

    Raises:
        DataError: it is none, or of an architecture that is not played.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("too large")
        content = json.loads(path.read_bytes())
        if content["architecture"] != "WaveNet":
            raise ValueError(f"{content['architecture']} is not played, but WaveNet")
        weights = torch.tensor(content["weights"], dtype=torch.float32)
        if weights.ndim != 1 or not bool(torch.isfinite(weights).all()):
            raise ValueError("weights are not a list of numbers")
        stacks, scale = _stacks(content["config"], weights)
        rate = int(content.get("sample_rate") or _CAPTURE_RATE)
        if not 8000 <= rate <= 192_000:
            raise ValueError(f"captured at {rate} Hz")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise DataError(f"{path}: not an amplifier's capture that can be played ({error}); take it away") from error
    return Capture(stacks, scale, rate)


def _stacks(config: dict[str, Any], weights: Tensor) -> tuple[tuple[_Stack, ...], float]:
    parts = _Parts(weights)
    stacks = []
    for part in config["layers"]:
        channels, inputs, size = int(part["channels"]), int(part["input_size"]), int(part["kernel_size"])
        if part["activation"] != "Tanh" or part["gated"] or size != 3 or int(part["condition_size"]) != 1:
            raise ValueError("its layers are not plain ones of three taps with tanh")
        if not 0 < len(part["dilations"]) <= _MAX_LAYERS or min(part["dilations"]) < 1:
            raise ValueError("its layers have no dilations")
        first = parts.take(channels, inputs)
        layers = tuple(_layer(parts, channels, int(dilation)) for dilation in part["dilations"])
        head = parts.take(int(part["head_size"]), channels)
        bias = parts.take(head.shape[0], 1) if part["head_bias"] else torch.zeros(head.shape[0], 1)
        stacks.append(_Stack(first, layers, head, bias))
    scale = float(parts.take(1)[0])
    if parts.left:
        raise ValueError(f"{parts.left} weights are left over")
    return tuple(stacks), scale


def _layer(parts: "_Parts", channels: int, dilation: int) -> _Layer:
    taps, bias = parts.take(channels, channels, 3), parts.take(channels, 1)
    mixed_in = parts.take(channels, 1)
    weights = torch.cat([*taps.unbind(2), mixed_in], 1)
    return _Layer(dilation, weights, bias, parts.take(channels, channels), parts.take(channels, 1))


class _Parts:
    """Takes weights off a list in turn."""

    def __init__(self, weights: Tensor) -> None:
        self._weights = weights
        self._position = 0

    @property
    def left(self) -> int:
        return len(self._weights) - self._position

    def take(self, *shape: int) -> Tensor:
        count = math.prod(shape)
        if count > self.left:
            raise ValueError("weights are missing")
        self._position += count
        return self._weights[self._position - count : self._position].reshape(shape)


def has_cabinet(path: Path) -> bool:
    """Whether a capture's name says that it includes a cabinet."""
    words = path.stem.lower().replace("_", "-").split("-")
    return any(word in words for word in _HAS_CABINET)


def draw_capture(captures: Sequence[Instrument], generator: np.random.Generator) -> Instrument:
    """Draw a capture, a small one more often, for a large one takes up to four times as long."""
    sizes = np.array([capture.path.stat().st_size for capture in captures], np.float64)
    return captures[int(generator.choice(len(captures), p=(1 / sizes) / (1 / sizes).sum()))]


@lru_cache(maxsize=_MAX_CACHED)
def load_channel(path: Path) -> Audio:
    """Read the first channel of a recording, (1, samples) at 44.1 kHz.

    Raises:
        AudioError: it cannot be read.
    """
    return resample(read(path)[:1], probe(path).sample_rate, SAMPLE_RATE)


@lru_cache(maxsize=_MAX_CACHED)
def load_cabinet(path: Path) -> NDArray[np.float32]:
    """Read a cabinet's impulse response, (samples,) at 44.1 kHz, of a power of 1.

    Raises:
        DataError: it cannot be read or is silent.
    """
    response = load_channel(path)[0]
    power = float(np.square(response).sum(dtype=np.float64))
    if power == 0:
        raise DataError(f"{path}: is silent, so no cabinet; take it away")
    normal: NDArray[np.float32] = response / np.float32(math.sqrt(power))
    return normal


@cache
def cabinets(responses: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
    """Return the impulse responses that are short enough for a cabinet."""
    return tuple(one for one in responses if probe(one.path).seconds <= _CABINET_SECONDS)


def through_cabinet(audio: Audio, path: Path) -> Audio:
    """Play a signal, (1, samples) at 44.1 kHz, through a cabinet."""
    from scipy.signal import oaconvolve

    response = load_cabinet(path)
    played: Audio = oaconvolve(audio, response[np.newaxis], axes=1)[:, : audio.shape[1]].astype(np.float32)
    return played
