"""Which folder a track's stems go to."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssgan.errors import ConfigError
from dssgan.inference.tracks import name_tracks

OUT = Path("out")


def folders(*names: str) -> list[str]:
    tracks = name_tracks([Path(name) for name in names], OUT)
    return [str((track.folder / track.name).relative_to(OUT)) for track in tracks]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a/x.wav", "b/y.wav"], ["x", "y"]),
        (["a/01.wav", "b/01.flac", "b/02.wav"], ["a/01", "b/01", "02"]),  # two discs
        (["a/song.wav", "a/song.mp3"], ["song.wav", "song.mp3"]),
        (["song.wav", "Song.mp3"], ["song.wav", "Song.mp3"]),  # some file systems do not tell them apart
        (["a/\u00c9.wav", "b/E\u0301.wav"], ["a/\u00c9", "b/E\u0301"]),
        (["song.stem.mp4"], ["song"]),
        (["...wav", "..wav", "x..wav"], ["...wav", "..wav", "x."]),
    ],
)
def test_names_tell_tracks_apart(names: list[str], expected: list[str]) -> None:
    assert folders(*names) == expected


def test_one_file_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a/x\.wav: its stems would have the names .* of those of a/x\.wav"):
        folders("a/x.wav", "a/x.wav")


_NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=8)


@given(st.lists(_NAMES, min_size=1, unique=True))
def test_stems_never_leave_the_output_and_never_meet(names: list[str]) -> None:
    files = [name for name in names if name not in (".", "..")]
    try:
        found = folders(*(f"{name}.wav" for name in files))
    except ConfigError:
        return
    assert all(".." not in Path(place).parts and not Path(place).is_absolute() and place != "." for place in found)
    assert len({place.casefold() for place in found}) == len(found)
