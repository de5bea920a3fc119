"""What becomes of stems: which are written, as what kind of file, under which name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from string import Formatter

from dssgan.audio.formats import STEM_MP4, Encoding
from dssgan.audio.stem_mp4 import NUM_STEMS
from dssgan.errors import ConfigError, printable, unknown
from dssgan.types import DRUMS

MIDI = "midi"
CLIP_MODES = ("rescale", "clamp", "none")
_FIELDS = {"track", "stem", "ext"}
_MAX_NAME_BYTES = 255  # of a file or folder, on nearly all file systems


@dataclass(frozen=True)
class OutputSettings(Encoding):
    """How stems become files.

    Args:
        stems: names of those that are written; None for all. The rest are separated all the same.
        filename: name of a stem's file below its folder, of {track}, {stem} and {ext}; None for "{stem}.{ext}", or
            "{track}.{ext}" where one file holds all.
        clip_mode: what happens where a stem would clip: "rescale" turns all of them down by one gain, "clamp" cuts its
            peaks off, "none" refuses to write it. Floats never clip.
        midi: whether the drums are written as MIDI, too, which takes a model that gives their pieces.
        samples: folder in which each song gets one with samples of its drums, which takes such a model, too; None for
            none.
        tags: whether text tags and cover art carry over.
        replaces: whether stems that are there already are replaced.

    Raises:
        ConfigError: a setting out of range, or settings that do not go together.
    """

    stems: tuple[str, ...] | None = None
    filename: str | None = None
    clip_mode: str = "rescale"
    midi: bool = False
    samples: Path | None = None
    tags: bool = True
    replaces: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clip_mode not in CLIP_MODES:
            raise ConfigError(unknown("clip mode", self.clip_mode, CLIP_MODES))
        fields = self._fields()
        if not fields <= _FIELDS or "ext" not in fields or not self._pattern.endswith(".{ext}"):
            raise ConfigError(f"file name {self._pattern!r}: make it of {{track}} and {{stem}}, and end it in .{{ext}}")
        parts = PurePosixPath(self._pattern).parts
        if self._pattern.startswith("/") or ".." in parts:
            raise ConfigError(f"file name {self._pattern!r}: leads out of the output folder; leave out / and ..")
        if "stem" in fields and self.in_one_file:
            raise ConfigError(f"file name {self._pattern!r}: {STEM_MP4} holds all stems; leave out {{stem}}")
        if "stem" not in fields and not self.in_one_file and (self.stems is None or len(self.stems) > 1):
            raise ConfigError(f"file name {self._pattern!r}: all stems would have it; add {{stem}}")

    @property
    def in_one_file(self) -> bool:
        """Whether one file holds all stems."""
        return self.suffix == STEM_MP4

    @property
    def _pattern(self) -> str:
        return self.filename or ("{track}.{ext}" if self.in_one_file else "{stem}.{ext}")

    def _fields(self) -> set[str]:
        try:
            parsed = list(Formatter().parse(self._pattern))
        except ValueError as error:
            raise ConfigError(f"file name {self._pattern!r}: {error}") from error
        if any(spec or conversion for _, _, spec, conversion in parsed):
            raise ConfigError(f"file name {self._pattern!r}: give the names in braces alone, such as {{track}}")
        return {name for _, name, _, _ in parsed if name is not None}

    def paths(self, folder: Path, track: str, sources: Sequence[str]) -> dict[str, Path]:
        """Return the paths of a track's stems.

        Args:
            folder: what the file names are below.
            track: its name.
            sources: the stems that there are, in order.

        Returns:
            A file for each stem that is written, in the sources' order; one and the same where it holds all. Where
            the drums are written as MIDI, that file under the name `MIDI`.

        Raises:
            ConfigError: a stem is chosen that there is not, or a name is longer than file systems take.
        """
        for stem in self.stems or ():
            if stem not in sources:
                raise ConfigError(unknown("stem", stem, sources))
        chosen = [source for source in sources if self.stems is None or source in self.stems]
        if self.in_one_file and len(chosen) > NUM_STEMS:
            raise ConfigError(
                f"{STEM_MP4} holds {NUM_STEMS} stems, not {len(chosen)} ({', '.join(chosen)}); choose with --stems"
            )
        extension = self.suffix.removeprefix(".")
        paths = {stem: folder / self._pattern.format(track=track, stem=stem, ext=extension) for stem in chosen}
        if self.midi:
            paths[MIDI] = folder / self._pattern.format(track=track, stem=DRUMS, ext="mid")
        for part in dict.fromkeys(part for path in paths.values() for part in path.parts):
            if len(part.encode(errors="surrogateescape")) > _MAX_NAME_BYTES:
                raise ConfigError(
                    f"{printable(track)}: a stem would have a name of more than {_MAX_NAME_BYTES} bytes "
                    f"({printable(part[:40])}...); choose a shorter --filename"
                )
        return paths
