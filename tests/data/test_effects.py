"""Random effects on sources and mixes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dssgan.data import effects

RATE = 44100
TIME = np.arange(RATE) / RATE


def music(seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    tones = np.stack([np.sin(2 * np.pi * 220 * TIME), np.sin(2 * np.pi * 331 * TIME)]) * 0.2
    return (tones * np.exp(-4 * (TIME % 0.25)) + generator.normal(0, 0.01, (2, RATE))).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3]), st.sampled_from([0.0, 1e-9, 0.1, 30.0]))
def test_a_changed_source_is_finite_and_of_the_same_shape(seed: int, channels: int, level: float) -> None:
    audio = np.random.default_rng(seed).normal(0, level, (channels, 4410)).astype(np.float32)
    changed = effects.change_source(audio, 22050, 1.0, np.random.default_rng(seed))
    assert changed.dtype == np.float32
    assert changed.shape == audio.shape
    assert np.isfinite(changed).all()


def test_with_probability_zero_nothing_is_changed() -> None:
    audio = music()
    assert effects.change_source(audio, RATE, 0.0, np.random.default_rng(0)) is audio
    sources = np.stack([audio, music(1)])
    mix, same = effects.master(sources, RATE, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(same, sources)
    np.testing.assert_array_equal(mix, sources.sum(axis=0))


def test_a_mastered_mix_is_the_sum_of_its_sources_but_for_the_codec() -> None:
    sources = np.stack([music(), music(1)])
    errors_db, changes_db = [], []
    for seed in range(40):
        mix, mastered = effects.master(sources, RATE, 1.0, np.random.default_rng(seed))
        error = np.mean((mix - mastered.sum(axis=0)) ** 2)
        errors_db.append(10 * np.log10(error / np.mean(mix**2) + 1e-20))
        changes_db.append(10 * np.log10(np.mean((mastered - sources) ** 2) / np.mean(sources**2)))
    exact = np.array(errors_db) < -120
    assert 0.5 < exact.mean() < 0.85  # a third passes the codec
    assert max(errors_db) < -6  # in time with what it encodes
    assert np.median(changes_db) > -30


def test_a_compressor_makes_loud_passages_softer_against_soft_ones() -> None:
    envelope = np.where(TIME < 0.5, 0.05, 0.5)
    tone = (np.sin(2 * np.pi * 500 * TIME) * envelope).astype(np.float32)
    gains = [effects._compression(tone[None], RATE, np.random.default_rng(seed)) for seed in range(20)]
    for gain in gains:
        assert gain.max() <= 1
        assert gain[10000] >= gain[35000]  # away from the step
    assert np.mean([gain[35000] / gain[10000] for gain in gains]) < 0.8


def test_a_filter_halves_the_power_at_its_edge_and_moves_no_phase() -> None:
    class Edge:
        """Draws order 2, the low-pass, and an edge of 4 kHz."""

        def __init__(self) -> None:
            self.numbers = iter([2.0, np.log(4000.0)])

        def uniform(self, *_: float) -> float:
            return next(self.numbers)

        def random(self) -> float:
            return 0.9

    impulse = np.zeros((1, 8192), np.float32)
    impulse[0, 4000] = 1
    answer = effects._filter(impulse, RATE, Edge())  # type: ignore[arg-type]
    spectrum = np.abs(np.fft.rfft(answer[0]))
    frequencies = np.fft.rfftfreq(8192, 1 / RATE)
    gain = np.interp([1000, 4000, 8000], frequencies, spectrum)
    # 1 / sqrt(1 + (f / 4000)^4)
    np.testing.assert_allclose(gain, [0.998, 0.7071, 0.2425], atol=2e-3)
    assert np.abs(answer[0]).argmax() == 4000
    np.testing.assert_allclose(answer[0, 3900:4000], answer[0, 4100:4000:-1], atol=1e-5)  # zero phase
