"""Labelled mixes made of estimates, for a separator to learn from its own average."""

import torch
from torch import Tensor

from dssgan.adversarial.critic_augment import CriticAugment

_CHANGES = CriticAugment(loudness=False, augment=True, silence_db=float("-inf"))


def remix_estimates(estimates: Tensor) -> tuple[Tensor, Tensor]:
    """Combine estimates of different mixes into new mixes, whose sources are known.

    Each source moves on by its own number of items, so that in a batch of two or more the sources of a new mix come
    from different ones; its level, polarity, channels and bandwidth change at random. Source: Tzinis et al., "RemixIT:
    Continual self-training of speech enhancement models via bootstrapped remixing", 2022, section III, arXiv
    2202.08862.

    Args:
        estimates: (batch, sources, channels, samples).

    Returns:
        New mixes (batch, channels, samples) and their sources, (batch, sources, channels, samples).
    """
    batch, num_sources = estimates.shape[:2]
    moved = torch.stack([estimates[:, source].roll(source, dims=0) for source in range(num_sources)], dim=1)
    sources, _ = _CHANGES.apply(moved, _CHANGES.sample_params(batch, num_sources, estimates.device))
    return sources.sum(dim=1), sources
