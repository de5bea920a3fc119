"""Changes of sample rate and channel count."""

import numpy as np
import soxr

from dssgan.errors import AudioError
from dssgan.types import Audio

_QUALITY = "HQ"  # soxr's 20-bit quality; the next one costs half as much again for what 16-bit audio cannot hold


def resample(audio: Audio, from_rate: int, to_rate: int) -> Audio:
    """Change the sample rate of a whole signal.

    Args:
        audio: (channels, samples), float32.
        from_rate: Hz.
        to_rate: Hz.

    Returns:
        (channels, about samples * to_rate / from_rate), float32; `audio` itself where the rates agree.

    Raises:
        AudioError: a rate is not positive.
    """
    _check_rates(from_rate, to_rate)
    if from_rate == to_rate:
        return audio
    resampled = soxr.resample(np.ascontiguousarray(audio.T), from_rate, to_rate, quality=_QUALITY)
    return np.ascontiguousarray(resampled.T, dtype=np.float32)  # (samples, channels) -> (channels, samples)


class StreamResampler:
    """Change the sample rate of a signal that comes in blocks, in flat memory.

    What comes out in all equals `resample` of the whole.

    Args:
        from_rate: Hz.
        to_rate: Hz.
        channels: number of channels of every block.

    Raises:
        AudioError: a rate is not positive.
    """

    def __init__(self, from_rate: int, to_rate: int, channels: int) -> None:
        _check_rates(from_rate, to_rate)
        self._channels = channels
        self._stream = (
            None
            if from_rate == to_rate
            else soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32", quality=_QUALITY)
        )

    def push(self, block: Audio) -> Audio:
        """Take (channels, samples) and give what is ready, (channels, any number of samples)."""
        return self._resample(block, last=False)

    def flush(self) -> Audio:
        """Return the remaining samples, (channels, samples). Nothing may be pushed afterwards."""
        return self._resample(np.zeros((self._channels, 0), np.float32), last=True)

    def _resample(self, block: Audio, last: bool) -> Audio:
        if self._stream is None:
            return block
        # soxr takes (samples,) for one channel and (samples, channels) for more
        frames = block[0] if self._channels == 1 else np.ascontiguousarray(block.T)
        resampled = self._stream.resample_chunk(frames, last=last)
        return np.ascontiguousarray(resampled.reshape(-1, self._channels).T, dtype=np.float32)


def to_channels(audio: Audio, channels: int) -> Audio:
    """Change the number of channels.

    To one channel: the mean of all. From one: copies of it. To fewer: the first ones (the front pair of a surround
    file). To more: the mean of all fills the rest.

    Args:
        audio: (any channels, samples).
        channels: wanted number of channels.

    Returns:
        (channels, samples); `audio` itself where nothing changes.
    """
    have = audio.shape[0]
    if have == channels:
        return audio
    mean: Audio = audio.mean(axis=0, keepdims=True, dtype=np.float32)
    if channels == 1:
        return mean
    if have > channels:
        return audio[:channels]
    kept = audio if have > 1 else audio[:0]  # one channel is its own mean
    return np.concatenate([kept, np.repeat(mean, channels - len(kept), axis=0)])


def _check_rates(from_rate: int, to_rate: int) -> None:
    for rate in (from_rate, to_rate):
        if rate <= 0:
            raise AudioError(f"sample rate {rate}: must be above zero; give it in Hz, such as 44100")
