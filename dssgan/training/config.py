"""Every setting of a training, with its default, its bounds and its meaning."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from dssgan.adversarial.critic_augment import CriticAugment
from dssgan.adversarial.critics import Critic, build_critic
from dssgan.adversarial.losses import ADVERSARIAL_LOSSES, AdversarialLoss
from dssgan.configurable import build
from dssgan.data.augment import Augment
from dssgan.errors import ConfigError, ModelError, unknown
from dssgan.losses import ADDITIVITY_LOSSES, SUPERVISED_LOSSES
from dssgan.separators import SeparatorModel, build_separator
from dssgan.separators.bundle import read_description, weights_fingerprint

# What the supervised phase does not depend on, to the last bit; see `phase_one_key`.
PHASE_TWO_SETTINGS = {
    "alpha", "alpha_mode", "alpha_ramp_steps", "feature_matching", "beta", "init", "critic", "adversarial_loss",
    "critic_augment", "additivity_loss", "adversarial_epochs", "critic_steps", "adversarial_learning_rate",
    "critic_learning_rate", "self_boost", "unpaired_augment", "device", "num_workers", "media",
}  # fmt: skip


# Settings of earlier versions, by the names that they had.
_RENAMED = {"hearing": "critic_augment", "alpha_as": "alpha_mode"}


class SettingsGroup(BaseModel):
    """A part of the configuration: unknown keys are refused and values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NamedComponent(BaseModel):
    """A component by name; every other key is a setting of its constructor."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    preset: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """Settings for the component's constructor."""
        return dict(self.model_extra or {})


class SelfBoost(SettingsGroup):
    """How a teacher's labels of unlabelled mixes become pairs."""

    share: float = Field(
        default=0.0, ge=0, le=1, description="share of phase two's pairs that the teacher labels; 0 for no teacher"
    )
    teacher: str | None = Field(default=None, description="bundle or ensemble that labels; None for phase one's best")
    min_agreement_db: float = Field(
        default=22.0, description="minimum agreement of two teacher passes, dB below the mix"
    )
    chunk_seconds: float = Field(
        default=3.0, gt=0, description="length of the chunks that are labelled or dropped, seconds"
    )


class TrainConfig(SettingsGroup):
    """Every setting of one training."""

    seed: int = Field(default=0, ge=0, description="random seed of weights, excerpts and augmentation")
    alpha: float = Field(default=0.0, ge=0, description="weight of the adversarial loss; 0 trains without critics")
    alpha_mode: Literal["weight", "gradient_ratio"] = Field(
        default="weight",
        description="alpha is a weight, or the ratio of the adversarial to the supervised gradient norm",
    )
    alpha_ramp_steps: int = Field(
        default=0, ge=0, description="number of steps over which alpha rises from 0 in phase two"
    )
    feature_matching: float = Field(
        default=0.0, ge=0, description="weight of feature matching on pairs, within the adversarial loss"
    )
    beta: float = Field(default=0.0, ge=0, description="weight of the additivity loss")
    init: Literal["warm", "scratch"] = Field(
        default="warm", description="phase two starts from phase one's best weights, or from random ones"
    )

    start_from: str | None = Field(default=None, description="bundle to fine-tune; it also defines the separator")
    separator: NamedComponent = NamedComponent(name="tdf_unet", preset="tiny")
    critic: NamedComponent = NamedComponent(name="strided", preset="tiny")
    adversarial_loss: NamedComponent = NamedComponent(name="wgan_gp")
    critic_augment: CriticAugment = CriticAugment()
    supervised_loss: NamedComponent = NamedComponent(name="wave_stft")
    additivity_loss: NamedComponent = NamedComponent(name="additivity")

    segment_seconds: float = Field(default=3.0, gt=0, description="length of a training excerpt, seconds")
    batch_size: int = Field(default=4, ge=1, description="excerpts per step and process")
    accumulate: int = Field(default=1, ge=1, description="gradient accumulation: parts per batch")
    steps_per_epoch: int = Field(default=200, ge=1, description="separator steps between two validations")
    supervised_epochs: int = Field(default=20, ge=0, description="maximum number of epochs in phase one")
    adversarial_epochs: int = Field(default=20, ge=0, description="maximum number of epochs in phase two")
    patience: int = Field(default=3, ge=1, description="number of epochs without improvement after which a phase ends")
    critic_steps: int = Field(default=5, ge=1, description="critic steps per separator step")

    optimizer: Literal["adam", "adamw"] = Field(default="adam", description="optimizer of the separator")
    weight_decay: float = Field(default=0.0, ge=0, description="weight decay of the separator")
    learning_rate: float = Field(default=3e-3, gt=0, description="learning rate of the separator in phase one")
    adversarial_learning_rate: float = Field(
        default=2e-4, gt=0, description="learning rate of the separator in phase two"
    )
    critic_learning_rate: float = Field(default=1e-4, gt=0, description="learning rate of the critics (Adam)")
    warmup_steps: int = Field(default=0, ge=0, description="number of warm-up steps at the start of each phase")
    schedule: Literal["constant", "cosine"] = Field(
        default="constant", description="learning rate schedule after warm-up; cosine decays to final_rate"
    )
    final_rate: float = Field(
        default=0.01, ge=0, le=1, description="final learning rate of the cosine schedule, as a fraction"
    )
    gradient_clip: float = Field(
        default=5.0, gt=0, description="gradient norm at which the separator's gradient is clipped; .inf for none"
    )
    ema_decay: float = Field(
        default=0.999,
        ge=0,
        lt=1,
        description="decay of the exponential moving average of the weights, which is validated",
    )
    precision: Literal["auto", "float32", "bf16"] = Field(
        default="auto", description="precision of the separator's layers"
    )
    device: str = Field(default="auto", description="auto, cpu, cuda or mps")

    synthetic: float = Field(default=0.0, ge=0, le=1, description="share of the pairs that are synthetic songs")
    self_boost: SelfBoost = SelfBoost()
    augment: Augment = Augment()
    unpaired_augment: Augment | None = Field(
        default=None, description="augmentation of unpaired excerpts; null for the same as of pairs"
    )
    validation_seconds: float = Field(default=30.0, gt=0, description="length of each validation excerpt, seconds")
    num_workers: int = Field(
        default=0, ge=0, description="number of data loading processes; 0 loads in the training process"
    )
    media: bool = Field(default=True, description="also write spectrograms and audio to TensorBoard")

    def as_settings(self) -> dict[str, Any]:
        """Give every setting as plain values, nested by section."""
        return self.model_dump(mode="json")

    def to_yaml(self) -> str:
        """Write every setting as a file that `read_config` reads, with its meaning beside it."""
        lines = []
        for key, value in self.as_settings().items():
            meaning = type(self).model_fields[key].description
            # JSON is YAML on one line, but for infinity
            text = f"{key}: {json.dumps(value).replace('Infinity', '.inf')}"
            lines.append(f"{text}  # {meaning}" if meaning else text)
        return "\n".join(lines) + "\n"

    def build_separator(self) -> SeparatorModel:
        """Build the separator with fresh weights."""
        return build_separator(self.separator.name, self.separator.arguments, self.separator.preset)

    def build_critic(self, channels: int) -> Critic:
        """Build one critic with fresh weights for a number of audio channels."""
        return build_critic(self.critic.name, {**self.critic.arguments, "channels": channels}, self.critic.preset)

    def build_adversarial_loss(self) -> AdversarialLoss:
        """Build what critics and separator want of each other."""
        chosen = self.adversarial_loss
        return build("adversarial_loss", ADVERSARIAL_LOSSES, chosen.name, chosen.arguments)

    def build_supervised_loss(self) -> nn.Module:
        """Build the loss on pairs."""
        return build("supervised_loss", SUPERVISED_LOSSES, self.supervised_loss.name, self.supervised_loss.arguments)

    def build_additivity_loss(self) -> nn.Module:
        """Build the loss on the estimates' sum."""
        return build("additivity_loss", ADDITIVITY_LOSSES, self.additivity_loss.name, self.additivity_loss.arguments)

    def supervised_inputs(self) -> dict[str, Any]:
        """Everything of this configuration that phase one depends on; see `phase_one_key`."""
        inputs = self.model_dump(exclude=PHASE_TWO_SETTINGS, mode="json")
        inputs["separator"] = {"name": self.separator.name, **self.build_separator().arguments}
        inputs["start_from"] = None if self.start_from is None else weights_fingerprint(Path(self.start_from))
        return inputs


def phase_one_key(config: TrainConfig, data_fingerprint: str, num_processes: int = 1) -> str:
    """Name the supervised phase by everything it depends on, and by nothing else.

    alpha, beta and the critics act in phase two alone, so trainings that differ only there share one phase one.

    Args:
        config: the configuration.
        data_fingerprint: of the data trained and validated on.
        num_processes: data-parallel processes: they change the batch.

    Returns:
        16 hexadecimal digits.
    """
    inputs = {**config.supervised_inputs(), "data": data_fingerprint, "num_processes": num_processes}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def parse_overrides(overrides: Iterable[str]) -> dict[str, Any]:
    """Read `key=value` settings, dots leading into sections.

    Args:
        overrides: such as "alpha=0.01" and "separator.num_layers=5"; values are read as YAML.

    Returns:
        The settings as nested dicts.

    Raises:
        ConfigError: one is not of that form.
    """
    flat: dict[str, Any] = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not all(key.split(".")):
            raise ConfigError(f"{override!r}: write a setting as key=value, such as alpha=0.01")
        flat[key] = number_or_yaml(value)
    return nest(flat)


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings with dotted keys out in sections.

    Args:
        flat: such as {"separator.num_layers": 5}.

    Returns:
        Such as {"separator": {"num_layers": 5}}.

    Raises:
        ConfigError: a key is a value and a section at once.
    """
    settings: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, last = key.split(".")
        section = settings
        for parent in parents:
            section = section.setdefault(parent, {})
            if not isinstance(section, dict):
                raise ConfigError(f"{key}: {parent} is a value already; give it once")
        section[last] = value
    return settings


def number_or_yaml(text: str) -> Any:
    """Read one value: a number in any notation (YAML 1.1 takes 1e-3 for text), else YAML.

    Args:
        text: what stands behind the equals sign.

    Returns:
        A plain value.

    Raises:
        ConfigError: YAML cannot read it.
    """
    if "e" in text.lower():
        with suppress(ValueError):
            return float(text)
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{text!r}: is not a value YAML can read") from error


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over others, section by section.

    A component that gets another name starts anew: the old one's settings do not fit it. Settings without a name are
    kept: they are for whatever name comes.

    Args:
        base: settings.
        changes: settings that win.

    Returns:
        Both together.
    """
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            renamed = "name" in value and "name" in old and value["name"] != old["name"]
            merged[key] = dict(value) if renamed else merge(old, value)
        else:
            merged[key] = value
    return merged


def make_config(*layers: Mapping[str, Any]) -> TrainConfig:
    """Make a configuration from settings laid over the defaults, and check all of it.

    Args:
        layers: settings as nested dicts; later ones win.

    Returns:
        The configuration.

    Raises:
        ConfigError: an unknown key (the message lists near ones) or a value that does not fit.
    """
    settings: dict[str, Any] = TrainConfig().model_dump(mode="json")
    start_from = next((layer["start_from"] for layer in reversed(layers) if "start_from" in layer), None)
    if start_from is not None:
        layers = (_separator_of(start_from), *layers)
    for layer in layers:
        settings = merge(settings, layer)
    if start_from is not None:
        settings["start_from"] = str(Path(str(start_from)).absolute())  # processes may run in other folders
    try:
        config = TrainConfig.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"]]
        if first["type"] == "extra_forbidden":
            if path[0] in _RENAMED:
                raise ConfigError(f"setting {path[0]!r}: is called {_RENAMED[path[0]]} now") from error
            section = SelfBoost if path[0] == "self_boost" and len(path) > 1 else TrainConfig
            raise ConfigError(unknown("setting", path[-1], section.model_fields)) from error
        if first["type"] == "unexpected_keyword_argument":
            sections = {"augment": Augment, "unpaired_augment": Augment, "critic_augment": CriticAugment}
            section_fields = fields(sections[path[0]])
            raise ConfigError(unknown("setting", path[-1], [field.name for field in section_fields])) from error
        raise ConfigError(f"{'.'.join(path)}={first['input']!r}: {first['msg'].lower()}") from error
    # constructors check their own settings
    separator = config.build_separator()
    config.build_critic(separator.channels)
    config.build_adversarial_loss()
    config.build_supervised_loss()
    config.build_additivity_loss()
    if config.accumulate > config.batch_size:
        raise ConfigError(f"accumulate={config.accumulate}: a batch of {config.batch_size} has no more parts")
    if start_from is not None:
        found = read_description(Path(str(start_from)))
        if (found["architecture"], found["arguments"]) != (config.separator.name, _plain(separator.arguments)):
            raise ConfigError(
                f"start_from={start_from}: is another separator than the settings ask for; leave separator.* out"
            )
    return config


def _separator_of(bundle: object) -> dict[str, Any]:
    """Give the settings that describe a bundle's separator."""
    try:
        description = read_description(Path(str(bundle)))
        return {"separator": {"name": description["architecture"], "preset": None, **description["arguments"]}}
    except (ModelError, KeyError, TypeError) as error:
        raise ConfigError(f"start_from={bundle}: is no bundle ({error})") from error


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(arguments))
    return plain


def read_config(path: Path | None) -> dict[str, Any]:
    """Read a configuration file.

    Args:
        path: a YAML file of settings, or None.

    Returns:
        The settings as nested dicts; empty for None.

    Raises:
        ConfigError: the file cannot be read or holds something else.
    """
    if path is None:
        return {}
    try:
        settings = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}: must hold settings as key: value lines, see dssgan train --help")
    return settings
