"""Live separation: block by block, with a known latency."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dssgan.errors import AudioError, ConfigError, ModelError
from dssgan.inference.level import SlowGain
from dssgan.separators.band_split import BandSplit
from dssgan.separators.base import SeparatorModel
from dssgan.separators.dual_path import State
from dssgan.separators.stacked_bands import StackedBands
from dssgan.types import Audio

_LEAST_WEIGHT = 1e-11  # of the windows over a sample: at the very edges it is nearly nothing


class LiveSeparator:
    """Separates each block of a stream as soon as its stems are known.

    What comes out is, `latency_samples` later, what the model gives for the whole stream at once: the frames of its
    transform are computed as they come, and its recurrences keep their states. A stream far from the ordinary level is
    normalised by a slow automatic gain, which the stems do not have.

    A step of the transform is computed in a thread of its own until the next one is due, so that a block of a fraction
    of a step, which completes it, does not take the time of a whole one.

    >>> import numpy as np
    >>> from dssgan.separators import build_separator
    >>> live = LiveSeparator(build_separator("band_split", {}, preset="causal"))
    >>> live.push(np.zeros((2, 256), np.float32)).shape, live.latency_samples
    ((2, 2, 256), 2560)

    Args:
        model: a causal `band_split`.

    Raises:
        ConfigError: the model depends on more than a window ahead.
    """

    def __init__(self, model: SeparatorModel) -> None:
        if not isinstance(model, BandSplit) or not model.causal:
            raise ConfigError(
                "live separation needs a model that depends on at most a window ahead: a band_split with causal=true; "
                "train one with separator.name=band_split separator.preset=causal"
            )
        self.model = model.eval()
        self._one_frame = StackedBands(model)
        self._window = model.stft.window.cpu()
        size, hop = model.n_fft, model.hop_samples
        self._states: list[State | None] = [None] * model.num_layers
        # centred frames: the first one begins half a window before the stream
        self._received = torch.zeros(model.channels, size // 2)
        self._sums = torch.zeros(model.num_masks, model.channels, size)
        self._weights = torch.zeros(size)
        self._silence = size // 2  # samples before the stream, which are not given
        self._hop = hop
        self._gain = SlowGain(hop / model.sample_rate)
        self._delayed_mix = torch.zeros(model.channels, self.latency_samples)
        self._ready = torch.zeros(model.num_masks, model.channels, self.latency_samples)
        self._worker = ThreadPoolExecutor(1, "live")
        self._pending: Future[Tensor] | None = None
        self._num_received = self._num_frames = 0

    @property
    def latency_samples(self) -> int:
        """How much later a sample comes out than it went in, samples."""
        return self.model.n_fft + self._hop

    @property
    def latency_seconds(self) -> float:
        """The same in seconds; a sound card adds its buffers."""
        return self.latency_samples / self.model.sample_rate

    @torch.inference_mode()
    def push(self, block: Audio) -> Audio:
        """Take a block of the mix and return as many samples of the stems.

        Args:
            block: (channels, samples), float32 in [-1, 1], at the model's rate and channels.

        Returns:
            (sources, channels, samples), `latency_samples` late: the first ones are silent. They sum to the mix, as
            late.

        Raises:
            AudioError: the block is misshapen or holds a sample that is not a finite number.
            ModelError: the model's output holds one.
        """
        if block.ndim != 2 or block.shape[0] != self.model.channels:
            raise AudioError(f"block of shape {block.shape}: give ({self.model.channels}, samples)")
        if not np.isfinite(block).all():
            raise AudioError("block: holds a sample that is not a finite number")
        mix = torch.from_numpy(np.ascontiguousarray(block, np.float32))
        self._received = torch.cat([self._received, mix], dim=-1)
        self._delayed_mix = torch.cat([self._delayed_mix, mix], dim=-1)
        self._num_received += mix.shape[-1]
        num_frames = max(0, (self._received.shape[-1] - self.model.n_fft) // self._hop + 1)
        if num_frames:
            self._collect()
            frames = self._next_frames(num_frames)
            if num_frames == 1:
                self._pending = self._worker.submit(self._separate, frames)
            else:  # a large block, whose first stems are due with it
                self._ready = torch.cat([self._ready, self._separate(frames)], dim=-1)
        return self._next_stems(mix.shape[-1])

    @torch.inference_mode()
    def flush(self) -> Audio:
        """Return the remaining stems, (sources, channels, latency_samples). Nothing may be pushed afterwards."""
        self._collect()
        # the model, given the whole, ends with the frame whose middle is the first at or beyond the end
        missing = -(-self._num_received // self._hop) + 1 - self._num_frames
        self._received = functional.pad(self._received, (0, self.model.n_fft + missing * self._hop))
        tail = self._separate(self._next_frames(missing)) if missing > 0 else self._ready[..., :0]
        rest = self._without_silence(self._sums / self._weights.clamp(min=_LEAST_WEIGHT))
        self._ready = torch.cat([self._ready, tail, rest], dim=-1)
        return self._next_stems(self.latency_samples)

    def _next_stems(self, count: int) -> Audio:
        given, self._ready = self._ready[..., :count], self._ready[..., count:]
        late, self._delayed_mix = self._delayed_mix[..., :count], self._delayed_mix[..., count:]
        stems = self._stems(given, late)
        if not torch.isfinite(stems).all():
            raise ModelError("the model gave a number that is not finite; train it again")
        result: Audio = stems.numpy()
        return result

    def _collect(self) -> None:
        """Take over what the thread has computed, waiting for it where it is late."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._ready = torch.cat([self._ready, pending.result()], dim=-1)

    def _next_frames(self, num_frames: int) -> Tensor:
        """Cut the next frames off the input so far, (channels, frames, n_fft)."""
        frames = self._received.unfold(-1, self.model.n_fft, self._hop)[:, :num_frames]
        self._received = self._received[:, num_frames * self._hop :]
        self._num_frames += num_frames
        return frames

    @torch.inference_mode()
    def _separate(self, frames: Tensor) -> Tensor:
        """Return the samples that are complete after the next frames, (masks, channels, samples)."""
        size, hop, num_frames = self.model.n_fft, self._hop, frames.shape[1]
        spectrum = torch.fft.rfft(frames * self._window)  # (C, T, F + 1)
        parts = torch.view_as_real(spectrum[..., :-1]).permute(3, 0, 1, 2).flatten(0, 1)  # (2 C, T, F)
        # masks follow from the sound at an ordinary level, and are applied to it as it is
        gains = self._gain.next_gains(frames.double().square().mean(dim=(0, 2)).tolist())
        scale = 10 / size**0.5 * torch.tensor(gains)[:, None]  # of `MaskingSeparator.forward`
        network = self._one_frame if num_frames == 1 else self.model
        masks, self._states = network.advance(parts.unsqueeze(0) * scale, self._states)
        shape = (self.model.num_masks, 2, self.model.channels)
        mask = torch.view_as_complex(masks[0].float().unflatten(0, shape).permute(0, 2, 3, 4, 1).contiguous())
        kept = mask * spectrum[..., :-1]  # (M, C, T, F); what is at Nyquist's frequency is left out
        pieces = torch.fft.irfft(functional.pad(kept, (0, 1)), n=size) * self._window
        done = []
        for number in range(num_frames):
            self._sums += pieces[:, :, number]
            self._weights += self._window.square()
            done.append(self._sums[..., :hop] / self._weights[:hop].clamp(min=_LEAST_WEIGHT))
            self._sums = functional.pad(self._sums[..., hop:], (0, hop))
            self._weights = functional.pad(self._weights[hop:], (0, hop))
        return self._without_silence(torch.cat(done, dim=-1))

    def _without_silence(self, complete: Tensor) -> Tensor:
        dropped = min(self._silence, complete.shape[-1])
        self._silence -= dropped
        return complete[..., dropped:]

    def _stems(self, masked: Tensor, mix: Tensor) -> Tensor:
        """Turn what the masks give, (masks, channels, samples), into stems that sum to the mix."""
        if self.model.heads == "residual":
            masked = torch.cat([masked, (mix - masked.sum(dim=0)).unsqueeze(0)])
        stems: Tensor = masked.unflatten(0, (len(self.model.sources), self.model.slots)).sum(dim=1)
        return stems + (mix - stems.sum(dim=0)) / len(stems)
