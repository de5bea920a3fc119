"""Bleedless and fullness, against numbers worked out by hand."""

import numpy as np
import pytest

from dssgan.metrics.bleed import bleedless_and_fullness, mel_filters

RATE = 44100


@pytest.fixture
def drums(song):
    return song[1][0]


def test_what_is_the_same_has_nothing_too_much_and_nothing_missing(drums) -> None:
    assert bleedless_and_fullness(drums, drums, RATE) == (100, 100)


def test_6_db_louder_and_softer(drums) -> None:
    factor = 10 ** (6 / 20)
    for gain, expected in ((factor, (100 / 7, 100)), (1 / factor, (100, 100 / 7))):
        # relative to each one's loudest: only what lies below the 80 dB of range would not move along
        assert bleedless_and_fullness(gain * drums, drums, RATE) == pytest.approx(expected, rel=1e-3)


def test_the_rest_of_the_song_is_bleed_and_a_lost_cymbal_is_missing(song) -> None:
    mix, sources = song
    with_rest = bleedless_and_fullness(mix, sources[0], RATE)
    assert with_rest[0] < 20 < with_rest[1]
    spectrum = np.fft.rfft(sources[0])
    spectrum[:, np.fft.rfftfreq(mix.shape[1], 1 / RATE) > 6000] = 0
    dull = bleedless_and_fullness(np.fft.irfft(spectrum, mix.shape[1]), sources[0], RATE)
    assert dull[0] > 90 > 40 > dull[1]


def test_silence_against_sound_is_all_missing(drums) -> None:
    bleedless, fullness = bleedless_and_fullness(np.zeros_like(drums), drums, RATE)
    assert bleedless == 100
    assert fullness < 2
    with pytest.raises(ValueError, match="must be alike"):
        bleedless_and_fullness(drums[:1], drums, RATE)


def test_filters_are_triangles_of_one_area_on_slaneys_scale() -> None:
    filters = mel_filters(RATE, 4096, 40)
    assert filters.shape == (40, 2049)
    width = RATE / 4096
    wide = filters[filters.astype(bool).sum(axis=1) > 20]
    np.testing.assert_allclose(wide.sum(axis=1) * width, 1, rtol=0.01)
    # the scale is linear up to 1000 Hz, which is 15 mel; 22,050 Hz is 15 + 27 log(22.05) / log(6.4) = 60.02 mel
    peaks = filters.argmax(axis=1) * width
    step = (15 + 27 * np.log(22.05) / np.log(6.4)) / 41
    assert peaks[4] == pytest.approx(5 * step * 200 / 3, abs=width)
