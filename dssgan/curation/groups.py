"""Which songs belong together: one artist's on both sides of a split flatter every score."""

import re
from collections.abc import Callable, Mapping

from dssgan.audio.tags import read_tags
from dssgan.data.track import Track

_ARTIST_AND_TITLE = re.compile(r"\s*(\S.*?)\s+[-\u2013]\s+\S")


def artist_of(track: Track) -> str | None:
    """Name a song's artist, in small letters: by its files' tags, or as in "Artist - Title".

    Args:
        track: the song.

    Returns:
        None where neither names one.
    """
    named = _ARTIST_AND_TITLE.match(track.name)
    return _tag(track, "albumartist") or _tag(track, "artist") or (_same(named[1]) if named else None)


def album_of(track: Track) -> str | None:
    """Return a song's album by its files' tags; None where they name none."""
    album = _tag(track, "album")
    return None if album is None else f"{_tag(track, 'albumartist') or _tag(track, 'artist') or ''}: {album}"


def record_of(track: Track) -> str | None:
    """Name the record that a song is from: its album by its files' tags, or else its artist; None where neither is."""
    return album_of(track) or artist_of(track)


def folder_of(track: Track) -> str:
    """Return the parent folder of a song's folder, or the folder of its one file."""
    paths = {file.path for recording in track.recordings for file in recording.files}
    path = min(paths)
    return str(path.parent if len(paths) == 1 else path.parent.parent)


GROUPS: Mapping[str, Callable[[Track], str | None]] = {"artist": artist_of, "album": album_of, "folder": folder_of}


def _tag(track: Track, name: str) -> str | None:
    for path in dict.fromkeys(file.path for recording in track.recordings for file in recording.files):
        values = read_tags(path).text.get(name)
        if values and values[0].strip():
            return _same(values[0])
    return None


def _same(name: str) -> str:
    return " ".join(name.casefold().split())
