"""Sounds of noise: where they sound, how loud, and how they differ."""

import numpy as np
import pytest

from dssgan.synthesis import mixing, noises
from dssgan.synthesis.compose import compose
from dssgan.synthesis.render import render
from dssgan.synthesis.score import Hit, Note
from dssgan.synthesis.soundfont import SAMPLE_RATE


def energy(audio: np.ndarray, start: float, stop: float) -> float:
    return float(np.square(audio[:, round(start * SAMPLE_RATE) : round(stop * SAMPLE_RATE)]).mean())


def test_sweeps_rise_to_their_end_or_fall_from_their_start() -> None:
    notes = [Note(1.0, 2.0, 60, 0.7), Note(5.0, 2.0, 72, 0.7)]
    track = noises.sweeps(notes, 8.0, np.random.default_rng(0))
    assert track.shape == (2, 8 * SAMPLE_RATE)
    assert energy(track, 0, 1) == energy(track, 3, 5) == energy(track, 7, 8) == 0
    assert energy(track, 2.5, 3.0) > 10 * energy(track, 1.0, 1.5)
    assert energy(track, 5.0, 5.5) > 10 * energy(track, 6.5, 7.0)


def test_brushes_sound_from_the_first_stroke_to_the_last() -> None:
    song = compose(1, 10.0, "jazz")
    strokes = [Hit(start, "snare", 0.9) for start in (2.0, 4.0, 6.0)]
    track = noises.brushes(strokes, song, np.random.default_rng(0))
    assert track.shape == (2, 10 * SAMPLE_RATE)
    assert energy(track, 0, 1.99) == 0
    assert energy(track, 2.0, 2.1) > 2 * energy(track, 3.0, 3.9) > 0  # the tap is louder than the circling wires
    assert energy(track, 8.0, 10.0) < 1e-6 * energy(track, 2.0, 6.0)
    assert not noises.brushes([], song, np.random.default_rng(0)).any()


def test_an_audience_claps_with_a_root_mean_square_of_one_and_differs_by_seed() -> None:
    crowds = [noises.applause(5.0, np.random.default_rng(seed)) for seed in range(12)]
    for crowd in crowds:
        assert crowd.shape == (2, 5 * SAMPLE_RATE)
        assert np.isfinite(crowd).all()
        assert 0.5 < mixing.level(crowd) < 1.5
    begins = [energy(crowd, 0, 1) > 0 for crowd in crowds]
    ends = [energy(crowd, 4, 5) > 0 for crowd in crowds]
    assert not all(begins)
    assert not all(ends)
    assert all(one or other for one, other in zip(begins, ends, strict=True))


def test_hum_is_of_the_mains() -> None:
    heard = noises.hum(4.0, np.random.default_rng(3))
    assert heard.shape == (1, 4 * SAMPLE_RATE)
    assert 20 * np.log10(np.abs(heard).max()) < -35
    spectrum = np.abs(np.fft.rfft(heard[0]))[: 4 * 400]  # bins of 0.25 Hz, up to 400 Hz
    assert np.argmax(spectrum) / 4 in (50.0, 60.0)


@pytest.mark.parametrize("genre", ["jazz", "rock"])
def test_songs_with_them_still_sum_to_the_mix(genre: str) -> None:
    for seed in range(3):
        song = render(compose(seed, 4.0, genre), colour=False)
        np.testing.assert_allclose(song.drums + song.other, song.mix, atol=1e-6)
        assert np.abs(song.mix).max() <= 0.99
