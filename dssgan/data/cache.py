"""Decoded audio, kept in memory while there is room."""

import numpy as np

from dssgan.data.audio_file import Recording, fit_length
from dssgan.types import Audio

_BYTES_PER_SAMPLE = 4
_DEFAULT_BYTES = 2 * 2**30  # 100 minutes of stereo at 44.1 kHz


def num_samples_of(seconds: float, sample_rate: int) -> int:
    """Count the samples of a length in seconds, at least one."""
    return max(1, round(seconds * sample_rate))


class AudioCache:
    """Decoded audio, kept while there is room.

    A seek in Ogg Vorbis costs some 15 ms, more than a training step of a small network takes for it. What was decoded
    stays. Nothing is thrown out for something newer: excerpts come from everywhere with equal chance, so an eviction
    would only pay for a whole decoding again; what found no room is read by seeking.

    Args:
        sample_rate: sample rate of what it returns, Hz.
        channels: channels of what it returns.
        max_bytes: room. Each worker process of a DataLoader has its own.
    """

    def __init__(self, sample_rate: int, channels: int, max_bytes: int = _DEFAULT_BYTES) -> None:
        self.sample_rate = sample_rate
        self.channels = channels
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._audio: dict[Recording, Audio] = {}

    def excerpt(self, recording: Recording, start: int, num_samples: int, period: int) -> Audio:
        """Read samples start, start + 1, ... of a recording that repeats endlessly.

        Args:
            recording: the recording.
            start: first sample, at the cache's rate, below `period`.
            num_samples: length.
            period: length after which it begins again; a recording that is shorter is filled up with zeros.

        Returns:
            (channels, num_samples). Not to be written to.

        Raises:
            AudioError: the file cannot be read.
        """
        whole = self._whole(recording)
        repeats = start + num_samples > period
        if whole is None and not repeats and start / self.sample_rate < recording.duration:
            seconds = (start / self.sample_rate, num_samples / self.sample_rate)
            return fit_length(recording.read(*seconds, self.sample_rate, self.channels), num_samples)
        if whole is None:
            whole = recording.read(sample_rate=self.sample_rate, channels=self.channels)
        if not repeats:
            return fit_length(whole[:, start : start + num_samples], num_samples)
        positions = np.arange(start, start + num_samples) % period
        return np.ascontiguousarray(fit_length(whole, period)[:, positions])

    def _whole(self, recording: Recording) -> Audio | None:
        if recording in self._audio:
            return self._audio[recording]
        expected = num_samples_of(recording.duration, self.sample_rate) * self.channels * _BYTES_PER_SAMPLE
        if self.num_bytes + expected > self.max_bytes:
            return None
        audio = np.ascontiguousarray(recording.read(sample_rate=self.sample_rate, channels=self.channels))
        self._audio[recording] = audio
        self.num_bytes += audio.nbytes
        return audio
