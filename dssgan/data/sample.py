"""One audio file, known by its path and shape."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dssgan.audio import files
from dssgan.audio.files import Audio
from dssgan.audio.resample import resample, to_channels
from dssgan.data.fingerprint import SILENCE, fingerprint


@dataclass(frozen=True)
class Sample:
    """An audio file, or one stream of it.

    Attributes:
        path: the file.
        sample_rate: Hz.
        channels: number of channels.
        duration: seconds.
        stem: stream of a file that holds several; None for an ordinary file.
        fingerprint: hash of the decoded audio, "silence", or None where nobody computed it.
    """

    path: Path
    sample_rate: int
    channels: int
    duration: float
    stem: int | None = None
    fingerprint: str | None = None

    @classmethod
    def of(cls, path: Path | str, stem: int | None = None, *, with_fingerprint: bool = False) -> "Sample":
        """Describe a file from its header.

        Args:
            path: an audio file.
            stem: stream of a file that holds several.
            with_fingerprint: decode the whole file once to know it again under another name.

        Raises:
            AudioError: the file cannot be read.
        """
        path = Path(path)
        info = files.probe(path, stem)
        content = fingerprint(path, stem) if with_fingerprint else None
        return cls(path, info.sample_rate, info.channels, info.seconds, stem, content)

    @property
    def num_frames(self) -> int:
        """Samples per channel, at the file's own rate."""
        return round(self.duration * self.sample_rate)

    @property
    def identities(self) -> frozenset[str]:
        """Names by which this audio is known again: its fingerprint, if it is known and not silence, and its place."""
        if self.fingerprint == SILENCE:
            return frozenset()
        place = f"{self.path.absolute()}#{self.stem or 0}"
        return frozenset({place} if self.fingerprint is None else {place, self.fingerprint})

    def content(self) -> str:
        """Give the fingerprint, decoding the file where nobody did before.

        Raises:
            AudioError: the file cannot be read.
        """
        return fingerprint(self.path, self.stem) if self.fingerprint is None else self.fingerprint

    def read(
        self,
        start_seconds: float = 0.0,
        duration_seconds: float | None = None,
        sample_rate: int | None = None,
        channels: int | None = None,
    ) -> Audio:
        """Read an excerpt, without decoding the rest.

        Args:
            start_seconds: where it begins.
            duration_seconds: its length; None for all that follows.
            sample_rate: wanted rate, Hz; None for the file's own.
            channels: wanted channels (see `to_channels`); None for the file's own.

        Returns:
            (channels, samples), float32: round(duration_seconds * rate) samples, fewer where the file ends.

        Raises:
            AudioError: the file cannot be read, or the excerpt begins beyond its end.
        """
        start_frame = round(start_seconds * self.sample_rate)
        num_frames = None if duration_seconds is None else round(duration_seconds * self.sample_rate)
        audio = files.read(self.path, start_frame, num_frames, stem=self.stem)
        whole = num_frames is not None and audio.shape[1] == num_frames
        if channels is not None:
            audio = to_channels(audio, channels)
        if sample_rate is None or sample_rate == self.sample_rate:
            return audio
        audio = resample(audio, self.sample_rate, sample_rate)
        if duration_seconds is None or not whole:
            return audio
        # rounding twice may be one sample off; what was asked for is what comes
        return fit_length(audio, round(duration_seconds * sample_rate))


def fit_length(audio: Audio, num_samples: int) -> Audio:
    """Cut the end off, or fill it up with zeros.

    Args:
        audio: (channels, samples).
        num_samples: wanted length.

    Returns:
        (channels, num_samples).
    """
    have = audio.shape[1]
    if have >= num_samples:
        return audio[:, :num_samples]
    return np.pad(audio, ((0, 0), (0, num_samples - have)))
