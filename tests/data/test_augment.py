"""Changes to excerpts, with numbers worked out by hand."""

import numpy as np
import pytest

from dssgan.data.augment import Augment
from dssgan.errors import ConfigError

AUDIO = np.array([[1, 2], [3, 4]], np.float32)


@pytest.mark.parametrize(
    ("augment", "expected"),
    [
        (Augment.none(), [[1, 2], [3, 4]]),
        (Augment(gain_db=(20, 20), channel_swap=0, polarity=0), [[10, 20], [30, 40]]),
        (Augment(gain_db=(0, 0), channel_swap=1, polarity=0), [[3, 4], [1, 2]]),
        (Augment(gain_db=(0, 0), channel_swap=0, polarity=1), [[-1, -2], [-3, -4]]),
        (Augment(gain_db=(-20, -20), channel_swap=1, polarity=1), [[-0.3, -0.4], [-0.1, -0.2]]),
    ],
)
def test_changes_worked_out_by_hand(augment: Augment, expected: list[list[float]]) -> None:
    changed, touched = augment.apply(AUDIO, np.random.default_rng(0))
    np.testing.assert_allclose(changed, expected, rtol=1e-6)
    assert changed.dtype == np.float32
    assert touched == (augment != Augment.none())


def test_gains_fill_their_range() -> None:
    augment = Augment(gain_db=(-6, 3), channel_swap=0, polarity=0)
    generator = np.random.default_rng(0)
    gains_db = [20 * np.log10(augment.apply(AUDIO, generator)[0][0, 0]) for _ in range(500)]
    assert -6 <= min(gains_db) < -5.9
    assert 2.9 < max(gains_db) <= 3
    assert abs(np.mean(gains_db) + 1.5) < 0.3  # the middle, give or take two standard errors and a half


def test_gains_in_magnitude_fill_their_range() -> None:
    augment = Augment(gain=(0.2, 1.2), channel_swap=0, polarity=0)
    generator = np.random.default_rng(0)
    gains = np.array([augment.apply(AUDIO, generator)[0][0, 0] for _ in range(1000)])
    assert 0.2 <= gains.min() < 0.21
    assert 1.19 < gains.max() <= 1.2
    # uniform in magnitude: a tenth of them in each tenth, where uniform in dB would have 39 % in the first
    np.testing.assert_allclose(np.histogram(gains, 10, (0.2, 1.2))[0] / 1000, 0.1, atol=0.04)


def test_settings_do_not_shift_chance() -> None:
    first, second = np.random.default_rng(0), np.random.default_rng(0)
    Augment().apply(AUDIO, first)
    Augment(gain=(0.5, 0.5), channel_swap=0, polarity=0).apply(AUDIO[:1], second)
    assert first.random() == second.random()


@pytest.mark.parametrize("setting", [{"remix": 1.5}, {"channel_swap": -0.1}, {"polarity": 2}, {"gain_db": (3, -6)},
                                     {"gain_db": (0, float("inf"))}, {"gain": (0, 1)}, {"gain": (2, 1)}])  # fmt: skip
def test_bad_settings_are_named(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=rf"augment.{next(iter(setting))}: .*"):
        Augment(**setting)  # type: ignore[arg-type]
