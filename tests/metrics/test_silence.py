import numpy as np

from dssgan.metrics.silence import NOISE_FLOOR_DB, without_noise


def test_the_floor_by_hand():
    at_floor = 10 ** (NOISE_FLOOR_DB / 20)
    sources = np.stack([np.full((2, 100), level, np.float32) for level in (0.9 * at_floor, 1.1 * at_floor, 0.0)])
    heard = without_noise(sources)
    assert not heard[0].any()
    np.testing.assert_array_equal(heard[1:], sources[1:])
    assert sources[0].any()  # the original stays


def test_what_is_heard_is_not_copied():
    sources = np.ones((2, 1, 10), np.float32)
    assert without_noise(sources) is sources


def test_dither_and_the_first_bit_lie_on_either_side():
    rng = np.random.default_rng(0)
    dither = (rng.uniform(-0.5, 0.5, (1, 2, 44100)) + rng.uniform(-0.5, 0.5, (1, 2, 44100))) * 2**-15
    sixteen_bits = np.round(dither * 2**15).astype(np.float32) / 2**15  # what is written of dithered silence
    assert not without_noise(sixteen_bits).any()
    assert without_noise(sixteen_bits * 4).any()
