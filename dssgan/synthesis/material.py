"""What people wrote and played, as performances: drummers and songs in MIDI files, for songs to be made of."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dssgan.errors import DataError
from dssgan.synthesis import performances

CREDITS = "credits.txt"

_UNKNOWN = "see its files"


@dataclass(frozen=True)
class Material:
    """MIDI files that songs are made of.

    Attributes:
        drummers: performances that the drummers of composed songs play, with their styles.
        electronic: they were played on Roland's electronic kits.
        drummers_credit: whose they are, with the licence.
        written: songs.
        written_credit: whose they are, with the licence.
        share: share of the songs that are written ones, where there are any.
        kits: names of the drum kits that may be played; None for all.
    """

    drummers: Mapping[Path, str] = field(default_factory=dict)
    electronic: bool = False
    drummers_credit: str = ""
    written: tuple[Path, ...] = ()
    written_credit: str = ""
    share: float = 0.5
    kits: frozenset[str] | None = None

    @property
    def credits(self) -> tuple[str, ...]:
        """Whose files may be in the songs, a line each."""
        return tuple(sorted({self.drummers_credit, self.written_credit} - {""}))

    @property
    def fingerprint(self) -> str:
        """Hash of what there is, 16 hexadecimal digits: other files make other songs."""
        facts = [f"{path.name} {path.stat().st_size}" for path in (*self.drummers, *self.written)] + [str(self.share)]
        facts += [] if self.kits is None else sorted(self.kits)
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


NO_MATERIAL = Material()


def find(drummers: Path | None, written: Path | None, share: float = 0.5) -> Material:
    """Look through folders of MIDI files, at their names alone: each is read when a song is made of it.

    Args:
        drummers: MIDI files of drummers; None for none. Its first line of `credits.txt` says whose they are.
        written: MIDI files of songs; None for none. The same.
        share: share of the songs that are written ones.

    Raises:
        DataError: a folder is missing, or has no MIDI file.
    """
    styles = {} if drummers is None else performances.styles_of(_folder(drummers))
    songs = () if written is None else tuple(performances.midi_files(_folder(written)))
    for folder, files in ((drummers, styles), (written, songs)):
        if folder is not None and not files:
            raise DataError(f"{folder}: no MIDI files (.mid) in it; name another folder")
    electronic = drummers is not None and performances.is_groove(drummers)
    return Material(styles, electronic, _credit(drummers), songs, _credit(written), share)


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise DataError(f"{path}: no such folder; name one with MIDI files")
    return path


def _credit(folder: Path | None) -> str:
    if folder is None:
        return ""
    stated = folder / CREDITS
    if stated.is_file():
        lines = stated.read_text(encoding="utf-8", errors="replace").split("\n")
        return lines[0].strip()
    return f"{folder.name}: {_UNKNOWN}"
