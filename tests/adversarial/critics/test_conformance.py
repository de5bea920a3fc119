"""What every critic must do."""

import copy

import pytest
import torch

from dssgan.adversarial.critics import CRITICS, Critic, build_critic
from dssgan.errors import ConfigError

OTHER_PRESETS = [(name, preset) for name, critic in CRITICS.items() for preset in critic.presets if preset != "tiny"]


@pytest.fixture(params=CRITICS, scope="module")
def critic(request: pytest.FixtureRequest) -> Critic:
    torch.manual_seed(0)
    return build_critic(request.param, {}, "tiny")


@pytest.mark.parametrize(("name", "preset"), OTHER_PRESETS)
def test_other_presets_judge(name: str, preset: str) -> None:
    critic = build_critic(name, {}, preset)
    assert torch.isfinite(_total(critic, torch.randn(1, critic.channels, 60000)))


def _total(critic: Critic, wave: torch.Tensor) -> torch.Tensor:
    return torch.stack([score.mean() for score in critic(wave).scores]).sum()


def test_judgements_are_finite_whatever_comes(critic: Critic) -> None:
    for num_samples in (1, 5000, 60000):
        for wave in (torch.zeros(2, critic.channels, num_samples), torch.randn(2, critic.channels, num_samples)):
            judgement = critic(wave)
            assert len(judgement.scores) == len(critic.views(wave))
            assert judgement.maps
            for tensor in judgement.scores + judgement.maps:
                assert len(tensor) % 2 == 0
                assert torch.isfinite(tensor).all()


def test_items_of_a_batch_do_not_touch(critic: Critic) -> None:
    wave = torch.randn(3, critic.channels, 60000)
    whole, alone = critic(wave), critic(wave[1:2])
    for of_all, of_one in zip(whole.scores + whole.maps, alone.scores + alone.maps, strict=True):
        torch.testing.assert_close(of_all[len(of_one) : 2 * len(of_one)], of_one, atol=1e-4, rtol=1e-3)


def test_gradient_reaches_parameters_and_silence(critic: Critic) -> None:
    critic.zero_grad()
    _total(critic, torch.randn(1, critic.channels, 60000)).backward()
    for name, parameter in critic.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    silence = torch.zeros(1, critic.channels, 60000, requires_grad=True)
    _total(critic, silence).backward()
    assert silence.grad is not None
    assert torch.isfinite(silence.grad).all()


def test_a_copy_and_saved_weights_judge_alike(critic: Critic) -> None:
    wave = torch.randn(1, critic.channels, 60000)
    copied = copy.deepcopy(critic)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.mul_(1.5)
        assert _total(copied, wave) != _total(critic, wave)  # the copy is one of its own
        copied.load_state_dict(critic.state_dict())
        assert _total(copied, wave) == _total(critic, wave)


def test_no_layer_ties_a_batch_together(critic: Critic) -> None:
    assert not any(isinstance(layer, torch.nn.modules.batchnorm._BatchNorm) for layer in critic.modules())


def test_parity_has_the_original_parameters_and_map() -> None:
    critic = build_critic("strided", {}, "parity")
    assert sum(parameter.numel() for parameter in critic.parameters()) == 1_869_344
    (view,) = critic.views(torch.randn(2, 1, 63 * 256))
    assert view.shape == (2, 1, 256, 64)
    assert critic.judge((view,)).scores[0].shape == (2,)


def test_sizes_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ConfigError, match="num_frames=48"):
        build_critic("strided", {"num_frames": 48})


@pytest.mark.parametrize(
    ("setting", "value"), [("n_ffts", ()), ("n_ffts", (1000,)), ("overlap", 1), ("num_filters", 0), ("compression", 0)]
)
def test_unusable_resolutions_are_refused(setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=setting):
        build_critic("multi_resolution", {setting: value})
