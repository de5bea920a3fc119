"""What every critic must do."""

import pytest
import torch

from dssgan.critics import CRITICS, Critic, build_critic
from dssgan.errors import ConfigError

PRESETS = [(name, preset) for name, critic in CRITICS.items() for preset in critic.presets]


@pytest.fixture(params=PRESETS, ids=lambda pair: "-".join(pair), scope="module")
def critic(request: pytest.FixtureRequest) -> Critic:
    torch.manual_seed(0)
    return build_critic(request.param[0], {}, request.param[1])


def test_scores_are_finite_whatever_comes(critic: Critic) -> None:
    for num_samples in (1, 5000, 60000):
        for wave in (torch.zeros(2, critic.channels, num_samples), torch.randn(2, critic.channels, num_samples)):
            score = critic(wave)
            assert score.dim() == 1
            assert len(score) % 2 == 0
            assert torch.isfinite(score).all()


def test_items_of_a_batch_do_not_touch(critic: Critic) -> None:
    wave = torch.randn(3, critic.channels, 60000)
    whole, alone = critic(wave), critic(wave[1:2])
    torch.testing.assert_close(whole[len(alone) : 2 * len(alone)], alone, atol=1e-5, rtol=1e-4)


def test_gradient_reaches_parameters_and_silence(critic: Critic) -> None:
    critic.zero_grad()
    wave = torch.zeros(1, critic.channels, 60000, requires_grad=True)
    critic(wave + torch.randn_like(wave) * torch.tensor([1.0])).sum().backward()
    for name, parameter in critic.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    silence = torch.zeros(1, critic.channels, 60000, requires_grad=True)
    critic(silence).sum().backward()
    assert silence.grad is not None
    assert torch.isfinite(silence.grad).all()


def test_no_layer_ties_a_batch_together(critic: Critic) -> None:
    assert not any(isinstance(layer, torch.nn.modules.batchnorm._BatchNorm) for layer in critic.modules())


def test_parity_has_the_original_parameters_and_map() -> None:
    critic = build_critic("strided", {}, "parity")
    assert sum(parameter.numel() for parameter in critic.parameters()) == 1_869_344
    assert critic.features(torch.randn(2, 1, 63 * 256)).shape == (2, 1, 256, 64)


def test_sizes_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ConfigError, match="num_frames=48"):
        build_critic("strided", {"num_frames": 48})
