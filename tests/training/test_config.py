"""Settings: what is accepted, what is refused and how."""

import math
from contextlib import suppress
from pathlib import Path

import pytest
import small_training as small
import torch
from hypothesis import given
from hypothesis import strategies as st

from dssgan.data.augment import Augment
from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError
from dssgan.training.checkpoint import read_checkpoint
from dssgan.training.config import (
    PHASE_TWO_SETTINGS,
    TrainConfig,
    make_config,
    merge,
    parse_overrides,
    phase_one_key,
    read_config,
)
from dssgan.tuning.space import combine, find_space


def test_overrides_reach_every_depth() -> None:
    config = make_config(
        parse_overrides(["alpha=0.01", "separator.num_layers=2", "augment.remix=0", "learning_rate=1e-4"])
    )
    assert config.alpha == 0.01
    assert config.build_separator().arguments["num_layers"] == 2
    assert config.augment.remix == 0
    assert config.learning_rate == 1e-4


def test_another_architecture_drops_the_old_ones_settings() -> None:
    config = make_config({"separator": {"name": "tdf_unet", "num_bands": 8}}, {"separator": {"name": "unet"}})
    assert config.separator.arguments == {}
    assert config.separator.preset is None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("alhpa=1", "did you mean alpha"),
        ("separator.num_layer=3", "did you mean num_layers"),
        ("augment.polarityy=1", "did you mean polarity"),
        ("separator.name=unett", "did you mean unet"),
        ("critic.preset=tinny", "did you mean tiny"),
        ("batch_size=0", "batch_size=0: input should be greater than or equal to 1"),
        ("alpha=much", "alpha='much'"),
        ("alpha", "key=value"),
        (".=1", "key=value"),
        ("separator.num_layers=0", "num_layers=0"),
        ("alpha=[", "YAML"),
        ("supervised_loss.name=l3", "unknown"),
    ],
)
def test_what_is_wrong_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        make_config(parse_overrides([override]))


@given(st.text(), st.text())
def test_any_text_gives_settings_or_one_error(key: str, value: str) -> None:
    with suppress(ConfigError):
        make_config(parse_overrides([f"{key}={value}"]))


def test_settings_survive_a_file(tmp_path: Path) -> None:
    config = make_config({"alpha": 0.5, "separator": {"name": "unet", "preset": "tiny", "num_layers": 2}})
    file = tmp_path / "settings.yaml"
    file.write_text(config.to_yaml())
    assert make_config(read_config(file)) == config


@pytest.mark.parametrize("text", ["[1, 2]", "a: b: c", "\x00", "just words"])
def test_a_file_that_holds_no_settings(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"settings\.yaml"):
        make_config(read_config(file))
    with pytest.raises(ConfigError, match="missing"):
        read_config(tmp_path / "missing.yaml")


def test_phase_one_key_ignores_what_acts_in_phase_two_alone() -> None:
    def key(**changes: object) -> str:
        return phase_one_key(make_config(changes), "data")

    same = key()
    assert key(unpaired_augment={"gain": [0.2, 1.2]}, num_workers=2, device="cpu") == same
    assert key(alpha=0.5, beta=3.0, critic_steps=1, adversarial_epochs=7, init="scratch", media=False) == same
    assert key(critic={"preset": "stereo"}) == same
    for change in ({"seed": 1}, {"learning_rate": 1.0}, {"separator": {"num_layers": 2}}, {"batch_size": 3}):
        assert key(**change) != same
    assert phase_one_key(TrainConfig(), "other data") != same
    # the same separator, said in two ways
    assert key(separator={"num_layers": make_config().build_separator().arguments["num_layers"]}) == same


# Settings that the key of phase one leaves out, each with another value than the default's.
LEFT_OUT = {
    "alpha": 0.5, "alpha_mode": "gradient_ratio", "alpha_ramp_steps": 5, "feature_matching": 1.0, "beta": 0.5,
    "init": "scratch", "critic": {"num_initial_filters": 8}, "adversarial_loss": {"name": "hinge"},
    "critic_augment": {"loudness": False}, "additivity_loss": {"domain": "magnitude"}, "adversarial_epochs": 1,
    "critic_steps": 1, "adversarial_learning_rate": 0.1, "critic_learning_rate": 0.1, "self_boost": {"share": 0.5},
    "unpaired_augment": {"gain": [0.2, 1.2]}, "device": "auto", "num_workers": 2, "media": True,
}  # fmt: skip


def test_the_key_leaves_out_what_is_tested_here() -> None:
    assert set(LEFT_OUT) == PHASE_TWO_SETTINGS


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_the_key_leaves_out_changes_no_bit(name: str, tmp_path: Path, bundled: Dataset) -> None:
    def two_steps(folder: Path, **changes: object) -> dict[str, torch.Tensor]:
        settings = small.config(steps_per_epoch=2, supervised_epochs=2, **changes)
        small.run(folder, bundled, settings, stop_at=1)
        state, _ = read_checkpoint(folder)
        return {**state["separator"], **state["average"]}

    plain, changed = two_steps(tmp_path / "plain"), two_steps(tmp_path / "changed", **{name: LEFT_OUT[name]})
    assert make_config(small.SETTINGS, {name: LEFT_OUT[name]}) != make_config(small.SETTINGS)
    for weight, value in plain.items():
        assert torch.equal(value, changed[weight]), weight


def test_parity_is_the_original() -> None:
    config = make_config(read_config(Path(__file__).parents[2] / "docs" / "parity.yaml"))
    assert config.augment == Augment.none()  # pairs stay as they are
    assert config.unpaired_augment == Augment(remix=0, gain=(0.2, 1.2), channel_swap=0, polarity=0)
    assert (config.alpha, config.beta, config.critic_steps, config.patience) == (0.001, 0.001, 5, 1)
    assert config.learning_rate == config.adversarial_learning_rate == config.critic_learning_rate == 5e-5
    assert (config.optimizer, config.schedule, config.weight_decay) == ("adam", "constant", 0)
    assert config.gradient_clip == math.inf
    assert config.ema_decay == 0
    drawn = find_space("paper").check({})[0]
    for setting in ("augment", "unpaired_augment", "gradient_clip", "ema_decay", "learning_rate", "critic_steps"):
        assert getattr(drawn, setting) == getattr(config, setting), setting
    assert drawn.build_separator().arguments == config.build_separator().arguments


def test_settings_without_a_name_are_for_whatever_name_comes() -> None:
    unnamed, named = {"separator": {"num_layers": 5}}, {"separator": {"name": "unet"}}
    assert merge(unnamed, named) == merge(named, unnamed) == {"separator": {"name": "unet", "num_layers": 5}}
    other = {"separator": {"name": "tdf_unet", "num_bands": 8}}
    assert merge(other, named) == named
    # what a space draws is never dropped in silence
    assert combine(named, {"separator.num_layers": 5}) == {"separator": {"name": "unet", "num_layers": 5}}


@pytest.mark.parametrize(
    ("settings", "now"), [({"hearing": {"loudness": False}}, "critic_augment"), ({"alpha_as": "weight"}, "alpha_mode")]
)
def test_a_setting_of_an_earlier_version_says_what_it_is_called_now(settings: dict[str, object], now: str) -> None:
    with pytest.raises(ConfigError, match=f"setting '{next(iter(settings))}': is called {now} now"):
        make_config(settings)
