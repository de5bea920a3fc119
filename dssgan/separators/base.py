"""What every separator is."""

from typing import Any, ClassVar

from torch import Tensor, nn

from dssgan.configurable import settings_of
from dssgan.errors import ConfigError


class SeparatorModel(nn.Module):
    """Map a mix to one estimate per source, waveform to waveform.

    A separator pads its own context, so what comes out is as long as what went in, and normalises by chunk or by
    constants, never by the whole file. Each setting of a constructor is kept as an attribute of the same name.

    Args:
        sources: names of the estimates, in order.
        sample_rate: samples per second it was made for.
        channels: audio channels it was made for.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {}

    sources: tuple[str, ...]
    sample_rate: int
    channels: int

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
