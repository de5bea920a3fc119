"""A critic cannot win by level, silence, polarity or bandwidth."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dssgan.adversarial.critic_augment import AugmentParams, CriticAugment

Song = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture
def wave(song: Song) -> torch.Tensor:
    return torch.from_numpy(song[1][:, :, :44100].copy())[None]  # (1, sources, channels, samples)


def _params(gain: float = 1.0, *, swap: bool = False, cutoff: float = 2.0) -> AugmentParams:
    return AugmentParams(torch.full((1, 2), gain), torch.full((1, 2), swap), torch.full((1, 2), cutoff))


def test_level_does_not_show(wave: torch.Tensor) -> None:
    critic_augment = CriticAugment()
    params = critic_augment.sample_params(1, 2)
    loud, audible = critic_augment.apply(wave, params)
    quiet, _ = critic_augment.apply(0.1 * wave, params)
    assert audible.tolist() == [[1.0, 1.0]]
    torch.testing.assert_close(quiet, loud, atol=1e-5, rtol=1e-3)


def test_one_root_mean_square(wave: torch.Tensor) -> None:
    heard, _ = CriticAugment(augment=False).apply(wave)
    torch.testing.assert_close(heard.square().mean(dim=(-2, -1)).sqrt(), torch.full((1, 2), 0.1), atol=0, rtol=1e-3)


def test_polarity_and_channels_by_hand() -> None:
    wave = torch.tensor([1.0, 2.0]).view(1, 1, 2, 1).repeat(1, 2, 1, 8)
    heard, _ = CriticAugment(loudness=False).apply(wave, _params(-0.5, swap=True))
    torch.testing.assert_close(heard, torch.tensor([-1.0, -0.5]).view(1, 1, 2, 1).expand(1, 2, 2, 8))


def test_low_pass_keeps_what_is_below_and_drops_what_is_above() -> None:
    # of 1000 samples, tone k lies at k / 500 of Nyquist: 0.2 stays and 0.8 goes under a cut-off of 0.5
    time = torch.arange(1000) / 1000
    low, high = torch.sin(2 * torch.pi * 100 * time), torch.sin(2 * torch.pi * 400 * time)
    heard, _ = CriticAugment(loudness=False).apply((low + high).expand(1, 2, 2, 1000), _params(cutoff=0.5))
    torch.testing.assert_close(heard, low.expand(1, 2, 2, 1000), atol=1e-4, rtol=0)


def test_the_low_pass_slopes_over_three_hundredths_of_nyquist() -> None:
    # tone 243 lies at 0.486 of Nyquist, on the slope that ends at the cut-off
    time = torch.arange(1000) / 1000
    tone = torch.sin(2 * torch.pi * 243 * time).expand(1, 2, 2, 1000)
    heard, _ = CriticAugment(loudness=False).apply(tone, _params(cutoff=0.5))
    torch.testing.assert_close(heard, tone * (0.5 - 243 / 500) / 0.03, atol=1e-4, rtol=0)


def test_silence_does_not_count_and_has_a_gradient(wave: torch.Tensor) -> None:
    silent = (wave * torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)).requires_grad_(True)
    critic_augment = CriticAugment()
    heard, audible = critic_augment.apply(silent, critic_augment.sample_params(1, 2))
    heard.square().sum().backward()
    assert audible.tolist() == [[0.0, 1.0]]
    assert silent.grad is not None
    assert torch.isfinite(silent.grad).all()


def test_the_papers_hearing_changes_nothing(wave: torch.Tensor) -> None:
    critic_augment = CriticAugment(loudness=False, augment=False, silence_db=float("-inf"))
    assert critic_augment.sample_params(1, 2) is None
    heard, audible = critic_augment.apply(0 * wave)
    assert torch.equal(heard, 0 * wave)
    assert audible.tolist() == [[1.0, 1.0]]
    assert torch.equal(critic_augment.apply(wave)[0], wave)


def test_draws_reach_every_kind() -> None:
    torch.manual_seed(0)
    params = CriticAugment().sample_params(200, 2)
    assert params is not None
    for share in (params.gain < 0, params.swap, params.cutoff < 1):
        assert 0.4 < share.float().mean().item() < 0.6
    assert 0.45 <= params.cutoff.min().item() < 0.5


def test_an_item_without_a_low_pass_is_left_alone_beside_one_that_has_it() -> None:
    wave = torch.randn(2, 1, 1, 1000, generator=torch.Generator().manual_seed(0))
    cutoff = torch.tensor([[0.5], [1.0]])
    heard, _ = CriticAugment(loudness=False).apply(
        wave, AugmentParams(torch.ones(2, 1), torch.zeros(2, 1).bool(), cutoff)
    )
    torch.testing.assert_close(heard[1], wave[1], atol=1e-5, rtol=0)
    assert heard[0].square().sum() < 0.7 * wave[0].square().sum()


def test_gains_are_drawn_evenly_in_decibels_both_ways() -> None:
    torch.manual_seed(0)
    params = CriticAugment().sample_params(4000, 1)
    assert params is not None
    gain_db = 20 * params.gain.abs().log10()
    assert gain_db.min() == pytest.approx(-gain_db.max(), abs=0.05)
    assert gain_db.mean() == pytest.approx(0, abs=0.1 * gain_db.max())
    assert 1 < gain_db.max() < 20
    assert (params.gain < 0).float().mean() == pytest.approx(0.5, abs=0.05)
