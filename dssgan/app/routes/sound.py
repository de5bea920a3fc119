"""What a player needs of a song."""

from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import Response, StreamingResponse

from dssgan.app.routes.state import State

_MAX_EXCERPT_SECONDS = 30.0
_MAX_WIDTH = 4000


def add_sound(app: FastAPI, state: State) -> None:
    """Add excerpts, waveforms, spectrograms and beats.

    Args:
        app: where to.
        state: what the routes share.
    """
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
        from dssgan.app.sound import SCALE, Sound, to_bytes

        song = state.find(song_id)
        sound = Sound(library, song)
        frames = min(frames, round(_MAX_EXCERPT_SECONDS * song.sample_rate))
        parts = [to_bytes(sound.excerpt(name, start, frames)) for name in signals.split(",")]
        return _raw(b"".join(parts), {"x-scale": str(SCALE), "x-channels": str(song.channels)})

    @app.get("/songs/{song_id}/waveform/{signal}", tags=["sound"], response_class=StreamingResponse)
    def waveform(song_id: str, signal: str) -> StreamingResponse:
        """Draw a waveform: lowest and highest of each 256 samples as signed bytes, of which 64 is full scale."""
        from dssgan.app.sound import PEAK_FRAMES, Sound

        sound = Sound(library, state.find(song_id))
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
        from dssgan.app.sound import NUM_BANDS, Sound

        shade = Sound(library, state.find(song_id)).spectrogram(signal, start, frames, width)
        return _raw(shade.tobytes(), {"x-bands": str(NUM_BANDS), "x-columns": str(width)})

    @app.get("/songs/{song_id}/beats", tags=["sound"])
    def beats(song_id: str) -> list[float]:
        """List the beats, seconds; none where none were found, or no MIDI was asked for."""
        return library.beats_of(state.find(song_id))


def _raw(content: bytes, headers: dict[str, str]) -> Response:
    return Response(content, media_type="application/octet-stream", headers={**headers, "cache-control": "no-store"})
