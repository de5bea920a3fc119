"""Archives of real songs."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.curation.contributions.pack import contribute, find_tracks

RATE = 44100
TERMS = {"licence": "CC-BY-4.0", "holder": "Ada Drummer", "source": "https://example.org/album", "consent": "May train"}
DAY = date(2026, 2, 3)


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory, song: tuple[NDArray[np.float32], NDArray[np.float32]]) -> Path:
    """A folder of two songs of real audio: "One" with a mix of 16 bits, "Zwölf" without, of 24."""
    folder = tmp_path_factory.mktemp("songs")
    mix, sources = (part[..., :RATE] for part in song)
    for name, audio in {"mix": mix, "drums": sources[0], "other": sources[1]}.items():
        files.write(folder / "One" / f"{name}.wav", audio, RATE)
    later = song[1][..., 2 * RATE : 3 * RATE]
    for name, audio in {"drums": later[0], "other": later[1]}.items():
        files.write(folder / "Zwölf" / f"{name}.wav", audio, RATE, "pcm24")
    return folder


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, songs: Path) -> Path:
    """The songs, packed."""
    path = tmp_path_factory.mktemp("archive") / "songs.dssgan.zip"
    sources, tracks = find_tracks(songs)
    contribute(tracks, sources, path, **TERMS, day=DAY)
    return path
