"""Songs of noise, whose errors are known."""

from collections.abc import Sequence

import torch

from dssgan.ensembling.products import SongProducts, products_of_estimates
from dssgan.metrics.sdr import usdr
from dssgan.separators.consistency import mixture_consistency


def noise(seed: int, *shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def song(estimates: list[torch.Tensor], reference: torch.Tensor, edges_hz: tuple[float, ...] = (0.0,)) -> SongProducts:
    mix = reference.sum(dim=0)
    return products_of_estimates(torch.stack(estimates).numpy(), mix.numpy(), reference.numpy(), edges_hz, 44100)


def direct_usdr(estimates: torch.Tensor, reference: torch.Tensor) -> float:
    consistent = mixture_consistency(estimates, reference.sum(dim=0))
    return float(usdr(consistent, reference)[0])


def even(picks: Sequence[int], products: SongProducts) -> torch.Tensor:
    """Weights of an average."""
    share = torch.bincount(torch.tensor(list(picks)), minlength=products.num_candidates).double() / len(picks)
    return share[None, :, None].expand(products.num_sources, -1, len(products.gram))
