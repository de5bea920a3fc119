"""What the routes share."""

from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException

from dssgan.app.events import Events
from dssgan.app.jobs import Queue
from dssgan.app.library import Library
from dssgan.app.song import Options, Song
from dssgan.errors import ConfigError


@dataclass
class State:
    """What the routes share.

    Args:
        library: the songs.
        queue: what separates them.
        events: passes changes on to those who follow them.
        models: what may be asked for, with a line about each.
        with_page: whether the page is served, too.
    """

    library: Library
    queue: Queue
    events: Events
    models: dict[str, str]
    with_page: bool = True

    def find(self, song_id: str) -> Song:
        """Return a song.

        Raises:
            HTTPException: there is none.
        """
        song = self.library.find(song_id)
        if song is None:
            raise HTTPException(404, "there is no such song")
        return song

    def require_model(self, options: Options) -> None:
        """Refuse a model that the app was not started with.

        Raises:
            ConfigError: it is none of them.
        """
        if options.model not in self.models:
            known = ", ".join(self.models)
            raise ConfigError(
                f"model {options.model!r}: choose one of {known}, or start the app with --model for another one"
            )


def describe(errors: Any) -> str:
    """Return what is wrong with a request, as pydantic lists it, in one line."""
    parts = []
    for one in errors:
        place = ".".join(str(step) for step in one["loc"] if step not in ("body", "query", "path"))
        parts.append(f"{place}: {one['msg']}" if place else str(one["msg"]))
    return "; ".join(parts)
