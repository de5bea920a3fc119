"""Recorded instruments: which recording sounds for a note, how high and for how long."""

from pathlib import Path

import numpy as np
import pytest

from dssgan.audio.files import write
from dssgan.synthesis import instruments, kits, sampler
from dssgan.synthesis.gm import ACOUSTIC_GUITAR, DOUBLE_BASS, PIANO
from dssgan.synthesis.sampler import SampledInstrument
from dssgan.synthesis.score import Note
from dssgan.synthesis.sfz import read_regions
from dssgan.types import Audio

RATE = 44100


def tone(path: Path, hertz: float, level: float, sample_rate: int = RATE) -> None:
    write(path, level * np.sin(2 * np.pi * hertz * np.arange(2 * sample_rate) / sample_rate)[None], sample_rate)


@pytest.fixture
def bass(tmp_path: Path) -> Path:
    """A bass of two strings, a soft and a hard layer, two recordings of the hard one, and noises nobody asked for."""
    tone(tmp_path / "a1_soft.wav", 55, 0.1)
    tone(tmp_path / "a1_hard_1.wav", 55, 0.4)
    tone(tmp_path / "a1_hard_2.wav", 55, 0.5)
    tone(tmp_path / "a2.wav", 109.0, 0.3, 22050)
    path = tmp_path / "Small bass.sfz"
    path.write_text(
        "<control> set_cc20=64\n<group> lokey=30 hikey=44 pitch_keycenter=33 ampeg_release=0.2\n"
        "<region> sample=a1_soft.wav hivel=63\n"
        "<region> sample=a1_hard_1.wav lovel=64 seq_length=2 seq_position=1\n"
        "<region> sample=a1_hard_2.wav lovel=64 seq_length=2 seq_position=2\n"
        "<region> sample=a1_hard_1.wav trigger=release\n<region> sample=a1_hard_1.wav hicc20=10\n"
        "<group> lokey=45 hikey=56 pitch_keycenter=a2 tune=16\n<region> sample=a2.wav lorand=0 hirand=1\n"
    )
    return path


def read(path: Path) -> SampledInstrument:
    return SampledInstrument("", (), tuple(read_regions(path)))


def frequency(audio: Audio, start: float, end: float) -> float:
    side = audio[0, round(start * RATE) : round(end * RATE)]
    spectrum = np.abs(np.fft.rfft(side * np.hanning(side.size), 1 << 19))
    return float(spectrum.argmax()) * RATE / (1 << 19)


def loudness(audio: Audio, start: float, end: float) -> float:
    return float(np.abs(audio[0, round(start * RATE) : round(end * RATE)]).max())


def test_every_note_sounds_at_its_pitch(bass: Path) -> None:
    notes = [Note(0.0, 0.9, 33, 1.0), Note(1.0, 0.9, 40, 1.0), Note(2.0, 0.9, 45, 1.0), Note(3.0, 0.9, 52, 1.0),
             Note(4.0, 0.9, 28, 1.0), Note(5.0, 0.9, 64, 1.0)]  # fmt: skip
    audio = read(bass).play(notes, 6.0, np.random.default_rng(0))
    assert audio.shape == (2, 6 * RATE)
    assert audio.dtype == np.float32
    # the last two lie outside its range and sound in the nearest octave within; the upper string is 16 cents flat,
    # and recorded at half the rate
    for number, pitch in enumerate((33, 40, 45, 52, 40, 52)):
        heard = 12 * np.log2(frequency(audio, number + 0.1, number + 0.8) / 440) + 69
        assert heard == pytest.approx(pitch, abs=0.03), number


def test_strength_and_turn_choose_the_recording(bass: Path) -> None:
    notes = [Note(0.0, 0.5, 33, 0.3), *(Note(1.0 + number, 0.5, 33, 1.0) for number in range(3))]
    audio = read(bass).play(notes, 4.5, np.random.default_rng(0))
    heard = [loudness(audio, number, number + 0.4) for number in range(4)]
    assert heard[0] == pytest.approx(0.1 * 0.3**0.7, rel=0.01)  # three layers with the upper string's: milder
    assert sorted(heard[1:3]) == pytest.approx([0.4, 0.5], rel=0.01)
    assert heard[3] == pytest.approx(heard[1], rel=0.01)


def test_a_tone_fades_when_it_is_let_go(bass: Path) -> None:
    audio = read(bass).play([Note(0.5, 0.5, 33, 1.0), Note(1.5, 9.0, 50, 1.0)], 4.0, np.random.default_rng(0))
    assert loudness(audio, 0, 0.499) == 0
    assert loudness(audio, 0.9, 1.0) > 0.39
    assert 0.05 < loudness(audio, 1.1, 1.2) < 0.15  # half of the 0.2 s of its release has gone: a quarter
    assert loudness(audio, 1.21, 1.49) == 0
    assert loudness(audio, 2.8, 2.9) > 0.25
    assert loudness(audio, 3.1, 4.0) == 0  # the recording has ended


def test_chance_chooses_among_recordings(tmp_path: Path) -> None:
    tone(tmp_path / "one.wav", 55, 0.2)
    tone(tmp_path / "two.wav", 55, 0.6)
    path = tmp_path / "chance.sfz"
    path.write_text("<group> key=33\n<region> sample=one.wav hirand=0.5\n<region> sample=two.wav lorand=0.5\n")
    notes = [Note(number * 0.1, 0.05, 33, 1.0) for number in range(40)]
    audio = read(path).play(notes, 4.0, np.random.default_rng(0))
    heard = [round(loudness(audio, number * 0.1, number * 0.1 + 0.05), 1) for number in range(40)]
    assert set(heard) == {0.2, 0.6}
    assert 10 < heard.count(0.2) < 30


@pytest.mark.parametrize(
    ("path", "programs"),
    [("growlybass/growlybass_clean.sfz", DOUBLE_BASS), ("shinyguitar/Programs/one.sfz", ACOUSTIC_GUITAR),
     ("Grand Piano.sfz", PIANO), ("Bass drum.sfz", ()), ("Muldjord/Rock kit.sfz", ()), ("bass/Rock kit.sfz", ()),
     ("a/b/some.sfz", ())],
)  # fmt: skip
def test_names_tell_what_is_played(path: str, programs: tuple[int, ...]) -> None:
    found = sampler.programs_of(instruments.Instrument(Path(path).stem, Path("/") / path, "CC0"))
    assert found[: len(programs)] == programs
    assert bool(found) == bool(programs)


def test_a_named_file_is_found_and_is_no_drum_kit(
    played: instruments.Instruments, bass: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any("Small bass" in one.name for one in played.sfz)
    (bass.parent / "other.sfz").write_text("")
    caches = (instruments.find, sampler.find, kits.find)
    monkeypatch.setenv(instruments.VARIABLE, str(bass))
    for cached in caches:
        cached.cache_clear()
    try:
        assert [one.path for one in instruments.find().sfz] == [bass]
        (found,) = sampler.find()
        assert found.credit.startswith("Small bass: ")
        assert 33 in found.programs
        assert not any("bass" in kit.name for kit in kits.find())
    finally:
        for cached in caches:
            cached.cache_clear()


def test_tones_are_bent(bass: Path) -> None:
    bends = ((0.0, 0.0), (0.5, 12.0))
    audio = read(bass).play([Note(0.0, 1.0, 33, 1.0)], 1.2, np.random.default_rng(0), bends=bends)
    assert frequency(audio, 0.1, 0.45) == pytest.approx(55, abs=0.5)
    assert frequency(audio, 0.55, 0.95) == pytest.approx(110, abs=1)
