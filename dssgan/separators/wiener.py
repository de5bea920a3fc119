"""The multichannel Wiener filter, from estimates of the sources to better ones of the same mix."""

import torch
from torch import Tensor

_FLOOR = 1e-10  # power that silence is taken to have
_DIAGONAL = 1e-5  # part of its power that a covariance has in every direction, so that a mono mix has an inverse


def multichannel_wiener(estimates: Tensor, mix: Tensor, iterations: int = 1) -> Tensor:
    """Filter a mix by the power of each source in each bin and its spatial covariance at each frequency, as estimated.

    Each source is a Gaussian whose covariance over the channels is its power (of each bin and frame) times a matrix of
    each frequency; both are taken from the estimates, and the source is what is to be expected of it given the mix.
    Sources: Duong, Vincent, Gribonval 2010, "Under-determined reverberant audio source separation using a full-rank
    spatial covariance model", section III; Nugraha, Liutkus, Vincent 2016, "Multichannel audio source separation with
    deep neural networks", algorithm 1.

    Args:
        estimates: complex spectrograms, (batch, sources, channels, bins, frames).
        mix: complex spectrogram, (batch, channels, bins, frames).
        iterations: how often both are estimated again from the filter's output.

    Returns:
        Estimates of the same shape; they sum to the mix within about 1e-5 of it.
    """
    for _ in range(iterations):
        estimates = _filter(estimates, mix)
    return estimates


def _filter(estimates: Tensor, mix: Tensor) -> Tensor:
    channels = mix.shape[1]
    power = estimates.abs().square().mean(dim=2)  # (B, S, F, T)
    # per frequency, all frames of the excerpt together: (B, S, F, C, C)
    outer = torch.einsum("bscft,bsdft->bsfcd", estimates, estimates.conj())
    spatial = outer / (power.sum(dim=-1) + _FLOOR)[..., None, None]
    # covariance of the mix in each bin and frame, (B, F, T, C, C)
    covariance = torch.einsum("bsft,bsfcd->bftcd", power.to(spatial.dtype), spatial)
    of_mix = power.sum(dim=1) * _DIAGONAL + _FLOOR  # (B, F, T)
    covariance = covariance + of_mix[..., None, None] * torch.eye(channels, device=mix.device)
    whitened = _solve(covariance, mix.permute(0, 2, 3, 1))  # (B, F, T, C)
    return torch.einsum("bsft,bsfcd,bftd->bscft", power.to(spatial.dtype), spatial, whitened)


def _solve(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Solve matrices (..., C, C) for vectors (..., C)."""
    if vectors.shape[-1] == 1:
        return vectors / matrices[..., 0]
    if vectors.shape[-1] == 2:  # a library's solver takes ten times as long for small ones
        (a, b), (c, d) = matrices.unbind(-2)[0].unbind(-1), matrices.unbind(-2)[1].unbind(-1)
        first, second = vectors.unbind(-1)
        return torch.stack([d * first - b * second, a * second - c * first], dim=-1) / (a * d - b * c)[..., None]
    solved: Tensor = torch.linalg.solve(matrices, vectors)
    return solved
