"""Instruments, kits, voices and the mix, each on what this machine has."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import need

from dssgan.errors import DataError
from dssgan.synthesis import bus, instruments, kits, mixing, voices
from dssgan.synthesis.score import Note
from dssgan.synthesis.soundfont import SAMPLE_RATE, SoundfontSynthesizer


def pitch_of(mono: np.ndarray) -> float:
    """The strongest tone, Hz."""
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), 1 << 18))
    return float(np.argmax(spectrum) * SAMPLE_RATE / (1 << 18))


def test_a_tone_has_its_pitch_and_place(played: instruments.Instruments) -> None:
    flute = 73
    with SoundfontSynthesizer() as player:
        audio = player.play(played.soundfonts[0].path, [Note(0.5, 1.0, 69, 0.8)], flute, 2.0)
    assert audio.shape == (2, 2 * SAMPLE_RATE)
    assert not np.any(audio[:, : round(0.49 * SAMPLE_RATE)])
    held = audio.mean(axis=0)[SAMPLE_RATE * 7 // 10 : SAMPLE_RATE * 14 // 10]
    assert np.abs(held).max() > 1e-3
    harmonic = pitch_of(held) / 440
    assert harmonic == pytest.approx(round(harmonic), rel=0.02)
    assert round(harmonic) >= 1


def test_tones_are_bent_and_the_next_part_is_not(played: instruments.Instruments) -> None:
    font = played.soundfonts[0].path
    ocarina, notes = 79, [Note(0.0, 2.0, 69, 0.8)]  # hardly any harmonics
    with SoundfontSynthesizer() as player:
        bent = player.play(font, notes, ocarina, 2.0, bends=((0.0, 0.0), (1.0, 7.0)))
        plain = player.play(font, notes, ocarina, 2.0)
    low, high, after = (
        pitch_of(audio.mean(axis=0)[round(start * SAMPLE_RATE) :][: SAMPLE_RATE // 2])
        for audio, start in ((bent, 0.4), (bent, 1.4), (plain, 1.4))
    )
    assert high / low == pytest.approx(2 ** (7 / 12), rel=0.01)
    assert after == pytest.approx(low, rel=0.01)


def test_what_was_played_before_leaves_no_trace(played: instruments.Instruments) -> None:
    font = played.soundfonts[0].path
    notes = [Note(0.1 * count, 0.3, 50 + count, 0.9) for count in range(10)]
    takes = []
    for _ in range(2):
        with SoundfontSynthesizer() as player:
            takes.append(player.play(font, notes, 0, 1.5))
            player.play(font, [Note(0.0, 0.77, 33, 1.0)], 38, 0.777)
    assert np.array_equal(*takes)


def test_a_file_that_is_no_soundfont_is_named(played: instruments.Instruments, tmp_path: Path) -> None:
    del played
    with SoundfontSynthesizer() as player, pytest.raises(DataError, match=r"nothing\.sf2"):
        player.play(tmp_path / "nothing.sf2", [], 0, 0.1)


@pytest.mark.usefixtures("played")
def test_every_kit_strikes_at_once_and_dies_away() -> None:
    found = kits.find()
    assert found
    assert {"kick", "snare", "closed_hat"} <= set().union(*(kit.loaders for kit in found))
    assert all(kit.credit for kit in found)
    for kit in [kit for kit in found if {"kick", "snare"} <= kit.loaders.keys()][:6]:
        for piece in ("kick", "snare"):
            layers = kit.layers(piece)
            assert layers, (kit.name, piece)
            assert [layer.most for layer in layers] == sorted(layer.most for layer in layers)
            strokes = [stroke for layer in layers for stroke in layer.strokes]
            assert max(np.abs(stroke).max() for stroke in strokes) == pytest.approx(1.0)
            for stroke in strokes:
                assert stroke.shape[0] == 2
                power = np.square(stroke).sum(axis=0).cumsum()
                assert np.searchsorted(power, 0.01 * power[-1]) < 0.1 * SAMPLE_RATE, (kit.name, piece)


@pytest.mark.parametrize(
    ("name", "piece"),
    [
        ('kick (tama superstar 22")', "kick"), ("floor tom", "low_tom"), ("hat closed", "closed_hat"),
        ("hi hat opened", "open_hat"), ("stick", "sidestick"),
        ("hat pedal", "pedal_hat"), ("pedal hh", "pedal_hat"), ("tambourine pedal (pearl)", "tambourine"),
        ("hand clap", "clap"), ("ride-crash20inch", "crash"), ("paiste bell", "ride_bell"), ("tom 1", "high_tom"),
        ("bassdrum", "kick"), ("closed hh", "closed_hat"), ("tom mid", "mid_tom"), ("djembe4 slap", "high_conga"),
    ],
)  # fmt: skip
def test_pieces_are_known_by_their_names(name: str, piece: str) -> None:
    assert next(known for known, words in kits._WORDS if words.search(name)) == piece


def test_a_song_is_sung_at_its_pitch(played: instruments.Instruments) -> None:
    need(None if played.voice else "needs a voice (Debian: espeak-ng)")
    assert played.voice is not None
    notes = (Note(0.2, 1.5, 57, 0.9), Note(2.2, 0.6, 62, 0.9))
    audio = voices.sing(played.voice, notes, 3.0, np.random.default_rng(0))
    assert audio.shape == (1, 3 * SAMPLE_RATE)
    assert not np.any(audio[:, : round(0.15 * SAMPLE_RATE)])
    assert not np.any(audio[:, round(1.9 * SAMPLE_RATE) : round(2.1 * SAMPLE_RATE)])
    held = audio[0, round(0.7 * SAMPLE_RATE) : round(1.5 * SAMPLE_RATE)]
    # a voice's harmonics lie at the note or an octave below: its spectrum repeats every 220 or 110 Hz
    spectrum = np.abs(np.fft.rfft(held * np.hanning(len(held)), 1 << 17))
    step = SAMPLE_RATE / (1 << 17)

    def peak(hertz: float) -> float:
        place = round(hertz / step)
        return float(spectrum[place - 12 : place + 13].max())

    harmonics = sum(peak(110 * count) for count in range(1, 12))
    between = sum(peak(110 * (count + 0.5)) for count in range(1, 12))
    assert harmonics > 3 * between


def test_the_same_singer_twice(played: instruments.Instruments) -> None:
    need(None if played.voice else "needs a voice (Debian: espeak-ng)")
    assert played.voice is not None
    notes = (Note(0.2, 0.5, 60, 0.9),)
    sung = [voices.sing(played.voice, notes, 1.0, np.random.default_rng(3)) for _ in range(2)]
    assert np.array_equal(*sung)
    talked = [voices.talk(played.voice, notes, 4.0, np.random.default_rng(3)) for _ in range(2)]
    assert np.array_equal(*talked)
    assert np.any(talked[0])


def test_real_singing_comes_where_the_melody_is() -> None:
    notes = (Note(0.5, 1.0, 60, 0.9), Note(2.5, 0.8, 62, 0.9))
    audio, credit = voices.borrow(notes, 4.0, np.random.default_rng(1))
    assert audio.shape == (1, 4 * SAMPLE_RATE)
    assert not np.any(audio[:, : SAMPLE_RATE // 2])
    assert not np.any(audio[:, round(1.51 * SAMPLE_RATE) : round(2.49 * SAMPLE_RATE)])
    assert np.any(audio[:, round(0.6 * SAMPLE_RATE) : round(1.4 * SAMPLE_RATE)])
    assert "CC0" in credit
    assert "Artistic" not in credit  # of the bundled songs only those with singers
    assert np.array_equal(audio, voices.borrow(notes, 4.0, np.random.default_rng(1))[0])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.floats(0.1, 20.0))
def test_a_limited_mix_stays_below_full_scale(seed: int, drive: float) -> None:
    generator = np.random.default_rng(seed)
    mix = (generator.standard_normal((2, 20000)) * generator.random((1, 20000)) ** 4 * drive).astype(np.float32)
    gain = bus.limit(mix)
    assert gain.shape == (20000,)
    assert np.abs(mix * gain).max() <= 0.981
    assert gain.max() <= 1
    if np.abs(mix).max() < 0.9:
        assert np.all(gain == 1)


def test_levels_by_hand() -> None:
    assert mixing.decibels(20.0) == pytest.approx(10)
    assert mixing.level(np.full((2, 44100), 0.5, np.float32)) == pytest.approx(0.5)
    half_silent = np.zeros((2, 44100), np.float32)
    half_silent[:, :22050] = 0.5
    assert mixing.level(half_silent) == pytest.approx(0.5)
    assert mixing.level(np.zeros((2, 44100), np.float32)) == 0
    assert mixing.pan(0.0) == pytest.approx(1.0)
    left = mixing.pan(-1.0)
    assert left[0] == pytest.approx(np.sqrt(2))
    assert left[1] == pytest.approx(0.0, abs=1e-6)


def test_a_pumped_signal_ducks_at_the_kick_and_recovers() -> None:
    steady = np.ones((2, SAMPLE_RATE), np.float32)
    ducked = bus.pump(steady, [0.25], 12.0, 0.2)
    assert ducked[0, : SAMPLE_RATE // 4].min() == 1
    assert 20 * np.log10(ducked[0, SAMPLE_RATE // 4]) == pytest.approx(-12, abs=0.1)
    assert ducked[0, round(0.46 * SAMPLE_RATE) :].min() == pytest.approx(1)


def test_without_instruments_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(instruments, "_SOUNDFONT_FOLDERS", ())
    monkeypatch.setattr(instruments, "_KIT_FOLDER", tmp_path)
    instruments.find.cache_clear()
    try:
        with pytest.raises(DataError, match="make instruments") as caught:
            instruments.find()
    finally:
        instruments.find.cache_clear()
    assert "\n" not in str(caught.value)
