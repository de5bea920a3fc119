"""Drummers out of MIDI files: which key is which piece, how far a hi-hat is open, and songs that they drum."""

from pathlib import Path

import mido
import numpy as np
import pytest
from synthesis.midi_files import band_song, drum_loop, note, write_midi

from dssgan.errors import DataError
from dssgan.synthesis import material, performances
from dssgan.synthesis.compose import compose
from dssgan.synthesis.genres import GENRES
from dssgan.synthesis.midi_file import read_midi
from dssgan.synthesis.performances import STYLES, read_performance, strokes_of, styles_of


def pedal(beat: float, value: int) -> tuple[float, mido.Message]:
    return beat, mido.Message("control_change", channel=9, control=4, value=value)


def test_keys_are_general_midi_s_or_those_of_a_kit_with_a_pedal(tmp_path: Path) -> None:
    keys = (22, 26, 40, 50, 47, 58, 52, 55, 59, 61)
    strokes = [event for beat, key in enumerate(keys) for event in note(beat, 0.5, key, channel=9)]
    plain = strokes_of(read_midi(write_midi(tmp_path / "a.mid", strokes[4:])))  # without the hi-hat's edges
    electronic = strokes_of(read_midi(write_midi(tmp_path / "b.mid", strokes)))
    assert [hit.piece for hit in plain] == ["snare", "high_tom", "mid_tom", "china", "splash", "ride", "low_conga"]
    assert [hit.piece for hit in electronic] == [
        "closed_hat", "open_hat", "snare", "high_tom", "mid_tom", "low_tom", "crash", "crash", "ride", "low_conga",
    ]  # fmt: skip


def test_a_hi_hat_is_open_as_far_as_its_pedal_and_closed_by_it(tmp_path: Path) -> None:
    messages = [
        pedal(0, 90), *note(0, 0.1, 42, channel=9), pedal(1, 30), *note(1, 0.1, 46, channel=9), pedal(2, 88),
        pedal(3, 81), *note(3, 0.1, 46, channel=9), pedal(4, 45), *note(4, 0.1, 22, channel=9),
    ]  # fmt: skip
    closed, opened, hardly, half = strokes_of(read_midi(write_midi(tmp_path / "a.mid", messages)))
    assert closed.opening == 0.0
    assert opened.opening == pytest.approx(1 - 30 / 90)
    assert opened.muted_seconds == pytest.approx(1.0)  # the pedal is down at beat 2
    assert hardly.opening == 0.35  # its key says open
    assert half.opening == 0.35  # and this one's closed


def test_a_beater_that_bounces_is_no_stroke_and_fast_kicks_and_soft_snares_are(tmp_path: Path) -> None:
    beat = 1 / 0.5  # beats a second at 120
    played = [
        note(0.0, 0.05, 36, 100, 9), note(0.06 * beat, 0.05, 36, 11, 9),  # a bounce
        note(0.5 * beat, 0.05, 36, 100, 9), note(0.57 * beat, 0.05, 36, 60, 9),  # two strokes
        note(1.0 * beat, 0.05, 36, 100, 9), note(1.1 * beat, 0.05, 36, 11, 9),  # a soft one in time
        note(1.5 * beat, 0.05, 38, 100, 9), note(1.53 * beat, 0.05, 38, 11, 9),  # a drag on the snare drum
        note(2.0 * beat, 0.05, 36, 10, 9), note(2.03 * beat, 0.05, 36, 100, 9),  # a flam
    ]  # fmt: skip
    hits = strokes_of(read_midi(write_midi(tmp_path / "a.mid", [message for pair in played for message in pair])))
    times = [round(hit.start_seconds, 2) for hit in hits]
    assert times == [0.0, 0.5, 0.57, 1.0, 1.1, 1.5, 1.53, 2.0, 2.03]


def test_a_table_tells_styles_and_leaves_fills_out(tmp_path: Path) -> None:
    for name in ("drummer1/a.mid", "drummer1/b.mid", "c.mid", "short.mid"):
        drum_loop(tmp_path / name)
    (tmp_path / "info.csv").write_text(
        "style,beat_type,midi_filename,bpm,time_signature,duration\nfunk/groove1,beat,drummer1/a.mid,120,4-4,8\n"
        "rock,fill,drummer1/b.mid,120,4-4,8\nx,beat,gone.mid,120,4-4,8\nrock,beat,short.mid,120,4-4,2.1\n"
    )
    assert styles_of(tmp_path) == {tmp_path / "c.mid": "", tmp_path / "drummer1/a.mid": "funk"}
    (tmp_path / "info.csv").write_text("midi_filename,b\nc.mid,2\n")
    with pytest.raises(DataError, match=r"info\.csv: not the table"):
        styles_of(tmp_path)


def test_every_genre_has_styles() -> None:
    assert STYLES.keys() == GENRES.keys()


def test_a_song_takes_tempo_metre_and_strokes_of_its_drummer(tmp_path: Path) -> None:
    drum_loop(tmp_path / "a.mid", bars=3, tempo=101, pedal=True)
    found = material.find(tmp_path, None)
    song = compose(3, 20.0, "rock", found)
    assert (song.tempo, song.metre) == (pytest.approx(101, abs=0.01), (4, 4))
    assert song.credits == (found.drummers_credit,)
    beat = 60 / song.tempo
    kicks = np.array([hit.start_seconds for hit in song.hits if hit.piece == "kick"])
    snares = np.array([hit.start_seconds for hit in song.hits if hit.piece == "snare"])
    assert len(kicks) > 5
    np.testing.assert_allclose((kicks / beat + 1) % 2, 1, atol=1e-3)
    np.testing.assert_allclose(snares / beat % 2, 1, atol=1e-3)
    assert all(hit.opening == 0 for hit in song.hits if hit.piece == "closed_hat")
    # the bass still follows the bass drum: nobody plays where nothing is written for a bar of this metre
    assert song.parts
    assert compose(3, 20.0, "rock", found) == song


def test_a_drummer_rests_where_the_song_does(tmp_path: Path) -> None:
    drum_loop(tmp_path / "a.mid", bars=4)
    found = material.find(tmp_path, None)
    shares = []
    for seed in range(12):
        song = compose(seed, 40.0, "ballad", found)
        bars = np.unique([int(hit.start_seconds // 2 + 0.01) for hit in song.hits])
        shares.append(len(bars) / 20)
    assert min(shares) < 0.9
    assert max(shares) == 1.0


def test_files_that_cannot_be_played_are_named_and_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "damaged.mid").write_bytes(b"MThd nothing")
    write_midi(tmp_path / "no drums.mid", note(0, 8, 60))
    drum_loop(tmp_path / "one bar.mid", bars=1)
    drum_loop(tmp_path / "good.mid", tempo=93)
    problems: list[str] = []
    found = material.find(tmp_path, None)
    tempos = {round(compose(seed, 8.0, "rock", found, problems.append).tempo, 3) for seed in range(12)}
    assert len(tempos) == 1
    assert {Path(line.partition(":")[0]).name for line in problems} == {"damaged.mid", "no drums.mid", "one bar.mid"}
    (tmp_path / "good.mid").unlink()
    lonely = compose(1, 8.0, "rock", material.find(tmp_path, None), problems.append)
    assert lonely.hits  # by rule
    assert lonely.credits == ()


@pytest.mark.parametrize("which", ["drummers", "written"])
def test_folders_without_midi_files_are_refused(tmp_path: Path, which: str) -> None:
    with pytest.raises(DataError, match="no such folder"):
        material.find(**{"drummers": None, "written": None, which: tmp_path / "nowhere"})  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"no MIDI files \(.mid\) in it"):
        material.find(**{"drummers": None, "written": None, which: tmp_path})  # type: ignore[arg-type]


def test_a_folder_says_whose_it_is(tmp_path: Path) -> None:
    band_song(tmp_path / "a.mid")
    assert material.find(None, tmp_path).credits == (f"{tmp_path.name}: see its files",)
    (tmp_path / "credits.txt").write_text("Songs by a friend: CC0 1.0\nmore\n")
    found = material.find(None, tmp_path)
    assert found.credits == ("Songs by a friend: CC0 1.0",)
    band_song(tmp_path / "b.mid")
    assert material.find(None, tmp_path).fingerprint != found.fingerprint


def test_a_performance_has_whole_bars(tmp_path: Path) -> None:
    performance = read_performance(drum_loop(tmp_path / "a.mid", bars=3))
    assert (performance.bar_seconds, performance.num_bars) == (2.0, 3)
    assert performances.fitting({Path("a"): "funk", Path("b"): ""}, "funk") == [Path("a")]
    assert performances.fitting({Path("a"): "funk", Path("b"): ""}, "reggae") == [Path("b")]
    assert performances.fitting({Path("a"): "funk"}, "reggae") == []
