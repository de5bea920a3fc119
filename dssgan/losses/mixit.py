"""Mixture invariant training: learning from mixtures of two mixes alone."""

from itertools import product

import torch
from torch import Tensor

from dssgan.losses.snr import negative_snr_db


def mixit_loss(estimates: Tensor, first: Tensor, second: Tensor, max_snr_db: float = 30.0) -> Tensor:
    """Return how well estimates from a mixture of two mixes can be assigned so as to sum to each mix.

    Each estimate goes to one of the two mixes, in the way that suits them best. Nobody needs to know the sources: what
    belongs to different mixes must not end up in one estimate. Source: Wisdom et al., "Unsupervised sound separation
    using mixture invariant training", 2020, equations 1 and 4, arXiv 2006.12701.

    Args:
        estimates: estimates of first + second, (batch, estimates, channels, samples).
        first: (batch, channels, samples).
        second: likewise.
        max_snr_db: signal-to-noise ratio beyond which an error counts for less and less, dB.

    Returns:
        Minus the signal-to-noise ratio of the two mixes under the best assignment, dB, mean of mixes and batch.
    """
    num_estimates = estimates.shape[1]
    # (assignments, estimates): 1 where an estimate goes to the first mix
    shares = torch.tensor(list(product((0.0, 1.0), repeat=num_estimates)), device=estimates.device)
    with torch.no_grad():
        total = torch.stack([
            negative_snr_db(_add(estimates, share.expand(len(estimates), -1)) - first, first, max_snr_db)
            + negative_snr_db(_add(estimates, 1 - share.expand(len(estimates), -1)) - second, second, max_snr_db)
            for share in shares
        ])  # fmt: skip
        best = shares[total.argmin(dim=0)]  # (batch, estimates)
    losses = [
        negative_snr_db(_add(estimates, share) - mix, mix, max_snr_db)
        for share, mix in ((best, first), (1 - best, second))
    ]
    return torch.stack(losses).mean()


def _add(estimates: Tensor, share: Tensor) -> Tensor:
    """Add estimates up: (batch, estimates, channels, samples) with (batch, estimates) to (batch, channels, samples)."""
    return torch.einsum("bnct,bn->bct", estimates, share)
