"""Text tags and cover art, copied from one file to another of any kind."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

_FRONT_COVER = 3
_FREE = "----:com.apple.iTunes:"
# a name as Vorbis comments have it, the frame of ID3 and the atom of MP4
_NAMES = (
    ("title", "TIT2", "\xa9nam"), ("artist", "TPE1", "\xa9ART"), ("album", "TALB", "\xa9alb"),
    ("albumartist", "TPE2", "aART"), ("date", "TDRC", "\xa9day"), ("genre", "TCON", "\xa9gen"),
    ("tracknumber", "TRCK", "trkn"), ("discnumber", "TPOS", "disk"), ("composer", "TCOM", "\xa9wrt"),
    ("bpm", "TBPM", "tmpo"), ("initialkey", "TKEY", f"{_FREE}initialkey"), ("grouping", "TIT1", "\xa9grp"),
    ("copyright", "TCOP", "cprt"), ("isrc", "TSRC", f"{_FREE}ISRC"), ("comment", "COMM", "\xa9cmt"),
    ("lyricist", "TEXT", f"{_FREE}LYRICIST"), ("conductor", "TPE3", f"{_FREE}CONDUCTOR"),
    ("organization", "TPUB", f"{_FREE}LABEL"),
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """Cover art.

    Attributes:
        content: the image file.
        mime: its kind, "image/jpeg" or "image/png".
    """

    content: bytes = field(repr=False)
    mime: str


@dataclass(frozen=True)
class Tags:
    """The tags of a file.

    Attributes:
        text: values by the names that Vorbis comments have.
        cover: the front cover, or the first picture there is.
    """

    text: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cover: Picture | None = None


def read_tags(path: Path) -> Tags:
    """Read a file's tags.

    Args:
        path: a sound file of any kind.

    Returns:
        What there is of text and cover; nothing where the tags cannot be read, for no sound depends on them.
    """
    import mutagen

    try:
        file = mutagen.File(path)
        return Tags() if file is None or file.tags is None else _scheme(file).read(file)
    except Exception:  # tags are anybody's bytes, and the errors that they cause are of every kind
        return Tags()


def write_tags(path: Path, tags: Tags) -> None:
    """Write tags into a file that has none.

    Args:
        path: a sound file; one that cannot hold tags, such as RF64, stays as it is.
        tags: what to write; what the format has no field for is left out.

    Raises:
        OSError: the file cannot be written, for want of space.
    """
    import mutagen

    if not tags.text and tags.cover is None:
        return
    try:
        file = mutagen.File(path)
        if file is None:
            return
        if file.tags is None:
            file.add_tags()
        _scheme(file).write(file, tags)
    except mutagen.MutagenError as error:
        if error.args and isinstance(error.args[0], OSError):
            raise error.args[0] from error


class _Scheme(Protocol):
    def read(self, file: Any) -> Tags:
        """Read the tags of an open file."""

    def write(self, file: Any, tags: Tags) -> None:
        """Add tags to an open file and save it."""


class _ID3:
    def read(self, file: Any) -> Tags:
        text = {}
        for name, frame, _ in _NAMES:
            # programs keep notes of their own in comments that have a description
            frames = [one for one in file.tags.getall(frame) if not getattr(one, "desc", "")][:1]
            if values := tuple(str(value) for one in frames for value in one.text):
                text[name] = values
        found = [(one.type, Picture(one.data, one.mime)) for one in file.tags.getall("APIC")]
        return Tags(text, _front(found))

    def write(self, file: Any, tags: Tags) -> None:
        from mutagen import id3

        for name, frame, _ in _NAMES:
            if values := tags.text.get(name):
                settings = {"lang": "eng", "desc": ""} if frame == "COMM" else {}
                file.tags.add(getattr(id3, frame)(encoding=3, text=list(values), **settings))
        if tags.cover is not None:
            picture = {"mime": tags.cover.mime, "type": _FRONT_COVER, "desc": "", "data": tags.cover.content}
            file.tags.add(id3.APIC(encoding=3, **picture))
        file.save(v2_version=3)  # what players of DJs read best


class _MP4:
    def read(self, file: Any) -> Tags:
        from mutagen.mp4 import MP4Cover

        text = {name: tuple(map(_from_atom, file.tags[atom])) for name, _, atom in _NAMES if file.tags.get(atom)}
        found = [
            (_FRONT_COVER, Picture(bytes(one), "image/png" if one.imageformat == MP4Cover.FORMAT_PNG else "image/jpeg"))
            for one in file.tags.get("covr", ())
        ]
        return Tags(text, _front(found))

    def write(self, file: Any, tags: Tags) -> None:
        from mutagen.mp4 import MP4Cover

        for name, _, atom in _NAMES:
            values = [_to_atom(atom, value) for value in tags.text.get(name, ())]
            if kept := [value for value in values if value is not None]:
                file.tags[atom] = kept
        if tags.cover is not None:
            kind = MP4Cover.FORMAT_PNG if tags.cover.mime == "image/png" else MP4Cover.FORMAT_JPEG
            file.tags["covr"] = [MP4Cover(tags.cover.content, kind)]
        file.save()


def _from_atom(value: Any) -> str:
    if isinstance(value, tuple):  # a track's number and how many there are
        return "/".join(str(number) for number in value if number)
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _to_atom(atom: str, value: str) -> Any:
    if atom.startswith(_FREE):
        return value.encode()
    try:
        if atom in ("trkn", "disk"):
            number, _, total = value.partition("/")
            return int(number), int(total or 0)
        return round(float(value)) if atom == "tmpo" else value
    except ValueError:  # "A3": MP4 has no field for it
        return None


class _Comments:
    """Vorbis comments, of FLAC, Ogg and Opus."""

    def read(self, file: Any) -> Tags:
        from mutagen.flac import Picture as FlacPicture

        text = {name: tuple(file.tags[name]) for name, _, _ in _NAMES if name in file.tags}
        pictures = list(getattr(file, "pictures", ()))
        pictures += [FlacPicture(base64.b64decode(text)) for text in file.tags.get("metadata_block_picture", ())]
        return Tags(text, _front([(one.type, Picture(one.data, one.mime)) for one in pictures]))

    def write(self, file: Any, tags: Tags) -> None:
        from mutagen.flac import Picture as FlacPicture

        for name, values in tags.text.items():
            file.tags[name] = list(values)
        if tags.cover is not None:
            picture = FlacPicture()
            picture.type, picture.mime, picture.data = _FRONT_COVER, tags.cover.mime, tags.cover.content
            if hasattr(file, "add_picture"):
                file.add_picture(picture)
            else:
                file.tags["metadata_block_picture"] = [base64.b64encode(picture.write()).decode()]
        file.save()


def _scheme(file: Any) -> _Scheme:
    from mutagen.id3 import ID3
    from mutagen.mp4 import MP4Tags

    kinds: tuple[tuple[type, _Scheme], ...] = ((ID3, _ID3()), (MP4Tags, _MP4()))
    return next((scheme for kind, scheme in kinds if isinstance(file.tags, kind)), _Comments())


def _front(found: list[tuple[int, Picture]]) -> Picture | None:
    """Choose the front cover, or else the first picture."""
    return min(found, key=lambda one: one[0] != _FRONT_COVER)[1] if found else None
