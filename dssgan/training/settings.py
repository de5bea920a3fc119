"""Settings as people and search spaces write them: merged, and checked as a configuration."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dssgan.adversarial.critic_augment import CriticAugment
from dssgan.data.augment import Augment
from dssgan.errors import ConfigError, ModelError, unknown
from dssgan.plain_json import as_read_back
from dssgan.plain_yaml import load_yaml
from dssgan.separators import SeparatorModel, build_separator
from dssgan.separators.loading import find_model
from dssgan.training.config import SECTIONS, SelfBoost, SettingsGroup, TrainConfig

# A setting that one phase alone has can be written without its section, and these by names of their own.
SHORT_NAMES = {
    **{name: (section, name) for section, group in reversed(SECTIONS.items()) for name in group.model_fields
       if name != "epochs"},
    "supervised_epochs": ("phase_one", "epochs"),
    "adversarial_epochs": ("phase_two", "epochs"),
    "adversarial_learning_rate": ("phase_two", "learning_rate"),
}  # fmt: skip

# Settings of earlier versions, by the names that they had.
_RENAMED = {"hearing": "critic_augment", "alpha_as": "alpha_mode"}


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
    return lay_out(flat)


def lay_out(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Put every setting into its section.

    Args:
        settings: nested, by dotted keys or by short names, such as {"alpha": 0.1, "separator.num_layers": 5}; later
            ones win.

    Returns:
        Nested settings, such as {"phase_two": {"alpha": 0.1}, "phase_one": {"separator": {"num_layers": 5}}}.

    Raises:
        ConfigError: a key is a value and a section at once.
    """
    nested: dict[str, Any] = {}
    for key, value in settings.items():
        first, *rest = str(key).split(".")
        path = [*SHORT_NAMES.get(first, (first,)), *rest]
        section: Any = nested
        for parent in path[:-1]:
            section = section.get(parent, {})
            if not isinstance(section, Mapping):
                raise ConfigError(f"{key}: {parent} is a value already; give it once")
        for part in reversed(path):
            value = {part: value}
        nested = merge(nested, value)
    return nested


def number_or_yaml(text: str) -> Any:
    """Read one value: a number in any notation (YAML 1.1 takes 1e-3 for text), else YAML.

    Args:
        text: the text after the equals sign.

    Returns:
        A plain value.

    Raises:
        ConfigError: YAML cannot read it.
    """
    if "e" in text.lower():
        with suppress(ValueError):
            return float(text)
    try:
        return load_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{text!r}: is not a value YAML can read") from error


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over others, section by section.

    A component that gets another name starts anew: the old one's settings do not fit it. Settings without a name are
    kept: they apply to any name.

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
    """Make a configuration from the defaults and given settings, and check all of it.

    Args:
        layers: settings as nested dicts; later ones win.

    Returns:
        The configuration.

    Raises:
        ConfigError: an unknown key (the message lists near ones) or a value that does not fit.
    """
    settings: dict[str, Any] = TrainConfig().as_settings()
    layers = tuple(lay_out(layer) for layer in layers)
    given = (layer["phase_one"] for layer in reversed(layers) if isinstance(layer.get("phase_one"), Mapping))
    start_from = next((section["start_from"] for section in given if "start_from" in section), None)
    described: tuple[str, dict[str, Any]] | None = None
    if start_from is not None:
        reference, described = _describe(start_from)
        separator_settings = {"name": described[0], "preset": None, **described[1]}
        # processes may run in other folders
        layers = (lay_out({"separator": separator_settings}), *layers, {"phase_one": {"start_from": reference}})
    for layer in layers:
        settings = merge(settings, layer)
    try:
        config = TrainConfig.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(_explain(error.errors()[0])) from error
    # constructors check their own settings
    separator = config.build_separator()
    config.build_critic(separator.channels)
    config.build_adversarial_loss()
    config.build_supervised_loss()
    config.build_additivity_loss()
    first = config.phase_one
    if first.accumulate > first.batch_size:
        raise ConfigError(f"accumulate={first.accumulate}: a batch of {first.batch_size} has no more parts")
    if config.phase_two.consistency > 0 and first.batch_size < 2:
        raise ConfigError(
            f"consistency={config.phase_two.consistency}: remixes the excerpts of a batch; set batch_size=2 or more"
        )
    if config.phase_two.mixit > 0:
        _check_mixit(config, separator)
    if described is not None and not _is_described(first.separator.name, separator, described):
        raise ConfigError(
            f"start_from={start_from}: is another separator than the settings ask for; leave separator.* out"
        )
    return config


def _is_described(name: str, separator: SeparatorModel, described: tuple[str, dict[str, Any]]) -> bool:
    if described == (name, as_read_back(separator.arguments)):
        return True
    # a bundle of an earlier version names no arguments that came later; it has their defaults
    return name == described[0] and separator.arguments == build_separator(*described).arguments


def _check_mixit(config: TrainConfig, separator: SeparatorModel) -> None:
    mixit = f"mixit={config.phase_two.mixit}"
    if getattr(separator, "slots", 1) < 2:
        raise ConfigError(f"{mixit}: needs a separator with more estimates than sources; set separator.slots=2")
    if config.phase_two.alpha > 0:
        raise ConfigError(f"{mixit}: critics would judge mixtures of two songs; set alpha=0 or mixit=0")
    if config.phase_one.batch_size < 2:
        raise ConfigError(f"{mixit}: mixes the excerpts of a batch; set batch_size=2 or more")


def _explain(error: ErrorDetails) -> str:
    """Return one line on which setting is wrong and why."""
    *parents, last = (str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        if last in _RENAMED:
            return f"setting {last!r}: is called {_RENAMED[last]} now"
        if not parents:
            return unknown("setting", last, [*SHORT_NAMES, *TrainConfig.model_fields])
        if parents[-1] in SECTIONS and last in SHORT_NAMES:
            return f"setting {last!r}: belongs to {SHORT_NAMES[last][0]}, not to {parents[-1]}"
        groups: dict[str, type[SettingsGroup]] = {**SECTIONS, "self_boost": SelfBoost}
        return unknown("setting", last, groups[parents[-1]].model_fields)
    if error["type"] == "unexpected_keyword_argument":
        group = {"augment": Augment, "unpaired_augment": Augment, "critic_augment": CriticAugment}[parents[-1]]
        return unknown("setting", last, [field.name for field in fields(group)])
    return f"{'.'.join([*parents, last])}={error['input']!r}: {error['msg'].lower()}"


def _describe(start_from: object) -> tuple[str, tuple[str, dict[str, Any]]]:
    """Return the reference of the separator to start from, and its architecture with its settings."""
    try:
        found = find_model(str(start_from))
    except ModelError as error:
        raise ConfigError(f"start_from={start_from}: {str(error).removeprefix(f'{start_from}: ')}") from error
    try:
        return found.reference, found.describe()
    except (ModelError, KeyError, TypeError) as error:
        raise ConfigError(f"start_from={start_from}: cannot be trained further ({error})") from error


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
        settings = load_yaml(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}: must hold settings as key: value lines, see dssgan train --help")
    return lay_out(settings)
