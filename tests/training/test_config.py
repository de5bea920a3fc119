"""Settings: what is accepted, what is refused and how."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssgan.errors import ConfigError
from dssgan.training.config import TrainConfig, make_config, parse_overrides, phase_one_key, read_config


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
    assert key(alpha=0.5, beta=3.0, critic_steps=1, adversarial_epochs=7, init="scratch", media=False) == same
    assert key(critic={"preset": "stereo"}) == same
    for change in ({"seed": 1}, {"learning_rate": 1.0}, {"separator": {"num_layers": 2}}, {"batch_size": 3}):
        assert key(**change) != same
    assert phase_one_key(TrainConfig(), "other data") != same
    # the same separator, said in two ways
    assert key(separator={"num_layers": make_config().build_separator().arguments["num_layers"]}) == same
