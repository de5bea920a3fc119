"""What every separator must do, whatever its architecture; larger presets differ from `tiny` in size alone."""

import pytest
import torch

from dssgan.configurable import settings_of
from dssgan.errors import ConfigError
from dssgan.separators import SEPARATORS, SeparatorModel, build_separator
from dssgan.separators.bundle import load_bundle, save_bundle

OTHER_PRESETS = [
    (name, preset) for name, architecture in SEPARATORS.items() for preset in architecture.presets if preset != "tiny"
]


@pytest.fixture(params=SEPARATORS, scope="module")
def case(request: pytest.FixtureRequest) -> tuple[str, SeparatorModel]:
    torch.manual_seed(0)
    return request.param, build_separator(request.param, {}, "tiny")


def noise(model: SeparatorModel, num_samples: int, batch: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 0.1 * torch.randn(batch, model.channels, num_samples, generator=generator)


@pytest.mark.parametrize("num_samples", [1, 2, 511, 8192, 12345])
def test_as_long_as_the_mix(case: tuple[str, SeparatorModel], num_samples: int) -> None:
    model = case[1]
    mix = noise(model, num_samples, batch=2)
    estimates = model(mix)
    assert estimates.shape == (2, len(model.sources), model.channels, num_samples)
    assert estimates.dtype == torch.float32
    assert torch.isfinite(estimates).all()


def test_silence_stays_quiet(case: tuple[str, SeparatorModel]) -> None:
    model = case[1]
    estimates = model(torch.zeros(1, model.channels, 5000))
    assert estimates.abs().max() < 1e-3


def test_items_of_a_batch_do_not_touch(case: tuple[str, SeparatorModel]) -> None:
    model = case[1].eval()
    mix = noise(model, 6000, batch=2)
    torch.testing.assert_close(model(mix)[1], model(mix[1:])[0], atol=1e-5, rtol=1e-4)


def test_gradient_reaches_every_parameter(case: tuple[str, SeparatorModel]) -> None:
    model = case[1]
    model.zero_grad()
    estimates = model(noise(model, 20000))
    weights = torch.randn(estimates.shape, generator=torch.Generator().manual_seed(2))
    (estimates * weights).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


def test_bundle_round_trip_is_bit_exact(case: tuple[str, SeparatorModel], tmp_path) -> None:
    require_round_trip(*case, tmp_path)


@pytest.mark.parametrize(("name", "preset"), OTHER_PRESETS)
def test_other_presets_separate_and_survive_a_bundle(name: str, preset: str, tmp_path) -> None:
    require_round_trip(name, build_separator(name, {}, preset), tmp_path)


def require_round_trip(name: str, model: SeparatorModel, tmp_path) -> None:
    save_bundle(tmp_path / "bundle", name, model, metadata={"seed": 0})
    loaded = load_bundle(tmp_path / "bundle")
    mix = noise(model, 5000)
    with torch.inference_mode():
        estimates = model.eval()(mix)
        assert estimates.shape == (1, len(model.sources), model.channels, 5000)
        assert torch.equal(loaded(mix), estimates)
    assert loaded.arguments == model.arguments


def test_every_setting_is_an_attribute(case: tuple[str, SeparatorModel]) -> None:
    model = case[1]
    assert set(model.arguments) == set(settings_of(type(model)))


@pytest.mark.parametrize("name", SEPARATORS)
def test_three_sources(name: str) -> None:
    model = build_separator(name, {"sources": ("drums", "bass", "other")}, "tiny")
    assert model(noise(model, 3000)).shape[1] == 3


@pytest.mark.parametrize("name", SEPARATORS)
def test_bf16_keeps_transforms_in_float32(name: str) -> None:
    model = build_separator(name, {}, "tiny").eval()
    mix = noise(model, 20000)
    with torch.inference_mode():
        exact = model(mix)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = model(mix)
    assert rough.dtype == torch.float32
    error_db = 10 * torch.log10((rough - exact).square().sum() / exact.square().sum())
    assert error_db < -30


@pytest.mark.parametrize("name", [name for name in SEPARATORS if name != "unet"])
@pytest.mark.parametrize("heads", ["residual", "independent"])
def test_slots_add_up_to_the_sources(name: str, heads: str) -> None:
    torch.manual_seed(0)
    model = build_separator(name, {"slots": 2, "heads": heads}, "tiny").eval()
    mix = noise(model, 6000)
    with torch.inference_mode():
        apart, whole = model(mix, apart=True), model(mix)
    assert apart.shape == (1, 2, 2, model.channels, 6000)
    torch.testing.assert_close(apart.sum(dim=2), whole)
    assert not torch.allclose(apart[:, 0, 0], apart[:, 0, 1], atol=1e-5)  # or they could never part
    if heads == "residual":
        torch.testing.assert_close(whole.sum(dim=1), mix, atol=1e-5, rtol=0)


def test_unknown_names_list_near_ones() -> None:
    with pytest.raises(ConfigError, match="did you mean unet"):
        build_separator("unett", {})
    with pytest.raises(ConfigError, match="did you mean num_layers"):
        build_separator("unet", {"num_layer": 3})
    with pytest.raises(ConfigError, match="did you mean parity"):
        build_separator("unet", {}, "paritty")
    with pytest.raises(ConfigError, match=r"separator.num_layers='many'"):
        build_separator("unet", {"num_layers": "many"})
    with pytest.raises(ConfigError, match="num_bands"):
        build_separator("tdf_unet", {"num_bands": 3})
