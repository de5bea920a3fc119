"""Files to take away: stems, MIDI, archives, and mixes of one's own."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from dssgan.app.routes.state import State
from dssgan.app.song import Song
from dssgan.audio.formats import FORMATS
from dssgan.errors import ConfigError

if TYPE_CHECKING:
    from dssgan.app.exports import Level, MixedFile

_MEDIA_TYPES = {
    "wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg", "ogg": "audio/ogg", "opus": "audio/ogg",
    "m4a": "audio/mp4", "stem.mp4": "audio/mp4", "zip": "application/zip", "mid": "audio/midi",
}  # fmt: skip
_MAX_NAME_BYTES = 200

Kind = Annotated[
    str, Query(alias="format", description=f"One of {', '.join(suffix.removeprefix('.') for suffix in FORMATS)}.")
]
Bits = Annotated[
    int | None, Query(description="16, 24 or, in wav, 32 bits a sample; the format's usual one if not given.")
]
Kbps = Annotated[int | None, Query(description="Bit rate of a lossy format, kbit/s.")]


class StemLevel(BaseModel):
    """How a stem sounds in a mix."""

    model_config = ConfigDict(extra="forbid")

    gain_db: float = Field(default=0.0, le=12.0, description="dB; -60 or less leaves it out.")
    pan: float = Field(default=0.0, ge=-1.0, le=1.0, description="-1 left to 1 right; of stereo songs only.")

    def level(self) -> "Level":
        """Return it as exports take it."""
        from dssgan.app.exports import Level

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


def add_files(app: FastAPI, state: State) -> None:
    """Add stems, MIDI, archives and mixes.

    Args:
        app: where to.
        state: what the routes share.
    """
    library = state.library

    @app.get("/songs/{song_id}/stems/{stem}", tags=["files"], response_class=FileResponse)
    def stem(song_id: str, stem: str, kind: Kind = "wav", bits: Bits = None, kbps: Kbps = None) -> FileResponse:
        """Download a stem: byte for byte what `dssgan separate` writes with the same options."""
        from dssgan.app import exports

        song = state.find(song_id)
        files = exports.export_stems(library, song, exports.settings_of(kind, bits=bits, kbps=kbps))
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
        from dssgan.app import exports

        song = state.find(song_id)
        chosen = None if stems is None else stems.split(",")
        if chosen is None and len(song.stems) > 4:
            chosen = ["kick", "snare", "hihat", "other"]
        files = exports.export_stems(library, song, exports.settings_of("stem.mp4", stems=chosen))
        return _file(next(iter(files.values())), f"{song.name}.stem.mp4", "stem.mp4")

    @app.get("/songs/{song_id}/stems.zip", tags=["files"], response_class=FileResponse)
    def stems_zip(
        song_id: str, kind: Kind = "wav", bits: Bits = None, kbps: Kbps = None,
        stems: Annotated[str | None, Query(description="With commas between them; all by default.")] = None,
    ) -> FileResponse:  # fmt: skip
        """Download stems in one zip, with the MIDI file where there is one."""
        from dssgan.app import exports

        song = state.find(song_id)
        files = exports.export_stems(library, song, exports.settings_of(kind, bits=bits, kbps=kbps))
        names = list(files) if stems is None else stems.split(",")
        if missing := [name for name in names if name not in files]:
            raise ConfigError(f"stem {missing[0]!r}: choose among {', '.join(files)}")
        packed = {_trim(song.name, f" ({name}).{kind}"): files[name] for name in names}
        if library.midi_of(song).exists():
            packed[_trim(song.name, " (drums).mid")] = library.midi_of(song)
        return _file(exports.archive(library, song, packed), f"{song.name}.zip", "zip")

    @app.get("/songs/{song_id}/midi", tags=["files"], response_class=FileResponse)
    def midi(song_id: str) -> FileResponse:
        """Download the drums as MIDI."""
        song = state.find(song_id)
        path = library.midi_of(song)
        if song.state != "done" or not path.exists():
            raise ConfigError(f"{song.name}: has no MIDI; separate it with the option midi")
        return _file(path, f"{song.name} (drums).mid", "mid")

    @app.post("/songs/{song_id}/mixes", status_code=201, tags=["files"])
    def mix(song_id: str, wanted: MixRequest) -> MixAnswer:
        """Make a mix of one's own, with the song's tags and cover."""
        from dssgan.app import exports

        song = state.find(song_id)
        made = exports.export_mix(
            library, song, {name: one.level() for name, one in wanted.levels.items()},
            exports.settings_of(wanted.format, bits=wanted.bits, kbps=wanted.kbps, stems=["mix"]),
            click=None if wanted.click is None else wanted.click.level(), counts_in=wanted.count_in,
        )  # fmt: skip
        return _answer(song, made)

    @app.get("/songs/{song_id}/mixes/{mix_id}", tags=["files"], response_class=FileResponse)
    def mixed(song_id: str, mix_id: str) -> FileResponse:
        """Download a mix that was made before."""
        song = state.find(song_id)
        found = []
        if re.fullmatch(r"mix-[0-9a-f]{16}", mix_id):
            found = list((library.folder_of(song) / "exports" / mix_id).glob("mix.*"))
        path = next((one for one in found if one.suffix != ".json"), None)
        if path is None:
            raise HTTPException(404, "there is no such mix any more; make it again")
        kind = path.suffix.removeprefix(".")
        return _file(path, f"{song.name} (mix).{kind}", kind)


def _answer(song: Song, made: "MixedFile") -> MixAnswer:
    return MixAnswer(
        url=f"/songs/{song.id}/mixes/{made.path.parent.name}", loudness_lufs=made.loudness_lufs, peak_db=made.peak_db,
        gain_db=made.gain_db,
    )  # fmt: skip


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
