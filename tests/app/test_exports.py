"""What is taken away, straight from a library: clicks, counts, panorama, and what is kept."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dssgan.app import exports
from dssgan.app.exports import Level, export_mix, export_stems, settings_of
from dssgan.app.library import Library
from dssgan.app.song import Options, Song
from dssgan.app.sound import Sound
from dssgan.audio import files
from dssgan.errors import ConfigError

RATE = 16000
BEATS = [0.25, 0.75, 1.25, 1.75]


@pytest.fixture(params=[1, 2, 6], ids=lambda channels: f"{channels} channels")
def library_and_song(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Library, Song]:
    """A song of two seconds with a beat, as a separation into pieces leaves it."""
    library = Library(tmp_path / "library")
    generator = np.random.default_rng(0)
    sources = ("kick", "snare", "other")
    stems = generator.uniform(-0.2, 0.2, (3, request.param, 2 * RATE)).astype(np.float32)
    with library.incoming() as folder:
        files.write(folder / "a.wav", stems.sum(axis=0, dtype=np.float32), RATE, "float32")
        song = library.add(folder / "a.wav", "Sóng.wav", Options(pieces=True, midi=True))
    for name, stem in zip(sources, stems, strict=True):
        files.write(library.stems_of(song) / f"{name}.wav", stem, RATE, "float32")
    (library.stems_of(song) / "beats.json").write_text(json.dumps(BEATS))
    changed = library.change(
        song.id, state="done", sources=sources, sums={"drums": ["kick", "snare"]}, beats=len(BEATS)
    )
    assert changed is not None
    return library, changed


def stem_of(library: Library, song: Song, name: str) -> np.ndarray:
    return Sound(library, song).excerpt(name, 0, 2 * RATE)


def test_a_count_comes_before_the_song_and_clicks_lie_on_its_beats(library_and_song: tuple[Library, Song]) -> None:
    library, song = library_and_song
    made = export_mix(
        library,
        song,
        {"drums": Level()},
        settings_of("wav", bits=32, stems=["mix"]),
        click=Level(-6.0206),
        counts_in=True,
    )
    audio = files.read(made.path)
    lead = audio.shape[1] - 2 * RATE
    assert lead == round((4 * 0.5 - BEATS[0]) * RATE)
    click = 0.5 * Sound(library, song).click().counted_in()[0].read(0, audio.shape[1])
    expected = np.pad(stem_of(library, song, "drums"), ((0, 0), (lead, 0))) + click
    np.testing.assert_allclose(audio, expected, atol=1e-6)
    alone = files.read(export_mix(library, song, {}, settings_of("flac", stems=["mix"]), click=Level()).path)
    np.testing.assert_allclose(alone, Sound(library, song).click().read(0, 2 * RATE), atol=2 / 2**15)


def test_panorama_is_of_stereo_songs_alone(library_and_song: tuple[Library, Song]) -> None:
    library, song = library_and_song
    left = files.read(
        export_mix(library, song, {"other": Level(pan=-1)}, settings_of("wav", bits=32, stems=["mix"])).path
    )
    other = stem_of(library, song, "other")
    expected = np.stack([other.sum(axis=0), 0 * other[0]]) if song.channels == 2 else other
    np.testing.assert_allclose(left, expected, atol=1e-6)


def test_a_drum_stem_is_the_sum_of_its_pieces(library_and_song: tuple[Library, Song]) -> None:
    library, song = library_and_song
    paths = export_stems(library, song, settings_of("wav"))
    assert list(paths) == ["kick", "snare", "other", "drums"]
    whole = {name: files.read(path) for name, path in paths.items()}
    np.testing.assert_array_equal(whole["kick"] + whole["snare"], whole["drums"])
    # the same is not written again, and other ones push the oldest out
    before = paths["kick"].stat().st_mtime_ns
    assert export_stems(library, song, settings_of("wav"))["kick"].stat().st_mtime_ns == before
    for stem in ("kick", "snare", "other", "drums"):
        export_stems(library, song, settings_of("wav", stems=[stem]))
    kept = list((library.folder_of(song) / "exports").iterdir())
    assert len(kept) == exports._NUM_KEPT
    assert not paths["kick"].exists()


def test_without_a_beat_there_is_no_click(library_and_song: tuple[Library, Song]) -> None:
    library, song = library_and_song
    beatless = library.change(song.id, beats=0)
    assert beatless is not None
    with pytest.raises(ConfigError, match="no beat was found"):
        export_mix(library, beatless, {}, settings_of("wav", stems=["mix"]), click=Level())
    assert "click" not in Sound(library, beatless).names
    with pytest.raises(ConfigError, match="is not separated yet"):
        export_stems(library, beatless.model_copy(update={"state": "queued"}), settings_of("wav"))


@pytest.mark.parametrize(
    ("kind", "settings", "line"),
    [
        ("wav", {"bits": 12}, "choose 16, 24 or 32"),
        ("mp3", {"bits": 16}, "cannot hold pcm16"),
        ("aif", {}, "choose one of"),
    ],
)
def test_formats_that_there_are_not(kind: str, settings: dict[str, int], line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        settings_of(kind, **settings)  # type: ignore[arg-type]


def test_levels() -> None:
    assert Level(-60).factor == 0
    assert Level(6.0206).factor == pytest.approx(2, abs=1e-4)
    assert replace(Level(), gain_db=float("-inf")).factor == 0
