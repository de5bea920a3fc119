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


def test_an_equaliser_changes_the_balance_of_bands_alone() -> None:
    impulse = np.zeros((2, 8192), np.float32)
    impulse[:, 4000] = 1
    augment = Augment(gain_db=(0, 0), channel_swap=0, polarity=0, equalizer_db=9)
    generator = np.random.default_rng(0)
    answers = [augment.apply(impulse, generator) for _ in range(200)]
    assert all(touched and answer.dtype == np.float32 and answer.shape == (2, 8192) for answer, touched in answers)
    spectra = np.stack([np.fft.rfft(answer, axis=1) for answer, _ in answers])  # (draws, channels, bins)
    gains_db = 20 * np.log10(np.abs(spectra))
    np.testing.assert_array_equal(gains_db[:, 0], gains_db[:, 1])  # both channels alike
    assert -9.1 <= gains_db.min() < -8
    assert 8 < gains_db.max() <= 9.1
    # bands are drawn on their own: 61 Hz tells nothing of 975 Hz or 15.6 kHz
    bands = gains_db[:, 0, [11, 181, 2896]]
    assert np.abs(np.corrcoef(bands.T)[np.triu_indices(3, 1)]).max() < 0.25
    # and the impulse stays where it was
    assert all(np.abs(answer[0]).argmax() == 4000 for answer, _ in answers)


def test_an_equaliser_does_not_carry_the_end_to_the_beginning() -> None:
    click = np.zeros((1, 1000), np.float32)
    click[0, -1] = 1
    equalized, _ = Augment(gain_db=(0, 0), channel_swap=0, polarity=0, equalizer_db=12).apply(
        click, np.random.default_rng(0)
    )
    assert np.abs(equalized[0, :100]).max() < 1e-3


def test_settings_do_not_shift_chance() -> None:
    first, second = np.random.default_rng(0), np.random.default_rng(0)
    Augment().apply(AUDIO, first)
    Augment(gain=(0.5, 0.5), channel_swap=0, polarity=0).apply(AUDIO[:1], second)
    expected = first.random()
    assert second.random() == expected
    third = np.random.default_rng(0)
    Augment(equalizer_db=6).apply(AUDIO, third)
    assert third.random() == expected


def test_shares_of_silent_sources_sum_to_one_at_most() -> None:
    with pytest.raises(ConfigError, match=r"augment\.silence, only_first and without_first: sum to 1\.2"):
        Augment(silence=0.4, only_first=0.4, without_first=0.4)


def test_effects_change_the_sound_and_not_the_chance_of_what_follows() -> None:
    audio = np.random.default_rng(1).normal(0, 0.1, (2, 44100)).astype(np.float32)
    first, second = np.random.default_rng(0), np.random.default_rng(0)
    plain, _ = Augment().apply(audio, first)
    changed, touched = Augment(effects=1.0).apply(audio, second, 44100)
    assert touched
    assert changed.shape == plain.shape
    assert not np.allclose(changed, plain, atol=1e-3)
    assert first.random() == second.random()


@pytest.mark.parametrize("setting", [{"remix": 1.5}, {"channel_swap": -0.1}, {"polarity": 2}, {"gain_db": (3, -6)},
                                     {"gain_db": (0, float("inf"))}, {"gain": (0, 1)}, {"gain": (2, 1)},
                                     {"equalizer_db": -1}, {"equalizer_db": float("nan")}, {"effects": 2},
                                     {"master": -1}, {"dense": 1.1}, {"silence": float("nan")},
                                     {"only_first": -0.5}, {"without_first": 7}])  # fmt: skip
def test_bad_settings_are_named(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=rf"augment.{next(iter(setting))}: .*"):
        Augment(**setting)  # type: ignore[arg-type]
