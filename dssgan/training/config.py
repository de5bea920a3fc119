"""Every setting of a training, with its default, its bounds and its meaning."""

import hashlib
import json
import math
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import nn

from dssgan.adversarial.critic_augment import CriticAugment
from dssgan.adversarial.critics import Critic, build_critic
from dssgan.adversarial.losses import ADVERSARIAL_LOSSES, AdversarialLoss
from dssgan.configurable import build, lookup
from dssgan.data.augment import Augment
from dssgan.errors import ConfigError
from dssgan.inference.device import choose_device, uses_bf16
from dssgan.losses import ADDITIVITY_LOSSES, SUPERVISED_LOSSES
from dssgan.metrics.catalogue import METRICS, Monitored
from dssgan.separators import SeparatorModel, build_separator
from dssgan.separators.loading import find_model


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


class PhaseOne(SettingsGroup):
    """The settings that phase one depends on; phase two uses those that its own section does not replace."""

    seed: int = Field(default=0, ge=0, description="random seed of weights, excerpts and augmentation")
    start_from: str | None = Field(
        default=None, description="bundle or third-party separator to fine-tune; it also defines the separator"
    )
    separator: NamedComponent = NamedComponent(name="tdf_unet", preset="tiny")
    supervised_loss: NamedComponent = NamedComponent(name="snr")

    segment_seconds: float = Field(default=3.0, gt=0, description="length of a training excerpt, seconds")
    batch_size: int = Field(default=4, ge=1, description="excerpts per step and process")
    accumulate: int = Field(default=1, ge=1, description="gradient accumulation: parts per batch")
    steps_per_epoch: int = Field(default=200, ge=1, description="separator steps between two validations")
    epochs: int = Field(default=20, ge=0, description="maximum number of epochs")
    patience: int = Field(default=3, ge=1, description="number of epochs without improvement after which a phase ends")

    optimizer: Literal["adam", "adamw"] = Field(default="adam", description="optimizer of the separator")
    weight_decay: float = Field(default=0.0, ge=0, description="weight decay of the separator")
    learning_rate: float = Field(default=3e-3, gt=0, description="learning rate of the separator")
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

    synthetic: float = Field(default=0.0, ge=0, le=1, description="share of the excerpts' songs that are synthetic")
    synthetic_songs: int = Field(
        default=16, ge=4, description="number of the latest synthetic songs that excerpts are cut from"
    )
    synthetic_drummers: str | None = Field(
        default=None, description="folder of drummers' MIDI files, which the drummers of synthetic songs play"
    )
    synthetic_midi: str | None = Field(
        default=None, description="folder of MIDI files of whole songs that synthetic songs are made of"
    )
    synthetic_written: float = Field(
        default=0.5, ge=0, le=1, description="share of the synthetic songs that are made of synthetic_midi"
    )
    augment: Augment = Augment()
    validation_seconds: float = Field(default=30.0, gt=0, description="length of each validation excerpt, seconds")
    score_rate: int | None = Field(
        default=None, ge=1, description="sample rate at which validations are scored, Hz; null for the separator's own"
    )
    monitor: str = Field(
        default="usdr", description="score that chooses the best epoch: METRIC, METRIC/SOURCE or METRIC/mean"
    )

    @field_validator("monitor")
    @classmethod
    def _known(cls, text: str) -> str:
        Monitored.parse(text)
        return text


class PhaseTwo(SettingsGroup):
    """The settings of phase two alone: trainings that differ only here share one phase one."""

    epochs: int = Field(default=20, ge=0, description="maximum number of epochs; 0 ends the training with phase one")
    init: Literal["warm", "scratch"] = Field(
        default="warm", description="start from phase one's best weights, or from random ones"
    )
    learning_rate: float = Field(default=2e-4, gt=0, description="learning rate of the separator")
    alpha: float = Field(default=0.0, ge=0, description="weight of the adversarial loss; 0 trains without critics")
    alpha_mode: Literal["weight", "gradient_ratio"] = Field(
        default="weight",
        description="alpha is a weight, or the ratio of the adversarial to the supervised gradient norm",
    )
    alpha_ramp_steps: int = Field(default=0, ge=0, description="number of steps over which alpha rises from 0")
    feature_matching: float = Field(
        default=0.0, ge=0, description="weight of feature matching on pairs, within the adversarial loss"
    )
    beta: float = Field(default=0.0, ge=0, description="weight of the additivity loss")
    additivity_loss: NamedComponent = NamedComponent(name="additivity")

    mixit: float = Field(
        default=0.0,
        ge=0,
        description="weight of mixture invariant training on unlabelled mixes",
    )
    consistency: float = Field(
        default=0.0,
        ge=0,
        description="weight of the supervised loss on remixed estimates of unlabelled mixes by the averaged weights",
    )

    critic: NamedComponent = NamedComponent(name="strided", preset="tiny")
    adversarial_loss: NamedComponent = NamedComponent(name="wgan_gp")
    critic_augment: CriticAugment = CriticAugment()
    critic_steps: int = Field(default=5, ge=1, description="critic steps per separator step")
    critic_learning_rate: float = Field(default=1e-4, gt=0, description="learning rate of the critics (Adam)")

    self_boost: SelfBoost = SelfBoost()
    unpaired_augment: Augment | None = Field(
        default=None, description="augmentation of unpaired excerpts; null for the same as of pairs"
    )

    @property
    def judges_mixes(self) -> bool:
        """Whether a loss is taken of what the separator gives for unlabelled mixes, or for two of them."""
        return self.alpha > 0 or self.beta > 0 or self.mixit > 0

    @property
    def learns_from_mixes(self) -> bool:
        """Whether unlabelled mixes are in its steps."""
        return self.judges_mixes or self.consistency > 0

    @property
    def uses_unpaired(self) -> bool:
        """Whether the phase learns from unpaired audio."""
        return self.epochs > 0 and (self.learns_from_mixes or self.self_boost.share > 0)


class TrainConfig(SettingsGroup):
    """Every setting of one training: a section for each phase, and what changes no weight."""

    phase_one: PhaseOne = PhaseOne()
    phase_two: PhaseTwo = PhaseTwo()
    device: str = Field(default="auto", description="auto, cpu, cuda or mps")
    num_workers: int = Field(
        default=0, ge=0, description="number of data loading processes; 0 loads in the training process"
    )
    media: bool = Field(default=True, description="also write spectrograms and audio to TensorBoard")
    keep_checkpoints: int = Field(
        default=2, ge=1, description="number of checkpoints kept: the newest, and those before it in case of damage"
    )
    validation_metrics: tuple[str, ...] = Field(default=(), description="further metrics that validations report")

    @field_validator("validation_metrics")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            lookup("metric", METRICS, name)
        return names

    @property
    def monitored(self) -> Monitored:
        """The score that chooses the best epoch."""
        return Monitored.parse(self.phase_one.monitor)

    @property
    def last_epoch(self) -> int:
        """Position on the epoch axis at which the training ends at the latest."""
        return self.phase_one.epochs + self.phase_two.epochs

    def as_settings(self) -> dict[str, Any]:
        """Return every setting as plain values, nested by section; infinity is the word for it, which JSON can hold."""
        settings: dict[str, Any] = _in_words(self.model_dump(mode="json"))
        return settings

    def to_yaml(self) -> str:
        """Write every setting as a file that `read_config` reads, with its meaning beside it."""
        settings = self.as_settings()
        lines = [
            _yaml_line(key, settings[key], TrainConfig)
            for key in ("device", "num_workers", "media", "keep_checkpoints", "validation_metrics")
        ]
        for name, section in SECTIONS.items():
            lines += [
                "",
                f"{name}:",
                *(f"  {_yaml_line(key, value, section)}" for key, value in settings[name].items()),
            ]
        return "\n".join(lines) + "\n"

    def build_separator(self) -> SeparatorModel:
        """Build the separator with fresh weights."""
        chosen = self.phase_one.separator
        return build_separator(chosen.name, chosen.arguments, chosen.preset)

    def build_critic(self, channels: int) -> Critic:
        """Build one critic with fresh weights for a number of audio channels."""
        chosen = self.phase_two.critic
        return build_critic(chosen.name, {**chosen.arguments, "channels": channels}, chosen.preset)

    def build_adversarial_loss(self) -> AdversarialLoss:
        """Build the losses of critics and separator."""
        chosen = self.phase_two.adversarial_loss
        return build("adversarial_loss", ADVERSARIAL_LOSSES, chosen.name, chosen.arguments)

    def build_supervised_loss(self) -> nn.Module:
        """Build the loss on pairs."""
        chosen = self.phase_one.supervised_loss
        return build("supervised_loss", SUPERVISED_LOSSES, chosen.name, chosen.arguments)

    def build_additivity_loss(self) -> nn.Module:
        """Build the loss on the estimates' sum."""
        chosen = self.phase_two.additivity_loss
        return build("additivity_loss", ADDITIVITY_LOSSES, chosen.name, chosen.arguments)


SECTIONS: dict[str, type[SettingsGroup]] = {"phase_one": PhaseOne, "phase_two": PhaseTwo}


def _yaml_line(key: str, value: Any, section: type[SettingsGroup]) -> str:
    # JSON is YAML on one line
    text = f"{key}: {json.dumps(value)}"
    meaning = section.model_fields[key].description
    return f"{text}  # {meaning}" if meaning else text


def _in_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_words(each) for key, each in value.items()}
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def resolved_precision(config: TrainConfig) -> str:
    """Return the precision that a configuration means on this machine, where "auto" asks the processor.

    Returns:
        "float32" or "bf16"; "auto on DEVICE" where this machine has no such device.
    """
    try:
        device = choose_device(config.device)
    except ConfigError:
        return f"auto on {config.device}" if config.phase_one.precision == "auto" else config.phase_one.precision
    return "bf16" if uses_bf16(config.phase_one.precision, device) else "float32"


def phase_one_key(config: TrainConfig, data_fingerprint: str, num_processes: int = 1) -> str:
    """Name the supervised phase by everything it depends on, and by nothing else.

    That is its section, the data, and what differs between machines: precision, PyTorch and instruments.

    Args:
        config: the configuration.
        data_fingerprint: fingerprint of the data trained and validated on.
        num_processes: data-parallel processes: they change the batch.

    Returns:
        16 hexadecimal digits.
    """
    section = config.phase_one
    inputs = section.model_dump(mode="json")
    # the same separator can be written in several ways
    inputs["separator"] = {"name": section.separator.name, **config.build_separator().arguments}
    inputs["start_from"] = None if section.start_from is None else find_model(section.start_from).fingerprint()
    # another PyTorch rounds otherwise
    inputs |= {"precision": resolved_precision(config), "torch": str(torch.__version__)}
    inputs |= {"data": data_fingerprint, "num_processes": num_processes}
    if section.synthetic > 0:
        from dssgan.synthesis.synthetic_excerpts import find_material, instruments_fingerprint  # looks for instruments

        inputs["instruments"] = instruments_fingerprint()
        # of the files, wherever they are
        inputs |= {"synthetic_drummers": None, "synthetic_midi": None, "material": find_material(section).fingerprint}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
