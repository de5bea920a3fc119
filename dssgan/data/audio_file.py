"""Recordings: an audio file known by its path and shape, or a sum of several."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dssgan.audio import files
from dssgan.audio.resample import resample, to_channels
from dssgan.data.fingerprint import SILENCE, fingerprint
from dssgan.errors import DataError
from dssgan.types import Audio


@dataclass(frozen=True)
class AudioFile:
    """An audio file, or one stream of it.

    Attributes:
        path: the file.
        sample_rate: Hz.
        channels: number of channels.
        duration: seconds.
        stem: stream of a file that holds several; None for an ordinary file.
        fingerprint: hash of the decoded audio, "silence", or None where it is not computed.
    """

    path: Path
    sample_rate: int
    channels: int
    duration: float
    stem: int | None = None
    fingerprint: str | None = None

    @classmethod
    def of(cls, path: Path | str, stem: int | None = None, *, with_fingerprint: bool = False) -> "AudioFile":
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
    def files(self) -> "tuple[AudioFile, ...]":
        """The files it is made of: itself."""
        return (self,)

    @property
    def label(self) -> str:
        """What errors and reports call it."""
        return str(self.path) if self.stem is None else f"{self.path} (stream {self.stem})"

    @property
    def num_frames(self) -> int:
        """Samples per channel, at the file's own rate."""
        return round(self.duration * self.sample_rate)

    @property
    def identities(self) -> frozenset[str]:
        """Names by which this audio is recognised: its path, and its fingerprint if that is known and not silence's."""
        if self.fingerprint == SILENCE:
            return frozenset()
        identity = f"{self.path.absolute()}#{self.stem or 0}"
        return frozenset({identity} if self.fingerprint is None else {identity, self.fingerprint})

    def compute_fingerprint(self) -> str:
        """Return the fingerprint, after decoding the file where it is not known.

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


@dataclass(frozen=True)
class Sum:
    """A recording that no file holds: several files, each times a factor, added up as they are read.

    Data sets that split the rest of the band into stems have no file for "other"; those with a mix and drums alone have
    none but the difference.

    Attributes:
        terms: at least one file with its factor; those that are shorter are silent after their end.

    Raises:
        DataError: there is no term, or a factor is not a finite number.
    """

    terms: tuple[tuple[AudioFile, float], ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise DataError("a sum of no files: name at least one")
        for file, factor in self.terms:
            if not np.isfinite(factor):
                raise DataError(f"{file.label}: factor {factor} is not a finite number; give one")

    @property
    def files(self) -> tuple[AudioFile, ...]:
        """The files it is made of."""
        return tuple(file for file, _ in self.terms)

    @property
    def label(self) -> str:
        """What errors and reports call it."""
        return " ".join(
            f"{'-' if factor < 0 else '+'} {'' if abs(factor) == 1 else f'{abs(factor):g} x '}{file.label}"
            for file, factor in self.terms
        ).removeprefix("+ ")

    @property
    def sample_rate(self) -> int:
        """Rate of the first file, Hz."""
        return self.files[0].sample_rate

    @property
    def channels(self) -> int:
        """Most channels that any of its files has."""
        return max(file.channels for file in self.files)

    @property
    def duration(self) -> float:
        """Length of the longest file, seconds."""
        return max(file.duration for file in self.files)

    @property
    def fingerprint(self) -> str | None:
        """Hash of the files' fingerprints and factors; None where one of them is not known."""
        return self.compute_fingerprint() if all(file.fingerprint for file in self.files) else None

    @property
    def identities(self) -> frozenset[str]:
        """Every name by which one of its files, or all of it, is known again."""
        own = self.fingerprint
        return frozenset().union(*(file.identities for file in self.files), () if own is None else (own,))

    def compute_fingerprint(self) -> str:
        """Return the fingerprint, after decoding the files where it is not known.

        Raises:
            AudioError: a file cannot be read.
        """
        lines = [f"{factor!r} {file.compute_fingerprint()}" for file, factor in self.terms]
        return hashlib.sha256("\n".join(["sum", *lines]).encode()).hexdigest()

    def read(
        self,
        start_seconds: float = 0.0,
        duration_seconds: float | None = None,
        sample_rate: int | None = None,
        channels: int | None = None,
    ) -> Audio:
        """Read an excerpt of every file and add them up; see `AudioFile.read`."""
        rate, count = sample_rate or self.sample_rate, channels or self.channels
        total: Audio | None = None
        for file, factor in self.terms:
            if file.duration <= start_seconds < self.duration:
                continue  # this file ended before
            part = file.read(start_seconds, duration_seconds, rate, count) * np.float32(factor)
            if total is None:
                total = part
                continue
            longer = max(total.shape[1], part.shape[1])  # stems are often cut where they fall silent
            total = fit_length(total, longer) + fit_length(part, longer)
        assert total is not None
        return total


Recording = AudioFile | Sum


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
