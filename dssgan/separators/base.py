"""The base class of separators."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from torch import Tensor, nn

from dssgan.configurable import settings_of
from dssgan.errors import ConfigError

Starts = Sequence[int]  # where each item of a batch starts in its song, samples


class SeparatorModel(nn.Module):
    """Map a mix to one estimate per source, waveform to waveform.

    A separator pads its own context, so what comes out is as long as what went in, and normalises by chunk or by
    constants, never by the whole file. Each setting of a constructor is kept as an attribute of the same name.

    Args:
        sources: names of the estimates, in order.
        sample_rate: samples per second it was made for.
        channels: audio channels it was made for.

    Attributes:
        segment_seconds: what one pass sees when a long file is separated; None where the caller chooses.
        max_segment_seconds: the most that one pass takes; None for no limit.
        separates_by_sound: whether its estimates follow from the mix that it is given, and from nothing else.
        sums: stems that are sums of sources, with these: what was taken apart, such as the drums of kick and snare.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {}

    sources: tuple[str, ...]
    sample_rate: int
    channels: int
    segment_seconds: float | None = None
    max_segment_seconds: float | None = None
    separates_by_sound: bool = True
    sums: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def __init__(self, sources: tuple[str, ...], sample_rate: int, channels: int) -> None:
        super().__init__()
        if len(sources) < 2 or len(set(sources)) < len(sources):
            raise ConfigError(f"sources={sources!r}: give at least two different names")
        require_positive(sample_rate=sample_rate, channels=channels)
        self.sources = tuple(sources)
        self.sample_rate = sample_rate
        self.channels = channels

    @property
    def arguments(self) -> dict[str, Any]:
        """The constructor's settings: what a bundle needs to build the same separator again."""
        return {name: getattr(self, name) for name in settings_of(type(self))}

    def forward(self, mix: Tensor) -> Tensor:
        """Separate.

        Args:
            mix: mixture waveform, (batch, channels, samples), float32 in [-1, 1], at least one sample.

        Returns:
            Estimates, (batch, sources, channels, samples), float32, in the order of `sources`.
        """
        raise NotImplementedError

    def for_song(self, name: str) -> "SeparatorModel":  # noqa: ARG002
        """Return the separator for one song: itself, unless it holds the stems of songs by name.

        Args:
            name: name of the song: its track's in a data set, or its file's without the suffix.

        Raises:
            ModelError: it has nothing for that song.
        """
        return self

    def separate_at(self, mix: Tensor, starts: Starts) -> Tensor:  # noqa: ARG002
        """Separate excerpts of a song whose positions in it are known.

        Args:
            mix: as for `forward`.
            starts: where each item of the batch starts in the song, samples.

        Returns:
            As `forward`, which is what is called by all that separate by sound alone.
        """
        estimates: Tensor = self(mix)
        return estimates

    def matched(self, sample_rate: int, channels: int) -> "SeparatorModel | None":
        """Return the same separator at another rate and number of channels.

        Returns:
            Itself where it has these, None where it cannot change.
        """
        return self if (self.sample_rate, self.channels) == (sample_rate, channels) else None


def require_positive(**settings: int) -> None:
    """Refuse settings that are not at least one.

    Args:
        settings: values by name.

    Raises:
        ConfigError: one of them is zero or less.
    """
    for name, value in settings.items():
        if value < 1:
            raise ConfigError(f"{name}={value}: must be at least 1")
