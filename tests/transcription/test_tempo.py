"""The beat of strokes as a tempo map."""

from pathlib import Path

import numpy as np
import pytest

from dssgan.synthesis.midi_file import write_drums
from dssgan.synthesis.score import Hit
from dssgan.transcription.tempo import WITHOUT_BEAT, beats_in, tempo_map


def rock(beats: np.ndarray) -> list[Hit]:
    """Bass drum on odd beats, snare drum on even ones, the hi-hat on eighths."""
    hits = [Hit(float(at), "snare" if number % 2 else "kick", 0.9) for number, at in enumerate(beats)]
    middles = (beats[1:] + beats[:-1]) / 2
    hits += [Hit(float(at), "closed_hat", 0.6) for at in (*beats, *middles)]
    return sorted(hits, key=lambda hit: (hit.start_seconds, hit.piece))


@pytest.mark.parametrize("tempo", [92.0, 120.0, 141.0])
@pytest.mark.parametrize("start", [0.0, 0.21, 3.3])
def test_an_even_beat(tempo: float, start: float) -> None:
    found = tempo_map(rock(start + np.arange(64) * 60 / tempo))
    assert found.found
    assert found.typical == pytest.approx(tempo, rel=0.01)
    assert found.tempos[0][0] == 0
    # the beats of the map are those that were played
    times = np.array([at for at, _ in found.tempos if at >= start + 1])
    distance = np.abs((times - start) * tempo / 60 - np.rint((times - start) * tempo / 60)) * 60 / tempo
    assert distance.max() < 0.012


def test_a_beat_that_drifts_is_followed() -> None:
    lengths = 60 / np.linspace(112, 126, 100)
    beats = np.concatenate([[0.4], 0.4 + np.cumsum(lengths)])
    found = tempo_map(rock(beats + np.random.default_rng(0).normal(0, 0.004, len(beats))))
    assert found.found
    early, late = (np.mean([tempo for _, tempo in part]) for part in (found.tempos[2:12], found.tempos[-12:-2]))
    assert (early, late) == (pytest.approx(112.8, abs=1), pytest.approx(125, abs=1))


def test_without_an_even_beat_it_is_120() -> None:
    times = np.cumsum(np.random.default_rng(1).exponential(0.4, 80))
    for strokes in ([], rock(np.arange(3) * 0.5), [Hit(float(at), "crash", 0.9) for at in times]):
        found = tempo_map(strokes)
        assert (found.tempos, found.found) == (((0.0, WITHOUT_BEAT),), False)


def test_beats_are_read_back_from_the_file(tmp_path: Path) -> None:
    played = 0.4 + np.arange(32) * 0.5
    found = tempo_map(rock(played))
    write_drums(tmp_path / "a.mid", rock(played), tempos=found.tempos)
    beats = beats_in(tmp_path / "a.mid", 20.0)
    assert len(beats) > 30
    assert np.all(np.diff(beats) > 0)
    np.testing.assert_allclose(beats[-20:], played[-20:], atol=0.012)
    assert beats_in(tmp_path / "a.mid", beats[-1]) == beats[:-1]  # none after the song's end
    write_drums(tmp_path / "b.mid", rock(played), tempos=tempo_map([]).tempos)
    assert beats_in(tmp_path / "b.mid", 20.0) == []
