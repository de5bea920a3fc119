"""Songs out of MIDI files: parts by role, windows, transposition, faders and what is left out."""

from pathlib import Path

import mido
import numpy as np
import pytest
from synthesis.midi_files import band_song, drum_loop, note, write_midi

from dssgan.errors import DataError
from dssgan.synthesis import material
from dssgan.synthesis.compose import compose
from dssgan.synthesis.score import WRITTEN, Song
from dssgan.synthesis.written import song_of


def make(path: Path, seed: int = 0, seconds: float = 8.0) -> Song:
    return song_of(path, "somebody: CC0", seed, seconds, np.random.default_rng(seed))


def test_programs_become_roles_and_channel_10_the_kit(tmp_path: Path) -> None:
    song = make(band_song(tmp_path / "a.mid"))
    roles = {(part.program, part.role) for part in song.parts}
    assert {(30, "guitar"), (33, "bass")} <= roles
    assert roles & {(73, "lead"), (73, "vocals")}
    assert {hit.piece for hit in song.hits} == {"kick", "snare"}
    assert (song.genre, song.acoustic, song.credits) == (WRITTEN, True, ("somebody: CC0",))


@pytest.mark.parametrize("seed", range(6))
def test_a_window_keeps_intervals_and_proportions(tmp_path: Path, seed: int) -> None:
    song = make(band_song(tmp_path / "a.mid", bars=30), seed)
    guitar, bass = (next(part for part in song.parts if part.program == program) for program in (30, 33))
    assert {one.pitch - other.pitch for one, other in zip(guitar.notes[1:], bass.notes[1:], strict=False)} == {12}
    steps = np.diff([one.start_seconds for one in bass.notes])[1:]
    np.testing.assert_allclose(steps, 60 / song.tempo, rtol=1e-6)
    assert 120 * np.exp(-0.081) <= song.tempo <= 120 * np.exp(0.081)
    for part in song.parts:
        assert all(0 <= one.start_seconds < 8 and one.start_seconds + one.seconds <= 8 + 1e-9 for one in part.notes)


def test_windows_and_keys_differ_by_seed(tmp_path: Path) -> None:
    path = band_song(tmp_path / "a.mid", bars=30)
    songs = [make(path, seed) for seed in range(8)]
    assert len({song.tempo for song in songs}) == 8
    assert len({min(one.pitch for one in song.parts[0].notes) for song in songs}) > 2


def test_a_short_file_begins_again(tmp_path: Path) -> None:
    song = make(band_song(tmp_path / "a.mid", bars=3), seconds=20.0)
    assert max(hit.start_seconds for hit in song.hits) > 18
    assert max(one.start_seconds for one in song.parts[0].notes) > 18


def test_what_changes_after_the_last_tone_stays_out_of_the_repeats(tmp_path: Path) -> None:
    bend = mido.Message("pitchwheel", pitch=-8192)
    messages = [
        *note(0, 2, 60), (6, bend.copy(pitch=4096)), *note(8, 4, 60), (16, bend), (40, mido.Message("pitchwheel")),
    ]  # fmt: skip
    song = make(write_midi(tmp_path / "a.mid", messages), seconds=20.0)
    (part,) = song.parts
    times = [at for at, _ in part.bends]
    assert times == sorted(times)
    assert {value for _, value in part.bends} == {1.0}


def test_faders_move_as_controllers_say(tmp_path: Path) -> None:
    messages = [
        (0, mido.Message("control_change", control=7, value=50)),
        (0, mido.Message("control_change", control=10, value=0)),
        *note(0, 2, 60), (4, mido.Message("control_change", control=11, value=64)), *note(6, 2, 60),
        (8, mido.Message("pitchwheel", pitch=-8192)),
        (8, mido.Message("control_change", control=10, value=127)), *note(8, 4, 60),
    ]  # fmt: skip
    song = make(write_midi(tmp_path / "a.mid", messages), seconds=30.0)
    (part,) = song.parts
    stretch = 120 / song.tempo
    assert part.pans[0] == (0.0, -1.0)
    assert part.pans[1] == pytest.approx((4.0 * stretch, 63 / 64))
    assert part.bends[0] == pytest.approx((4.0 * stretch, -2.0))
    assert part.levels_db[0] == pytest.approx((0.0, 40 * np.log10(0.5)))
    assert part.levels_db[1] == pytest.approx((2.0 * stretch, 40 * np.log10(0.5 * 64 / 127)))


def test_what_is_struck_or_no_tone_is_left_out(tmp_path: Path) -> None:
    tracks = [
        [(0.0, mido.Message("program_change", channel=number, program=program)), *note(0, 12, 60, channel=number)]
        for number, program in enumerate((0, 116, 118, 127, 114))
    ]
    song = make(write_midi(tmp_path / "a.mid", *tracks))
    assert {part.program for part in song.parts} == {0, 114}


def test_drums_alone_and_short_files_are_no_songs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing but drums"):
        make(drum_loop(tmp_path / "a.mid", bars=8))
    with pytest.raises(DataError, match=r"plays for 0\.5 s"):
        make(write_midi(tmp_path / "b.mid", note(0, 1, 60)))


def test_a_share_of_the_songs_is_written(tmp_path: Path) -> None:
    band_song(tmp_path / "a.mid", bars=20)
    (tmp_path / "damaged.mid").write_bytes(b"MThd")
    problems: list[str] = []
    genres = [compose(seed, 5.0, None, material.find(None, tmp_path, 0.3), problems.append).genre for seed in range(60)]
    assert 8 <= genres.count(WRITTEN) <= 30
    assert {Path(line.partition(":")[0]).name for line in problems} == {"damaged.mid"}
    assert compose(1, 5.0, "house", material.find(None, tmp_path, 1.0)).genre == "house"
    always = [compose(seed, 5.0, None, material.find(None, tmp_path, 1.0), problems.append) for seed in range(5)]
    assert {song.genre for song in always} == {WRITTEN}
