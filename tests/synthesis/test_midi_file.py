"""MIDI files: tempi, pedals, bends and pans in seconds; damage of every kind; drums written and read back."""

import contextlib
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import mido
import pytest
from synthesis.midi_files import band_song, drum_loop, note, write_midi

from dssgan.errors import DataError
from dssgan.synthesis import midi_file
from dssgan.synthesis.midi_file import read_midi, value_at, write_drums
from dssgan.synthesis.performances import strokes_of
from dssgan.synthesis.score import Hit


def tempo(beat: float, bpm: float) -> tuple[float, mido.MetaMessage]:
    return beat, mido.MetaMessage("set_tempo", tempo=round(60e6 / bpm))


def control(beat: float, number: int, value: int, channel: int = 0) -> tuple[float, mido.Message]:
    return beat, mido.Message("control_change", channel=channel, control=number, value=value)


def test_a_tempo_map_by_hand(tmp_path: Path) -> None:
    # two beats at 120, two at 60, then 240; the tempo stands in a track of its own
    path = write_midi(tmp_path / "a.mid", [tempo(0, 120), tempo(2, 60), tempo(4, 240)], note(0, 1, 60) + note(3, 2, 62))
    content = read_midi(path)
    first, second = content.channels[0].notes
    assert (first.start_seconds, first.seconds) == pytest.approx((0.0, 0.5))
    assert second.start_seconds == pytest.approx(1 + 1)
    assert second.seconds == pytest.approx(1 + 0.25)  # a beat at 60, and one at 240
    assert value_at(content.tempos, 1.5, None) == pytest.approx(60)
    assert content.seconds == pytest.approx(3.25)


def test_programs_pedals_and_bends(tmp_path: Path) -> None:
    path = write_midi(
        tmp_path / "a.mid",
        [
            (0, mido.Message("program_change", program=30)), control(0, 64, 127),
            *note(0, 1, 60), control(4, 64, 0), (4, mido.Message("program_change", program=5)), *note(4, 1, 64),
            (5, mido.Message("pitchwheel", pitch=8191)), control(6, 101, 0), control(6, 100, 0), control(6, 6, 12),
            (6, mido.Message("pitchwheel", pitch=-4096)), (7, mido.Message("note_on", note=70, velocity=9)),
            (8, mido.Message("note_on", note=70, velocity=0)),
        ],
    )  # fmt: skip
    channel = read_midi(path).channels[0]
    assert [(one.key, one.program, one.velocity) for one in channel.notes] == [(60, 30, 100), (64, 5, 100), (70, 5, 9)]
    assert channel.notes[0].seconds == pytest.approx(2.0)  # until the pedal comes up
    assert channel.notes[2].seconds == pytest.approx(0.5)  # a stroke of no strength ends it
    assert channel.bends == [pytest.approx((2.5, 2.0), abs=1e-3), pytest.approx((3.0, -6.0), abs=1e-3)]


def test_what_is_never_released_ends_with_the_file_or_after_a_while(tmp_path: Path) -> None:
    path = write_midi(tmp_path / "a.mid", [(0, mido.Message("note_on", note=60)), *note(30, 2, 62), *note(60, 2, 62)])
    first, *_ = read_midi(path).channels[0].notes
    assert first.seconds == 8.0


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mid", b"", "is damaged, or no MIDI file"),
        ("text.mid", b"not a song at all, but words", "be read as a MIDI file"),
        ("cut.mid", None, "is damaged"), ("huge.mid", b"MThd" + bytes(5 << 20), "5 MiB are no song"),
        ("silent.mid", "silent", "plays nothing"), ("endless.mid", "endless", "goes on after 60 minutes"),
        ("film.mid", b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\xe7\x28MTrk\x00\x00\x00\x04\x00\xff\x2f\x00", "frames"),
    ],
)  # fmt: skip
def test_what_is_no_song_gives_one_line(tmp_path: Path, name: str, content: bytes | str | None, reason: str) -> None:
    path = tmp_path / name
    if content is None:
        path.write_bytes(band_song(tmp_path / "whole.mid").read_bytes()[:700])
    elif content == "silent":
        write_midi(path, [tempo(0, 120)])
    elif content == "endless":
        write_midi(path, note(0, 1, 60) + note(9000, 1, 60))
    else:
        assert isinstance(content, bytes)
        path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as raised:
        read_midi(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_million_events_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(midi_file, "_MAX_EVENTS", 50)
    with pytest.raises(DataError, match="events are no song"):
        read_midi(band_song(tmp_path / "a.mid"))


@hypothesis.given(data=st.data())
@hypothesis.settings(max_examples=150)
def test_damage_anywhere_is_one_line_or_a_song(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("midi")
    content = bytearray(band_song(folder / "a.mid", bars=2).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "b.mid"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    song = None
    with contextlib.suppress(DataError):
        song = read_midi(path)
    assert song is None or all(one.seconds >= 0 for channel in song.channels.values() for one in channel.notes)


def test_drums_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    hits = [
        Hit(0.0, "kick", 1.0), Hit(0.25, "closed_hat", 0.5, opening=0.1), Hit(0.5, "snare", 0.75),
        Hit(0.75, "open_hat", 0.6, opening=1.0), Hit(1.0, "crash", 0.9, muted_seconds=1.5), Hit(2.0, "low_tom", 0.4),
        Hit(3.0, "china", 0.5),
    ]  # fmt: skip
    write_drums(tmp_path / "drums.mid", hits, tempos=[(0.0, 97.0)], metre=(3, 4))
    content = read_midi(tmp_path / "drums.mid")
    assert value_at(content.tempos, 0, None) == pytest.approx(97.0, abs=1e-3)
    assert value_at(content.metres, 0, None) == (3, 4)
    back = strokes_of(content)
    assert [one.piece for one in back] == [one.piece for one in hits]
    for one, hit in zip(back, hits, strict=True):
        assert one.start_seconds == pytest.approx(hit.start_seconds, abs=2e-3)
        assert one.velocity == pytest.approx(hit.velocity, abs=0.005)
        assert one.opening == (None if hit.opening is None else pytest.approx(hit.opening, abs=0.01))
    assert back[4].muted_seconds == pytest.approx(1.5, abs=2e-3)


def test_a_tempo_map_moves_no_stroke(tmp_path: Path) -> None:
    tempos = [(0.0, 120.0), (0.5, 100.0), (1.1, 133.3), (5.0, 61.7)]
    hits = [Hit(seconds, "snare", 0.5) for seconds in (0.0, 0.5, 0.77, 1.1, 3.21, 5.5, 60.0)]
    write_drums(tmp_path / "drums.mid", hits, tempos=tempos)
    content = read_midi(tmp_path / "drums.mid")
    for one, hit in zip(strokes_of(content), hits, strict=True):
        assert one.start_seconds == pytest.approx(hit.start_seconds, abs=1.5e-3)
    for (at, tempo), (wanted_at, wanted) in zip(content.tempos[-4:], tempos, strict=True):
        assert (at, tempo) == (pytest.approx(wanted_at, abs=1.5e-3), pytest.approx(wanted, abs=1e-2))


def test_a_loop_has_its_length(tmp_path: Path) -> None:
    assert read_midi(drum_loop(tmp_path / "a.mid", bars=2)).seconds == pytest.approx(3.8)  # the last eighth's end
