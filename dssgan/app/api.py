"""The HTTP API, of which the page is one user."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

import anyio.to_thread
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dssgan import __version__, web
from dssgan.app.access import Guard
from dssgan.app.events import Events
from dssgan.app.exports import FORMATS, Level, MixedFile, archive, export_mix, export_stems, settings_of
from dssgan.app.jobs import Queue
from dssgan.app.library import Library
from dssgan.app.song import MIX, Options, Passage, Song
from dssgan.app.sound import NUM_BANDS, PEAK_FRAMES, SCALE, Sound, to_bytes
from dssgan.app.uploads import receive
from dssgan.errors import ConfigError, DssganError, WriteError

_MEDIA_TYPES = {
    "wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg", "ogg": "audio/ogg", "opus": "audio/ogg",
    "m4a": "audio/mp4", "stem.mp4": "audio/mp4", "zip": "application/zip", "mid": "audio/midi",
}  # fmt: skip
_MAX_EXCERPT_SECONDS = 30.0
_MAX_WIDTH = 4000
_MAX_NAME_BYTES = 200
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

Kind = Annotated[str, Query(alias="format", description=f"One of {', '.join(FORMATS)}.")]
Bits = Annotated[
    int | None, Query(description="16, 24 or, in wav, 32 bits a sample; the format's usual one if not given.")
]
Kbps = Annotated[int | None, Query(description="Bit rate of a lossy format, kbit/s.")]


class StemLevel(BaseModel):
    """How a stem sounds in a mix."""

    model_config = ConfigDict(extra="forbid")

    gain_db: float = Field(default=0.0, le=12.0, description="dB; -60 or less leaves it out.")
    pan: float = Field(default=0.0, ge=-1.0, le=1.0, description="-1 left to 1 right; of stereo songs only.")

    def level(self) -> Level:
        """Return it as exports take it."""
        return Level(self.gain_db, self.pan)


class MixRequest(BaseModel):
    """A mix of one's own."""

    model_config = ConfigDict(extra="forbid")

    levels: dict[str, StemLevel] = Field(description="By stem; stems that are not named are left out.")
    format: str = "wav"
    bits: int | None = None
    kbps: int | None = None
    click: StemLevel | None = Field(default=None, description="A click on the beats.")
    count_in: bool = Field(default=False, description="Four clicks before the first beat.")


class MixAnswer(BaseModel):
    """What came of a mix."""

    url: str = Field(description="Where the file is.")
    loudness_lufs: float | None = Field(description="Integrated loudness by ITU-R BS.1770-4; null of silence.")
    peak_db: float | None = Field(description="Highest sample, dB of full scale.")
    gain_db: float = Field(description="What the mix was turned down by so that it does not clip.")


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


def make_app(state: State) -> FastAPI:
    """Make the app.

    Args:
        state: what the routes share.

    Returns:
        An ASGI app; whoever may call it may do everything.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        state.queue.start()
        yield

    app = FastAPI(
        title="dssgan", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
        description="Drums and everything else of songs, separated on this machine.",
    )  # fmt: skip
    _report_errors(app)
    _add_songs(app, state)
    _add_sound(app, state)
    _add_exports(app, state)
    _add_pages(app, state)
    return app


def _report_errors(app: FastAPI) -> None:
    @app.exception_handler(DssganError)
    async def on_error(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 507 if isinstance(error, WriteError) else 400)

    @app.exception_handler(HTTPException)
    async def on_http_error(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": error.detail}, error.status_code)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return JSONResponse({"error": _describe(error.errors())}, 400)


def _describe(errors: Any) -> str:
    """Return what is wrong with a request in one line."""
    parts = []
    for one in errors:
        place = ".".join(str(step) for step in one["loc"] if step not in ("body", "query", "path"))
        parts.append(f"{place}: {one['msg']}" if place else str(one["msg"]))
    return "; ".join(parts)


def _add_songs(app: FastAPI, state: State) -> None:
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
        return _find(state, song_id)

    @app.post("/songs/{song_id}/cancel", tags=["songs"])
    def cancel(song_id: str) -> Song:
        """Remove a song from the queue, or stop its separation."""
        queue.cancel(_find(state, song_id))
        return _find(state, song_id)

    @app.post("/songs/{song_id}/separate", tags=["songs"])
    def again(song_id: str, options: Options | None = None) -> Song:
        """Separate a song once more, such as after an error, or with other options."""
        song = _find(state, song_id)
        if song.is_open:
            raise ConfigError(f"{song.name}: is being separated; cancel that first")
        if options is not None:
            _require_model(options, state)
            song = library.change(song_id, options=options) or song
        queue.submit(song)
        return _find(state, song_id)

    @app.delete("/songs/{song_id}", status_code=204, tags=["songs"])
    def remove(song_id: str) -> None:
        """Remove a song with its stems."""
        song = _find(state, song_id)
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
        _find(state, song_id)
        return _event_stream(state.events.listen(song_id, lambda: library.find(song_id)))

    @app.post("/songs/{song_id}/passages", status_code=201, tags=["songs"])
    def compare(song_id: str, wanted: PassageRequest) -> list[Song]:
        """Separate a passage of a song by several models; each result is a song of its own."""
        song = _find(state, song_id)
        options = [Options(model=model) for model in wanted.models]
        for one in options:
            _require_model(one, state)
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


def _cut(sound: Sound, start: float, seconds: float, path: Path) -> None:
    from dssgan.audio.files import write

    rate = sound.song.sample_rate
    write(path, sound.excerpt(MIX, round(start * rate), round(seconds * rate)), rate, "float32")


def _add_sound(app: FastAPI, state: State) -> None:
    library = state.library

    @app.get("/songs/{song_id}/audio", tags=["sound"], response_class=Response)
    def audio(
        song_id: str,
        signals: Annotated[str, Query(description="Names, with commas between them.")],
        start: Annotated[int, Query(ge=0, description="First sample.")] = 0,
        frames: Annotated[int, Query(ge=0, description="Samples a channel, 30 s at most.")] = 0,
    ) -> Response:
        """Read an excerpt of some signals: 16-bit little-endian integers, signal by signal and channel by channel, of
        which 16384 is full scale."""
        song = _find(state, song_id)
        sound = Sound(library, song)
        frames = min(frames, round(_MAX_EXCERPT_SECONDS * song.sample_rate))
        parts = [to_bytes(sound.excerpt(name, start, frames)) for name in signals.split(",")]
        return _raw(b"".join(parts), {"x-scale": str(SCALE), "x-channels": str(song.channels)})

    @app.get("/songs/{song_id}/waveform/{signal}", tags=["sound"], response_class=StreamingResponse)
    def waveform(song_id: str, signal: str) -> StreamingResponse:
        """Draw a waveform: lowest and highest of each 256 samples as signed bytes, of which 64 is full scale."""
        sound = Sound(library, _find(state, song_id))
        sound.require(signal)
        headers = {"x-frames-a-peak": str(PEAK_FRAMES), "cache-control": "no-store"}
        return StreamingResponse(sound.waveform(signal), media_type="application/octet-stream", headers=headers)

    @app.get("/songs/{song_id}/spectrogram/{signal}", tags=["sound"], response_class=Response)
    def spectrogram(
        song_id: str, signal: str,
        start: Annotated[int, Query(ge=0, description="First sample.")],
        frames: Annotated[int, Query(gt=0, description="Samples a channel.")],
        width: Annotated[int, Query(gt=0, le=_MAX_WIDTH, description="Columns.")],
    ) -> Response:  # fmt: skip
        """Draw a part of a spectrogram: 128 rows from 16 kHz down to 40 Hz, a byte for each column."""
        shade = Sound(library, _find(state, song_id)).spectrogram(signal, start, frames, width)
        return _raw(shade.tobytes(), {"x-bands": str(NUM_BANDS), "x-columns": str(width)})

    @app.get("/songs/{song_id}/beats", tags=["sound"])
    def beats(song_id: str) -> list[float]:
        """List the beats, seconds; none where none were found, or no MIDI was asked for."""
        return library.beats_of(_find(state, song_id))


def _add_exports(app: FastAPI, state: State) -> None:
    library = state.library

    @app.get("/songs/{song_id}/stems/{stem}", tags=["files"], response_class=FileResponse)
    def stem(song_id: str, stem: str, kind: Kind = "wav", bits: Bits = None, kbps: Kbps = None) -> FileResponse:
        """Download a stem: byte for byte what `dssgan separate` writes with the same options."""
        song = _find(state, song_id)
        files = export_stems(library, song, settings_of(kind, bits=bits, kbps=kbps))
        if stem not in files:
            raise ConfigError(f"stem {stem!r}: choose one of {', '.join(files)}")
        return _file(files[stem], f"{song.name} ({stem}).{kind}", kind)

    @app.get("/songs/{song_id}/stem-file", tags=["files"], response_class=FileResponse)
    def stem_file(
        song_id: str,
        stems: Annotated[
            str | None, Query(description="Up to four, with commas between them; all if there are so few.")
        ] = None,
    ) -> FileResponse:
        """Download all stems in one file for DJ software, .stem.mp4."""
        song = _find(state, song_id)
        chosen = None if stems is None else stems.split(",")
        if chosen is None and len(song.stems) > 4:
            chosen = ["kick", "snare", "hihat", "other"]
        files = export_stems(library, song, settings_of("stem.mp4", stems=chosen))
        return _file(next(iter(files.values())), f"{song.name}.stem.mp4", "stem.mp4")

    @app.get("/songs/{song_id}/stems.zip", tags=["files"], response_class=FileResponse)
    def stems_zip(
        song_id: str, kind: Kind = "wav", bits: Bits = None, kbps: Kbps = None,
        stems: Annotated[str | None, Query(description="With commas between them; all by default.")] = None,
    ) -> FileResponse:  # fmt: skip
        """Download stems in one zip, with the MIDI file where there is one."""
        song = _find(state, song_id)
        files = export_stems(library, song, settings_of(kind, bits=bits, kbps=kbps))
        names = list(files) if stems is None else stems.split(",")
        if missing := [name for name in names if name not in files]:
            raise ConfigError(f"stem {missing[0]!r}: choose among {', '.join(files)}")
        packed = {_trim(song.name, f" ({name}).{kind}"): files[name] for name in names}
        if library.midi_of(song).exists():
            packed[_trim(song.name, " (drums).mid")] = library.midi_of(song)
        return _file(archive(library, song, packed), f"{song.name}.zip", "zip")

    @app.get("/songs/{song_id}/midi", tags=["files"], response_class=FileResponse)
    def midi(song_id: str) -> FileResponse:
        """Download the drums as MIDI."""
        song = _find(state, song_id)
        path = library.midi_of(song)
        if song.state != "done" or not path.exists():
            raise ConfigError(f"{song.name}: has no MIDI; separate it with the option midi")
        return _file(path, f"{song.name} (drums).mid", "mid")

    @app.post("/songs/{song_id}/mixes", status_code=201, tags=["files"])
    def mix(song_id: str, wanted: MixRequest) -> MixAnswer:
        """Make a mix of one's own, with the song's tags and cover."""
        song = _find(state, song_id)
        made = export_mix(
            library, song, {name: one.level() for name, one in wanted.levels.items()},
            settings_of(wanted.format, bits=wanted.bits, kbps=wanted.kbps, stems=["mix"]),
            click=None if wanted.click is None else wanted.click.level(), counts_in=wanted.count_in,
        )  # fmt: skip
        return _answer(song, made)

    @app.get("/songs/{song_id}/mixes/{mix_id}", tags=["files"], response_class=FileResponse)
    def mixed(song_id: str, mix_id: str) -> FileResponse:
        """Download a mix that was made before."""
        song = _find(state, song_id)
        found = []
        if re.fullmatch(r"mix-[0-9a-f]{16}", mix_id):
            found = list((library.folder_of(song) / "exports" / mix_id).glob("mix.*"))
        path = next((one for one in found if one.suffix != ".json"), None)
        if path is None:
            raise HTTPException(404, "there is no such mix any more; make it again")
        kind = path.suffix.removeprefix(".")
        return _file(path, f"{song.name} (mix).{kind}", kind)


def _answer(song: Song, made: MixedFile) -> MixAnswer:
    return MixAnswer(
        url=f"/songs/{song.id}/mixes/{made.path.parent.name}", loudness_lufs=made.loudness_lufs, peak_db=made.peak_db,
        gain_db=made.gain_db,
    )  # fmt: skip


def _add_pages(app: FastAPI, state: State) -> None:
    page = resources.files("dssgan.app") / "page"
    assets = {one.name: one for one in page.iterdir() if one.name.endswith((".js", ".css", ".svg"))}
    assets |= {name: web.find(name) for name in web.FILES}
    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}

    @app.get("/assets/{name}", include_in_schema=False)
    def asset(name: str) -> Response:
        if name not in assets:
            raise HTTPException(404, "no such file")
        kind = kinds[name.rpartition(".")[2]]
        return Response(
            assets[name].read_text("utf-8"), media_type=f"{kind}; charset=utf-8", headers={"cache-control": "no-cache"}
        )

    def html(name: str) -> HTMLResponse:
        return HTMLResponse((page / name).read_text("utf-8"), headers={"cache-control": "no-cache"})

    @app.get("/api", include_in_schema=False)
    def api_page() -> HTMLResponse:
        return html("api.html")

    @app.get("/login", include_in_schema=False)
    def login_page() -> HTMLResponse:
        return html("login.html")

    @app.get("/", include_in_schema=False)
    def index() -> Response:
        return html("index.html") if state.with_page else RedirectResponse("/api", 303)


def add_login(app: FastAPI, guard: Guard) -> None:
    """Add what the form of the page /login is sent to.

    Args:
        app: where to.
        guard: what knows the password.
    """

    @app.post("/login", include_in_schema=False)
    async def login(request: Request) -> Response:
        form = (await request.body())[:4096].decode("utf-8", errors="replace")
        if not guard.accepts(parse_qs(form).get("password", [""])[0]):
            await anyio.sleep(1.0)  # who guesses is slow
            return RedirectResponse("/login#wrong", 303)
        return guard.set_cookie(RedirectResponse("/", 303))


def _find(state: State, song_id: str) -> Song:
    song = state.library.find(song_id)
    if song is None:
        raise HTTPException(404, "there is no such song")
    return song


def _options(given: dict[str, str], state: State) -> Options:
    try:
        options = Options.model_validate(given)
    except ValidationError as error:
        raise ConfigError(_describe(error.errors())) from error
    _require_model(options, state)
    return options


def _require_model(options: Options, state: State) -> None:
    if options.model not in state.models:
        known = ", ".join(state.models)
        raise ConfigError(
            f"model {options.model!r}: choose one of {known}, or start the app with --model for another one"
        )


def _event_stream(events: AsyncIterator[str]) -> StreamingResponse:
    return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})


def _raw(content: bytes, headers: dict[str, str]) -> Response:
    return Response(content, media_type="application/octet-stream", headers={**headers, "cache-control": "no-store"})


def _trim(name: str, end: str) -> str:
    """Return a file's name that no file system finds too long, and that leads nowhere else."""
    kept = re.sub(r'[\\/:*?"<>|]', "_", name).strip(". ") or "song"
    room = _MAX_NAME_BYTES - len(end.encode())
    return kept.encode()[:room].decode(errors="ignore") + end


def _file(path: Path, name: str, kind: str) -> FileResponse:
    stem, dot, end = name.rpartition(" (")
    shown = _trim(stem, dot + end) if dot else _trim(name.removesuffix(f".{kind}"), f".{kind}")
    plain = re.sub(r'[^ -~]|["\\%]', "_", shown)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"
    headers = {"content-disposition": disposition, "cache-control": "no-store"}
    return FileResponse(path, media_type=_MEDIA_TYPES[kind], headers=headers)
