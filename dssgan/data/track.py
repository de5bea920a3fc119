"""A song with its sources, and recordings that have none."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dssgan.data.audio_file import Recording, fit_length
from dssgan.errors import DataError
from dssgan.types import Audio

# Rounded lengths differ by a sample or so; a codec's delay (20 ms and more) would already shift the parts
LENGTH_TOLERANCE_SECONDS = 0.01


def check_name(kind: str, name: str) -> None:
    """Refuse a name that could not be a file's, or would be one somewhere else; results are written under it.

    Raises:
        DataError: the name is empty or holds a slash or an unprintable character.
    """
    if name in ("", ".", "..") or "/" in name or "\\" in name or any(_is_unprintable(letter) for letter in name):
        raise DataError(f"{kind} {name!r}: cannot be a name, for results are written under it; choose plain words")


def _is_unprintable(letter: str) -> bool:
    """Return whether a character controls what is printed; the joiners of emoji and of many scripts do not."""
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") and letter not in "\u200c\u200d"


@dataclass(frozen=True)
class Track:
    """A song with its sources.

    Attributes:
        name: what reports call it.
        mix: the mixture; None where it is the sum of the sources, exactly.
        sources: a recording of each source, in the order of the data set's `sources`; None is silence.
        group: what songs of one record, or excerpts of one song, have in common; None where the song stands alone.
            Songs of a group are one sample where scores are compared.
    """

    name: str
    mix: Recording | None
    sources: tuple[Recording | None, ...]
    group: str | None = None

    def __post_init__(self) -> None:
        check_name("track", self.name)
        if not any(self.sources):
            raise DataError(f"track {self.name}: all its sources are silent; give it at least one")
        lengths = {recording.label: recording.duration for recording in self.recordings}
        if max(lengths.values()) - min(lengths.values()) > LENGTH_TOLERANCE_SECONDS:
            listed = ", ".join(f"{path} {seconds:.3f} s" for path, seconds in lengths.items())
            raise DataError(f"track {self.name}: its files differ in length ({listed}); cut them to the same length")

    @property
    def sample(self) -> str:
        """Name of the group, or of the song where it stands alone."""
        return self.group or self.name

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """The recordings that it consists of, the mix first."""
        return tuple(recording for recording in (self.mix, *self.sources) if recording is not None)

    @property
    def duration(self) -> float:
        """Length in seconds: the mix's, or the longest source's."""
        return self.mix.duration if self.mix is not None else max(recording.duration for recording in self.recordings)

    @property
    def sample_rate(self) -> int:
        """Rate of the first file, Hz."""
        return self.recordings[0].sample_rate

    @property
    def channels(self) -> int:
        """Most channels that any of its files has."""
        return max(recording.channels for recording in self.recordings)

    @property
    def fingerprints(self) -> frozenset[str]:
        """Known fingerprints of its files; silence is left out, since many songs share it."""
        known = {recording.fingerprint for recording in self.recordings if recording.identities}
        return frozenset(content for content in known if content is not None)

    @property
    def identities(self) -> frozenset[str]:
        """Every name by which one of its files is known again."""
        return frozenset().union(*(recording.identities for recording in self.recordings))

    def load(self, sample_rate: int | None = None, channels: int | None = None) -> tuple[Audio, Audio]:
        """Decode the whole song.

        Args:
            sample_rate: wanted rate, Hz; None for the song's own.
            channels: wanted channels; None for the song's own.

        Returns:
            Mix (channels, samples) and sources (sources, channels, samples), float32.

        Raises:
            AudioError: a file cannot be read.
        """
        rate = sample_rate or self.sample_rate
        count = channels or self.channels
        parts = [
            None if recording is None else recording.read(sample_rate=rate, channels=count)
            for recording in (self.mix, *self.sources)
        ]
        mix = parts[0]
        length = mix.shape[1] if mix is not None else max(part.shape[1] for part in parts if part is not None)
        silence = np.zeros((count, length), np.float32)
        sources = np.stack([silence if part is None else fit_length(part, length) for part in parts[1:]])
        return (sources.sum(axis=0, dtype=np.float32) if mix is None else mix), sources


@dataclass(frozen=True)
class Unpaired:
    """Recordings that do not belong together.

    Attributes:
        mixes: whole songs, their sources unknown.
        sources: recordings of each source alone, in the order of the data set's `sources`.
    """

    mixes: tuple[Recording, ...] = ()
    sources: tuple[tuple[Recording, ...], ...] = ()

    @property
    def recordings(self) -> Iterator[Recording]:
        """Every recording."""
        yield from self.mixes
        for recordings in self.sources:
            yield from recordings
