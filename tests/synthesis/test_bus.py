"""Buses: what passes through together still adds up, gains by hand, and mixes that are coloured."""

import numpy as np
import pytest

from dssgan.synthesis import bus
from dssgan.types import Audio

RATE = 44100


def tracks() -> dict[str, Audio]:
    generator = np.random.default_rng(0)
    envelope = np.exp(-(np.arange(RATE) % 11025) / 2000).astype(np.float32)
    return {
        "kick": 0.8 * envelope * generator.standard_normal((2, RATE)).astype(np.float32),
        "snare": np.roll(0.5 * envelope, 5000) * generator.standard_normal((2, RATE)).astype(np.float32),
        "other": 0.2 * generator.standard_normal((2, RATE)).astype(np.float32),
    }


@pytest.mark.parametrize("seed", range(10))
def test_tracks_through_a_bus_add_up_to_their_sum_through_it(seed: int) -> None:
    apart = tracks()
    together = {"all": bus.total(apart)}
    for process in (bus.drum_bus, bus.master):
        split, whole = (process(one, np.random.default_rng(seed)) for one in (apart, together))
        assert split.keys() == apart.keys()
        np.testing.assert_allclose(bus.total(split), whole["all"], atol=2e-4)


@pytest.mark.parametrize("seed", range(10))
def test_a_master_stays_below_full_scale(seed: int) -> None:
    assert np.abs(bus.total(bus.master(tracks(), np.random.default_rng(seed)))).max() <= 0.981


def test_a_compressor_s_gain_by_hand() -> None:
    steady = np.full((2, RATE), 0.5, np.float32)
    steady[1] = 0.1  # the louder side counts
    gain = bus.compression(steady, -20.0, 4.0, 1.0, 50.0)
    # 0.5 is 14 dB above the threshold, of which a quarter is left
    assert 20 * np.log10(gain[-1]) == pytest.approx(-(20 - 6.02) * 3 / 4, abs=0.1)
    assert bus.compression(np.zeros((2, 100), np.float32), -20.0, 4.0, 1.0, 50.0).min() == 1.0


def test_saturation_is_the_same_gain_for_every_track() -> None:
    gain = bus.saturation(np.array([[0.5, 0.0, -0.2], [0.1, 0.0, 0.9]], np.float32), 6.02)
    np.testing.assert_allclose(gain, [np.tanh(1) / 1, 1, np.tanh(1.8) / 1.8], rtol=1e-3)


def test_some_mixes_are_coloured_and_most_are_not() -> None:
    mix = 0.5 * np.sin(np.arange(2 * RATE).reshape(2, RATE) * 0.05).astype(np.float32)
    coloured = [bus.colour(mix, np.random.default_rng(seed)) for seed in range(60)]
    assert 2 <= sum(one is not None for one in coloured) <= 30
    for one in coloured:
        if one is not None:
            assert one.shape == mix.shape
            assert float(np.corrcoef(one[0], mix[0])[0, 1]) > 0.9
            assert not np.array_equal(one, mix)
