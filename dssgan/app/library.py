"""The library: songs, their stems and what is made of them, in one folder that outlives the program."""

import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dssgan.app.song import Options, Passage, Song, clean_name, split_suffix
from dssgan.atomic import make_folder, remove_abandoned, replacing, write_text
from dssgan.errors import AudioError, ConfigError, DssganError, WriteError
from dssgan.extras import import_from

_RECORD = "song.json"
_TOKEN = "token"
_ID_BYTES = 6
_SPARE_BYTES = 200 * 2**20  # left for everything else on the disk


@dataclass(frozen=True)
class Limits:
    """What a song may be at most.

    Args:
        megabytes: size of its file, 10^6 bytes.
        minutes: its length.
    """

    megabytes: float = 2000.0
    minutes: float = 180.0

    def __post_init__(self) -> None:
        if not (self.megabytes > 0 and self.minutes > 0):
            raise ConfigError("the limits of a song must be positive: give --max-megabytes and --max-minutes above 0")


@dataclass
class Library:
    """Songs in a folder. All methods may be called from any thread.

    Args:
        folder: where they are kept; made if it is missing.
        limits: what a song may be at most.
        on_change: called with a song that was added or has changed, and with an identifier of one that was removed.

    Raises:
        ConfigError: another process uses the folder.
        WriteError: the folder cannot be made.
    """

    folder: Path
    limits: Limits = Limits()
    on_change: Callable[[Song | str], None] = lambda _song: None
    _songs: dict[str, Song] = field(default_factory=dict, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def __post_init__(self) -> None:
        filelock = import_from("filelock", "app")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._owner = filelock.FileLock(self.folder / "in-use.lock")
            self._owner.acquire(timeout=0)
        except filelock.Timeout as error:
            raise ConfigError(
                f"{self.folder}: another dssgan app uses this library; open its page, or choose another --library"
            ) from error
        except OSError as error:
            raise WriteError(
                f"{self.folder}: cannot be written ({error.strerror}); choose another --library"
            ) from error
        remove_abandoned(self.folder)
        for record in sorted(self.folder.glob(f"*/{_RECORD}")):
            remove_abandoned(record.parent)
            with suppress(OSError, ValidationError, ValueError):  # a song that cannot be read is not shown
                song = Song.model_validate_json(record.read_text("utf-8"))
                if song.id == record.parent.name:
                    self._songs[song.id] = song

    def close(self) -> None:
        """Let other processes use the folder."""
        self._owner.release()

    def token(self) -> str:
        """Return the secret that opens the page; it stays the same, so that a page that is open goes on working."""
        path = self.folder / _TOKEN
        with suppress(OSError):
            if text := path.read_text("ascii").strip():
                return text
        token = secrets.token_urlsafe(24)
        with replacing(path) as temporary:
            temporary.write_text(token, "ascii")
        path.chmod(0o600)
        return token

    def songs(self) -> list[Song]:
        """Return all songs, in the order in which they were added."""
        with self._lock:
            return sorted(self._songs.values(), key=lambda song: (song.added, song.id))

    def find(self, identifier: str) -> Song | None:
        """Return a song; None where there is none of that identifier."""
        with self._lock:
            return self._songs.get(identifier)

    def folder_of(self, song: Song) -> Path:
        """Return the folder of a song."""
        return self.folder / song.id

    def source_of(self, song: Song) -> Path:
        """Return the file that was sent."""
        return self.folder_of(song) / song.file

    def stems_of(self, song: Song) -> Path:
        """Return the folder of a song's estimates, a wav of floats for each source."""
        return self.folder_of(song) / "stems"

    def midi_of(self, song: Song) -> Path:
        """Return the file of the drums as MIDI, which exists where it was asked for."""
        return self.stems_of(song) / "drums.mid"

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """Make a folder for a file that is being sent; it is removed with all that is left in it.

        Raises:
            WriteError: the disk is full, or may not be written.
        """
        try:
            folder = make_folder(self.folder, "incoming")
        except OSError as error:
            raise WriteError(f"{self.folder}: cannot be written ({error.strerror}); make space") from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def require_space(self, num_bytes: float) -> None:
        """Refuse what the disk has no room for.

        Args:
            num_bytes: what is going to be written.

        Raises:
            WriteError: there is less.
        """
        free = shutil.disk_usage(self.folder).free
        if num_bytes + _SPARE_BYTES > free:
            raise WriteError(
                f"{self.folder}: {(num_bytes + _SPARE_BYTES) / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are "
                "free; remove songs, make space or choose another --library"
            )

    def require_size(self, num_bytes: float) -> None:
        """Refuse a file that is larger than the limit.

        Raises:
            AudioError: it is too large.
        """
        if num_bytes > self.limits.megabytes * 1e6:
            raise AudioError(
                f"the file has more than {self.limits.megabytes:g} MB; send a shorter one, or start the app with a "
                "larger --max-megabytes"
            )

    def add(self, file: Path, name: str, options: Options, passage: Passage | None = None) -> Song:
        """Add a song.

        Args:
            file: the sound file, on the library's file system; it is moved into the library.
            name: what its sender calls it, with its suffix.
            options: how it is separated.
            passage: what it is a part of.

        Returns:
            The song, queued.

        Raises:
            AudioError: it is no sound file, or longer than the limit.
            WriteError: there is no room for its stems.
        """
        from dssgan.audio.files import probe

        shown, suffix = split_suffix(clean_name(name))
        named = file.with_name(f"source{suffix}")
        file.rename(named)
        try:
            info = probe(named)
        except AudioError as error:
            raise AudioError(str(error).replace(str(named), shown + suffix)) from error
        if info.seconds > self.limits.minutes * 60:
            raise AudioError(
                f"{shown}: lasts {info.seconds / 60:.0f} minutes, and the limit is {self.limits.minutes:g}; send a "
                "shorter one, or start the app with a larger --max-minutes"
            )
        song = Song(
            id=secrets.token_hex(_ID_BYTES), name=shown, file=named.name, added=time.time(), seconds=info.seconds,
            sample_rate=info.sample_rate, channels=info.channels, options=options, passage=passage,
        )  # fmt: skip
        self.require_space(song.stems_bytes)
        folder = self.folder_of(song)
        folder.mkdir()
        named.rename(folder / named.name)
        return self.put(song)

    def put(self, song: Song, *, is_written: bool = True) -> Song:
        """Replace a song by a changed one, unless it has been removed meanwhile.

        Args:
            song: as it is now.
            is_written: whether the change outlives the program; progress need not.

        Raises:
            WriteError: it cannot be written.
        """
        with self._lock:
            folder = self.folder_of(song)
            if not folder.is_dir():
                return song
            if is_written:
                write_text(folder / _RECORD, song.model_dump_json(indent=1))
            self._songs[song.id] = song
        self.on_change(song)
        return song

    def change(self, identifier: str, *, is_written: bool = True, **changes: Any) -> Song | None:
        """Change some attributes of a song; None where it has been removed."""
        with self._lock:
            song = self._songs.get(identifier)
            if song is None:
                return None
            return self.put(Song.model_validate(song.model_dump() | changes), is_written=is_written)

    def remove(self, identifier: str) -> None:
        """Remove a song and the passages of it, with all their files."""
        with self._lock:
            parts = [one.id for one in self._songs.values() if one.passage and one.passage.song == identifier]
            song = self._songs.pop(identifier, None)
            if song is not None:
                removed = self.folder / f".{identifier}.removed"
                with suppress(OSError):  # renamed first: a crash leaves no half of a song
                    self.folder_of(song).rename(removed)
                shutil.rmtree(removed, ignore_errors=True)
        for part in parts:
            self.remove(part)
        self.on_change(identifier)

    def beats_of(self, song: Song) -> list[float]:
        """Return the times of a song's beats, seconds; none where none were found."""
        try:
            beats = json.loads((self.stems_of(song) / "beats.json").read_text("utf-8"))
        except (OSError, ValueError):
            return []
        return [float(beat) for beat in beats]


def default_folder() -> Path:
    """Return where the library is unless another place is chosen."""
    import platformdirs

    return platformdirs.user_data_path("dssgan") / "app"


def describe_error(error: BaseException) -> str:
    """Return what went wrong in one line."""
    if isinstance(error, DssganError):
        return str(error)
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    return f"{type(error).__name__}: {reason}"
