"""The record of the origin of its weights in a graph that dssgan has written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dssgan.data.seen_recordings import SeenRecordings
from dssgan.errors import ModelError


@dataclass(frozen=True)
class ExportRecord:
    """Where the weights of a graph come from.

    Args:
        learnt_from: the recordings that the separator learnt from or was chosen by.
        origins: the data sets that it learnt from, with licences, credits and rights.
        takes: what it separates: None for songs, or the name of a stem of songs.
    """

    learnt_from: SeenRecordings
    origins: tuple[dict[str, Any], ...]
    takes: str | None = None

    def as_settings(self) -> dict[str, Any]:
        """Return plain values for the graph's description."""
        return {"learnt_from": self.learnt_from.as_text(), "origins": list(self.origins), "from": self.takes}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "ExportRecord":
        """Read what `as_settings` gave.

        Raises:
            ModelError: it is damaged.
        """
        try:
            seen, takes = SeenRecordings.from_text(settings["learnt_from"]), settings.get("from")
            return cls(seen, tuple(settings["origins"]), None if takes is None else str(takes))
        except (AttributeError, KeyError, TypeError) as error:
            raise ModelError(f"its record of what it learnt from is damaged ({error}); export it again") from error
