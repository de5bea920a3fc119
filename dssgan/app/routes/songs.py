"""Songs: what comes in, how far it is, and what becomes of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio.to_thread
from fastapi import FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dssgan.app.routes.state import State, describe
from dssgan.app.song import MIX, Options, Passage, Song
from dssgan.app.uploads import receive
from dssgan.errors import ConfigError

if TYPE_CHECKING:
    from dssgan.app.sound import Sound

_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object", "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        **Options.model_json_schema()["properties"],
                    },
                },
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
}  # fmt: skip


class PassageRequest(BaseModel):
    """A part of a song to separate by two models or more, for a comparison."""

    model_config = ConfigDict(extra="forbid")

    start_seconds: float = Field(ge=0)
    seconds: float = Field(gt=0, le=60)
    models: list[str] = Field(min_length=2, max_length=4)


class ModelAnswer(BaseModel):
    """A model that songs can be separated with."""

    name: str
    about: str


def add_songs(app: FastAPI, state: State) -> None:
    """Add songs, their separation and their events.

    Args:
        app: where to.
        state: what the routes share.
    """
    library, queue = state.library, state.queue

    @app.get("/models", tags=["songs"])
    def models() -> list[ModelAnswer]:
        """List the models that songs can be separated with."""
        return [ModelAnswer(name=name, about=about) for name, about in state.models.items()]

    @app.post("/songs", status_code=201, tags=["songs"], openapi_extra=_UPLOAD)
    async def add(
        request: Request,
        name: Annotated[str | None, Query(description="Name of a file that is the whole body.")] = None,
    ) -> Song:
        """Send a song, which is queued: a form with `file` and options, or the file as body and options as query."""
        with library.incoming() as folder:
            upload = await receive(request, library, folder, name)
            given = {key: value for key, value in request.query_params.items() if key != "name"} | upload.fields
            options = _options(given, state)
            song = await anyio.to_thread.run_sync(lambda: library.add(upload.path, upload.name, options))
        queue.submit(song)
        return library.find(song.id) or song

    @app.get("/songs", tags=["songs"])
    def songs(
        search: Annotated[str, Query(description="Words that the name holds.")] = "",
    ) -> list[Song]:
        """List the songs, in the order in which they came."""
        words = search.casefold().split()
        return [
            song for song in library.songs()
            if song.passage is None and all(word in song.name.casefold() for word in words)
        ]  # fmt: skip

    @app.get("/songs/{song_id}", tags=["songs"])
    def show(song_id: str) -> Song:
        """Show a song: how far it is, and which stems it has."""
        return state.find(song_id)

    @app.post("/songs/{song_id}/cancel", tags=["songs"])
    def cancel(song_id: str) -> Song:
        """Remove a song from the queue, or stop its separation."""
        queue.cancel(state.find(song_id))
        return state.find(song_id)

    @app.post("/songs/{song_id}/separate", tags=["songs"])
    def again(song_id: str, options: Options | None = None) -> Song:
        """Separate a song once more, such as after an error, or with other options."""
        song = state.find(song_id)
        if song.is_open:
            raise ConfigError(f"{song.name}: is being separated; cancel that first")
        if options is not None:
            state.require_model(options)
            song = library.change(song_id, options=options) or song
        queue.submit(song)
        return state.find(song_id)

    @app.delete("/songs/{song_id}", status_code=204, tags=["songs"])
    def remove(song_id: str) -> None:
        """Remove a song with its stems."""
        song = state.find(song_id)
        for one in library.songs():
            if one.id == song_id or (one.passage and one.passage.song == song_id):
                queue.cancel(one)
        library.remove(song.id)

    @app.get("/events", tags=["songs"], response_class=StreamingResponse)
    def events() -> StreamingResponse:
        """Follow all songs by server-sent events: `song` with one that is new or has changed, `removed` with an id."""
        return _event_stream(state.events.listen())

    @app.get("/songs/{song_id}/events", tags=["songs"], response_class=StreamingResponse)
    def events_of(song_id: str) -> StreamingResponse:
        """Follow one song by server-sent events; the first one is its present state."""
        state.find(song_id)
        return _event_stream(state.events.listen(song_id, lambda: library.find(song_id)))

    @app.post("/songs/{song_id}/passages", status_code=201, tags=["songs"])
    def compare(song_id: str, wanted: PassageRequest) -> list[Song]:
        """Separate a passage of a song by several models; each result is a song of its own."""
        from dssgan.app.sound import Sound

        song = state.find(song_id)
        options = [Options(model=model) for model in wanted.models]
        for one in options:
            state.require_model(one)
        start = min(wanted.start_seconds, max(song.seconds - 1.0, 0.0))
        seconds = min(wanted.seconds, song.seconds - start)
        made = []
        for one in options:
            with library.incoming() as folder:
                path = folder / "passage.wav"
                _cut(Sound(library, song), start, seconds, path)
                passage = Passage(song=song.id, start_seconds=start, seconds=seconds)
                made.append(library.add(path, f"{song.name}.wav", one, passage))
            queue.submit(made[-1])
        return [library.find(one.id) or one for one in made]


def _cut(sound: "Sound", start: float, seconds: float, path: Path) -> None:
    from dssgan.audio.files import write

    rate = sound.song.sample_rate
    write(path, sound.excerpt(MIX, round(start * rate), round(seconds * rate)), rate, "float32")


def _options(given: dict[str, str], state: State) -> Options:
    try:
        options = Options.model_validate(given)
    except ValidationError as error:
        raise ConfigError(describe(error.errors())) from error
    state.require_model(options)
    return options


def _event_stream(events: AsyncIterator[str]) -> StreamingResponse:
    return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})
