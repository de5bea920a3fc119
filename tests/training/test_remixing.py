"""Labelled mixes made of estimates: whose parts they are, and that they add up."""

import pytest
import torch

from dssgan.training.remixing import remix_estimates

BATCH, SAMPLES = 3, 4096


def estimates() -> torch.Tensor:
    """Drums rise over the batch, the rest falls; channels differ: (batch, sources, channels, samples)."""
    levels = torch.tensor([[[1.0, 2.0], [-1.0, -2.0]], [[3.0, 6.0], [-3.0, -6.0]], [[5.0, 10.0], [-5.0, -10.0]]])
    generator = torch.Generator().manual_seed(0)
    return levels[..., None] * torch.randn(SAMPLES, generator=generator)


def test_the_parts_sum_to_the_new_mix() -> None:
    torch.manual_seed(0)
    mix, sources = remix_estimates(estimates())
    assert mix.shape == (BATCH, 2, SAMPLES)
    torch.testing.assert_close(mix, sources.sum(dim=1))


def test_sources_come_from_different_mixes_in_one_scale() -> None:
    """Whose source it is shows in nothing but its level: each is a multiple of the same noise, but for the low-pass."""
    given = estimates()
    found = set()
    for seed in range(200):
        torch.manual_seed(seed)
        _, sources = remix_estimates(given)
        level = sources.square().mean(dim=(-2, -1)).sqrt()
        original = given.square().mean(dim=(-2, -1)).sqrt()
        # drums stay with their item, the rest is that of the item before
        ratio_db = 20 * torch.log10(level / torch.stack([original[:, 0], original[:, 1].roll(1)], dim=1))
        wide = ratio_db > -6.5  # a low-pass takes noise away
        assert (ratio_db <= 6.0 + 1e-3).all()
        found |= {(round(float(value)), int(item), int(source)) for (item, source), value in zip(
            wide.nonzero().tolist(), ratio_db[wide].tolist(), strict=True)}  # fmt: skip
    assert {(item, source) for _, item, source in found} == {(i, s) for i in range(BATCH) for s in range(2)}
    assert max(gain for gain, *_ in found) - min(gain for gain, *_ in found) > 6  # levels change


def test_the_same_seed_gives_the_same_mixes() -> None:
    results = []
    for _ in range(2):
        torch.manual_seed(7)
        results.append(remix_estimates(estimates())[0])
    torch.testing.assert_close(*results, rtol=0, atol=0)


@pytest.mark.parametrize("silent", [0, 1])
def test_a_silent_estimate_stays_silent(silent: int) -> None:
    given = estimates()
    given[:, silent] = 0
    torch.manual_seed(0)
    mix, sources = remix_estimates(given)
    assert not sources[:, silent].any()
    torch.testing.assert_close(mix, sources[:, 1 - silent])
