"""Ratios at the best gain, against numbers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssgan.metrics.scale_invariant import scale_invariant

# three directions at right angles: two sources, and something that is neither
DRUMS, OTHER, NOISE = np.eye(3)[:, None, :] * 2.0  # (1, 3) each


def scores(estimate: np.ndarray) -> dict[str, float]:
    references = np.stack([DRUMS, OTHER])
    return {name: float(values[0]) for name, values in scale_invariant(np.stack([estimate, OTHER]), references).items()}


def test_by_hand() -> None:
    found = scores(3 * DRUMS + 0.3 * OTHER + 0.03 * NOISE)
    assert found["si_sdr"] == pytest.approx(10 * math.log10(9 / (0.09 + 0.0009)))
    assert found["si_sir"] == pytest.approx(20)
    assert found["si_sar"] == pytest.approx(40)
    # the gain that brings the estimate nearest to the drums: 12 / (36 + 0.36 + 0.0036) of it
    gain = 3 / (9 + 0.09 + 0.0009)
    error = (1 - 3 * gain) ** 2 + (0.3 * gain) ** 2 + (0.03 * gain) ** 2
    assert found["snr"] == pytest.approx(-10 * math.log10(error))


@given(gain=st.floats(0.01, 100), seed=st.integers(0, 50))
def test_loudness_does_not_matter(gain: float, seed: int) -> None:
    references, estimates = np.random.default_rng(seed).standard_normal((2, 2, 2, 100))
    plain, louder = scale_invariant(estimates, references), scale_invariant(gain * estimates, references)
    for name, values in plain.items():
        np.testing.assert_allclose(louder[name], values, rtol=0, atol=1e-6, err_msg=name)
    # errors at right angles add up: what is wrong is interference and artifacts
    ratios = {name: 10 ** (-values / 10) for name, values in plain.items()}
    np.testing.assert_allclose(ratios["si_sdr"], ratios["si_sir"] + ratios["si_sar"], rtol=1e-9)


def test_silence_has_no_score_and_takes_none_away() -> None:
    references = np.stack([DRUMS, np.zeros_like(DRUMS)])
    found = scale_invariant(np.stack([DRUMS + NOISE, NOISE]), references)
    for name, values in found.items():
        assert math.isnan(values[1]), name
    assert found["si_sdr"][0] == pytest.approx(0)
    assert found["si_sir"][0] > 200  # nothing is there that could interfere
    with pytest.raises(ValueError, match="must be alike"):
        scale_invariant(references, references[:1])
