"""The last step of every separation: what the estimates leave of the mix is shared among them."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from dssgan.errors import ConfigError

Waveforms = TypeVar("Waveforms", npt.NDArray[np.float32], torch.Tensor)


def mixture_consistency(estimates: Waveforms, mix: Waveforms, weights: Sequence[float] | None = None) -> Waveforms:
    """Move estimates to the nearest ones that sum to the mix.

    With equal weights this is the orthogonal projection onto the estimates that sum to the mix, so it can only move
    them closer to references that do. Source: Wisdom et al. 2019, "Differentiable consistency constraints for improved
    deep speech enhancement", section 3.1, arXiv 1811.08521.

    Args:
        estimates: (..., sources, channels, samples), an array or a tensor.
        mix: (..., channels, samples), of the same kind.
        weights: each source's share of the residual, relative to each other; None shares it equally.

    Returns:
        Estimates of the same shape that sum over the sources to `mix`, to the rounding of their own kind of number.

    Raises:
        ConfigError: weights of the wrong number, negative, or all zero.
    """
    residual: Waveforms = mix - estimates.sum(-3)
    num_sources = estimates.shape[-3]
    if weights is None:
        equal: Waveforms = estimates + residual[..., None, :, :] / num_sources
        return equal
    if len(weights) != num_sources or min(weights) < 0 or not 0 < sum(weights) < float("inf"):
        raise ConfigError(
            f"consistency weights {list(weights)}: give {num_sources} numbers, none negative and not all zero"
        )
    result: Waveforms = estimates + 0
    for source, weight in enumerate(weights):
        result[..., source, :, :] += residual * (weight / sum(weights))
    return result
