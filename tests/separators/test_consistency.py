"""Mixture consistency against numbers worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dssgan.errors import ConfigError
from dssgan.separators.consistency import mixture_consistency


def test_residual_is_shared_equally():
    # the mix of 1.0 lacks 0.4, so each of two sources gains 0.2; the mix of 0.0 has 0.6 too much: each loses 0.3
    estimates = np.array([[[0.5, 0.4]], [[0.1, 0.2]]])
    mix = np.array([[1.0, 0.0]])
    np.testing.assert_allclose(mixture_consistency(estimates, mix), [[[0.7, 0.1]], [[0.3, -0.1]]], atol=1e-15)


def test_residual_is_shared_by_weight():
    # shares of 3 and 1 of the residual 0.4: 0.3 and 0.1
    estimates = np.array([[[0.5]], [[0.1]]])
    result = mixture_consistency(estimates, np.array([[1.0]]), [3, 1])
    np.testing.assert_allclose(result, [[[0.8]], [[0.2]]], atol=1e-15)
    np.testing.assert_array_equal(estimates, [[[0.5]], [[0.1]]])  # and its input is left alone


@given(seed=st.integers(0, 1000), num_sources=st.integers(1, 5), is_weighted=st.booleans())
def test_sum_is_the_mix(seed, num_sources, is_weighted):
    generator = np.random.default_rng(seed)
    estimates = generator.uniform(-1, 1, (3, num_sources, 2, 50)).astype(np.float32)
    mix = generator.uniform(-1, 1, (3, 2, 50)).astype(np.float32)
    weights = list(generator.uniform(0.1, 1, num_sources)) if is_weighted else None
    result = mixture_consistency(estimates, mix, weights)
    assert result.dtype == np.float32
    assert np.abs(result.sum(-3) - mix).max() < 2e-6
    as_tensor = mixture_consistency(torch.from_numpy(estimates), torch.from_numpy(mix), weights)
    np.testing.assert_allclose(as_tensor.numpy(), result, atol=1e-6)


def test_never_further_from_references_that_sum_to_the_mix():
    generator = np.random.default_rng(0)
    references = generator.normal(size=(2, 1, 1000))
    estimates = references + generator.normal(size=(2, 1, 1000))
    result = mixture_consistency(estimates, references.sum(0))
    # the projection removes exactly the residual's part of the error: |r|^2 / 2
    residual = references.sum(0) - estimates.sum(0)
    before, after = ((estimates - references) ** 2).sum(), ((result - references) ** 2).sum()
    assert after == pytest.approx(before - (residual**2).sum() / 2)


def test_gradient_passes():
    estimates = torch.zeros(1, 2, 1, 3, requires_grad=True)
    mixture_consistency(estimates, torch.ones(1, 1, 3), [1, 1])[:, 0].sum().backward()
    assert estimates.grad.tolist() == [[[[0.5] * 3], [[-0.5] * 3]]]


@pytest.mark.parametrize("weights", [[1], [1, 2, 3], [1, -1], [0, 0], [1, float("nan")]])
def test_weights_that_do_not_fit(weights):
    with pytest.raises(ConfigError, match="give 2 numbers"):
        mixture_consistency(np.zeros((2, 1, 4)), np.zeros((1, 4)), weights)
