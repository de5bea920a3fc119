"""Stems that any other program wrote, one folder a song, as a separator of those songs."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from dssgan.audio.files import SUFFIXES
from dssgan.data.audio_file import AudioFile, Sum, fit_length
from dssgan.errors import ModelError
from dssgan.separators.base import SeparatorModel, Starts
from dssgan.separators.external.family import Family
from dssgan.types import DRUMS, OTHER, Audio

_SAMPLE_RATE = 44100
_CHANNELS = 2
# What some programs write beside drums: everything else as one file.
_RESTS = ("no_drums", "other_than_drums", "drumless")
_MIXES = ("mix", "mixture")


def stem_files(folder: Path) -> dict[str, Path]:
    """Find the stems of one song, in any format, by their names in small letters; mixes are left out."""
    return {
        file.stem.lower(): file
        for file in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if file.suffix.lower() in SUFFIXES and file.stem.lower() not in _MIXES
    }


def files_of_rest(files: Mapping[str, Path]) -> list[Path]:
    """Choose the files that add up to a song without its drums.

    Args:
        files: as `stem_files` gives.

    Returns:
        The one that some programs write for all of it, or all others than drums.
    """
    whole = [files[name] for name in _RESTS if name in files]
    return whole[:1] or [file for stem, file in files.items() if stem != DRUMS]


class StemsFolder(SeparatorModel):
    """A folder with one folder a song. It separates no sound but gives what is in `FOLDER/SONG/`.

    `drums` is the file of that name; the rest is `no_drums` where there is one, or the sum of all others.

    Args:
        folder: where the songs' folders are.
        sample_rate: rate at which the stems are given, Hz; they are resampled to it.
        channels: channels at which they are given.
    """

    separates_by_sound = False

    def __init__(self, folder: Path, sample_rate: int = _SAMPLE_RATE, channels: int = _CHANNELS) -> None:
        super().__init__((DRUMS, OTHER), sample_rate, channels)
        self.folder = folder

    def for_song(self, name: str) -> SeparatorModel:
        """Return the stems of one song.

        Raises:
            ModelError: the folder has none of that song.
        """
        folder = self.folder / name
        files = stem_files(folder)
        if DRUMS not in files:
            raise ModelError(f"{folder}: has no drums of this song; write {folder}/drums.wav and {folder}/no_drums.wav")
        return _StemsOfSong(self, files[DRUMS], files_of_rest(files))

    def matched(self, sample_rate: int, channels: int) -> SeparatorModel:
        """Return the same stems at another rate."""
        return StemsFolder(self.folder, sample_rate, channels)

    def forward(self, mix: Tensor) -> Tensor:  # noqa: ARG002
        """Refuse: without a song's name there are no stems to give."""
        raise ModelError(f"stems:{self.folder}: has stems of songs by name, and separates no other sound")


class _StemsOfSong(SeparatorModel):
    separates_by_sound = False

    def __init__(self, parent: StemsFolder, drums: Path, rests: list[Path]) -> None:
        super().__init__(parent.sources, parent.sample_rate, parent.channels)
        self.drums, self.rests = drums, rests
        self._stems: Audio | None = None

    def forward(self, mix: Tensor) -> Tensor:
        """Return the beginning of the song's stems."""
        return self.separate_at(mix, [0] * len(mix))

    def separate_at(self, mix: Tensor, starts: Starts) -> Tensor:
        """Return the stems from each excerpt's start on; before their beginning and after their end they are silent."""
        stems = self._load()
        length = mix.shape[-1]
        given = np.zeros((len(mix), *stems.shape[:-1], length), np.float32)
        for item, start in zip(given, starts, strict=True):
            before = max(0, -start)  # of a shifted song
            part = stems[..., max(0, start) : max(0, start + length)]
            item[..., before : before + part.shape[-1]] = part
        estimates = torch.from_numpy(given).to(mix)
        if not self.rests:
            estimates[:, 1] = mix - estimates[:, 0]
        return estimates

    def _load(self) -> Audio:
        if self._stems is None:
            parts = [
                Sum(tuple((AudioFile.of(file), 1.0) for file in files)).read(
                    sample_rate=self.sample_rate, channels=self.channels
                )
                for files in ([self.drums], self.rests)
                if files
            ]
            length = max(part.shape[-1] for part in parts)
            self._stems = np.zeros((2, self.channels, length), np.float32)
            for stem, part in zip(self._stems, parts, strict=False):  # without a rest its stem is not used
                stem[:] = fit_length(part, length)
        return self._stems


class StemsFamily(Family):
    """Folders of stems."""

    name: ClassVar[str] = "stems"
    about: ClassVar[str] = "stems that any other program wrote, as FOLDER/SONG/drums.wav and the rest beside it"
    takes: ClassVar[str] = "a folder with one folder a song"
    is_copied: ClassVar[bool] = False

    def load(self, path: Path) -> SeparatorModel:
        """Load a folder of stems."""
        if not path.is_dir():
            raise ModelError(f"{path}: is no folder; give {self.takes}")
        return StemsFolder(path.absolute())
