"""Settings: what is accepted, what is refused and how."""

import math
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
import small_training as small
import torch
from hypothesis import given
from hypothesis import strategies as st
from synthesis.midi_files import band_song

from dssgan.data.augment import Augment
from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError, DataError
from dssgan.training.checkpoint import read_checkpoint
from dssgan.training.config import SECTIONS, PhaseTwo, TrainConfig, phase_one_key
from dssgan.training.settings import SHORT_NAMES, lay_out, make_config, merge, parse_overrides, read_config
from dssgan.tuning.search.space import combine, find_space


def test_overrides_reach_every_depth() -> None:
    config = make_config(
        parse_overrides(["alpha=0.01", "separator.num_layers=2", "augment.remix=0", "learning_rate=1e-4"])
    )
    assert config.phase_two.alpha == 0.01
    assert config.build_separator().arguments["num_layers"] == 2
    assert config.phase_one.augment.remix == 0
    assert config.phase_one.learning_rate == 1e-4


def test_another_architecture_drops_the_old_ones_settings() -> None:
    config = make_config({"separator": {"name": "tdf_unet", "num_bands": 8}}, {"separator": {"name": "unet"}})
    assert config.phase_one.separator.arguments == {}
    assert config.phase_one.separator.preset is None


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
        ("phase_one.alpha=1", "setting 'alpha': belongs to phase_two, not to phase_one"),
        ("phase_two.alhpa=1", "did you mean alpha"),
        ("self_boost.shar=1", "did you mean share"),
        ("phase_three.alpha=1", "did you mean phase_two or phase_one"),
        ("phase_one=3", "phase_one=3"),
        ("epochs=3", "supervised_epochs"),
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


def test_phase_one_key_knows_what_rounds_and_what_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed, auto = make_config({"precision": "float32"}), make_config({"device": "cpu"})
    same = phase_one_key(fixed, "data")
    keys = set()
    for supported in (False, True):
        monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda supported=supported: supported)
        monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: False)
        keys.add(phase_one_key(auto, "data"))
        assert phase_one_key(fixed, "data") == same
    assert len(keys) == 2
    assert phase_one_key(make_config({"device": "cuda", "precision": "auto"}), "data")  # this machine may have none
    synthetic = make_config({"precision": "float32", "synthetic": 0.5})
    keys = set()
    for fingerprint in ("one", "other"):
        monkeypatch.setattr(
            "dssgan.synthesis.synthetic_excerpts.instruments_fingerprint", lambda fingerprint=fingerprint: fingerprint
        )
        keys.add(phase_one_key(synthetic, "data"))
    assert len(keys) == 2
    monkeypatch.setattr("torch.__version__", "9.9")
    assert phase_one_key(fixed, "data") != same


def test_phase_one_key_knows_midi_files_wherever_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dssgan.synthesis.synthetic_excerpts.instruments_fingerprint", lambda: "instruments")

    def key(folder: str) -> str:
        return phase_one_key(make_config({"synthetic": 0.5, "synthetic_midi": str(tmp_path / folder)}), "data")

    band_song(tmp_path / "one/a.mid")
    shutil.copytree(tmp_path / "one", tmp_path / "moved")
    assert key("one") == key("moved")
    band_song(tmp_path / "moved/b.mid")
    assert key("one") != key("moved")
    with pytest.raises(DataError, match="no such folder"):
        key("gone")


def test_phase_one_key_knows_the_number_of_processes() -> None:
    assert len({phase_one_key(TrainConfig(), "data", num) for num in (1, 2, 4)}) == 3


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
    "mixit": 0.5, "consistency": 0.5, "unpaired_augment": {"gain": [0.2, 1.2]}, "device": "auto", "num_workers": 2,
    "media": True, "validation_metrics": ["si_sar"], "keep_checkpoints": 3,
}  # fmt: skip


def test_the_key_leaves_out_what_is_tested_here() -> None:
    short = {SHORT_NAMES[name][1] if name in SHORT_NAMES else name for name in LEFT_OUT}
    assert short == set(PhaseTwo.model_fields) | set(TrainConfig.model_fields) - set(SECTIONS)


@pytest.mark.parametrize("name", [name for name in LEFT_OUT if name != "mixit"])  # it needs a separator with slots
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
    one, two = config.phase_one, config.phase_two
    assert one.augment == Augment.none()  # pairs stay as they are
    assert two.unpaired_augment == Augment(remix=0, gain=(0.2, 1.2), channel_swap=0, polarity=0)
    assert (one.patience, two.alpha, two.beta, two.critic_steps) == (1, 0.001, 0.001, 5)
    assert one.learning_rate == two.learning_rate == two.critic_learning_rate == 5e-5
    assert (one.optimizer, one.schedule, one.weight_decay) == ("adam", "constant", 0)
    assert (one.gradient_clip, one.ema_decay) == (math.inf, 0)
    drawn = find_space("paper").check({})[0]
    for setting in ("augment", "gradient_clip", "ema_decay", "learning_rate"):
        assert getattr(drawn.phase_one, setting) == getattr(one, setting), setting
    for setting in ("unpaired_augment", "critic_steps", "learning_rate"):
        assert getattr(drawn.phase_two, setting) == getattr(two, setting), setting
    assert drawn.build_separator().arguments == config.build_separator().arguments


def test_settings_without_a_name_are_for_whatever_name_comes() -> None:
    unnamed, named = {"separator": {"num_layers": 5}}, {"separator": {"name": "unet"}}
    assert merge(unnamed, named) == merge(named, unnamed) == {"separator": {"name": "unet", "num_layers": 5}}
    other = {"separator": {"name": "tdf_unet", "num_bands": 8}}
    assert merge(other, named) == named
    # what a space draws is never dropped in silence
    drawn = combine(lay_out(named), {"separator.num_layers": 5})
    assert drawn == {"phase_one": {"separator": {"name": "unet", "num_layers": 5}}}


@pytest.mark.parametrize(
    ("settings", "laid_out"),
    [
        ({"alpha": 1}, {"phase_two": {"alpha": 1}}),
        ({"learning_rate": 1}, {"phase_one": {"learning_rate": 1}}),
        ({"adversarial_learning_rate": 1, "adversarial_epochs": 2}, {"phase_two": {"learning_rate": 1, "epochs": 2}}),
        ({"supervised_epochs": 3, "device": "cpu"}, {"phase_one": {"epochs": 3}, "device": "cpu"}),
        ({"phase_two": {"alpha": 1}, "alpha": 2, "phase_two.beta": 3}, {"phase_two": {"alpha": 2, "beta": 3}}),
        ({"self_boost.share": 0.5}, {"phase_two": {"self_boost": {"share": 0.5}}}),
    ],
)
def test_a_short_name_finds_its_section(settings: dict[str, object], laid_out: dict[str, object]) -> None:
    assert lay_out(settings) == lay_out(laid_out) == laid_out
    assert make_config(settings) == make_config(laid_out)


def test_the_last_one_given_wins_under_either_name() -> None:
    file, overrides = lay_out({"alpha": 1, "phase_two": {"beta": 1}}), parse_overrides(["phase_two.alpha=2", "beta=2"])
    two = make_config(merge(file, overrides)).phase_two
    assert (two.alpha, two.beta) == (2, 2)


@pytest.mark.parametrize(
    ("settings", "now"), [({"hearing": {"loudness": False}}, "critic_augment"), ({"alpha_as": "weight"}, "alpha_mode")]
)
def test_a_setting_of_an_earlier_version_says_what_it_is_called_now(settings: dict[str, object], now: str) -> None:
    with pytest.raises(ConfigError, match=f"setting '{next(iter(settings))}': is called {now} now"):
        make_config(settings)
