"""Checkpoints of Music-Source-Separation-Training's family: BS-RoFormer, Mel-Band RoFormer, SCNet and MDX23C.

pymss-core has the networks; a YAML file beside the weights names their network.
"""

import math
import re
from pathlib import Path
from typing import Any, ClassVar

import torch
import yaml
from torch import Tensor
from torch.nn import functional

from dssgan.errors import ConfigError, ModelError, unknown
from dssgan.extras import import_from
from dssgan.plain_yaml import PlainLoader, load_yaml
from dssgan.separators.base import SeparatorModel
from dssgan.separators.external.family import (
    Family,
    build_network,
    level_of,
    load_weights,
    read_checkpoint,
    require_drums,
)
from dssgan.separators.two_stems import one_and_rest
from dssgan.types import DRUMS, OTHER

_MODULES = "pymss_core.modules"
# kind -> module and class of the network
_NETWORKS = {
    "bs_roformer": ("bs_roformer", "BSRoformer"),
    "mel_band_roformer": ("bs_roformer", "MelBandRoformer"),
    "scnet": ("scnet", "SCNet"),
    "mdx23c": ("mdx23c_tfc_tdf_v3", "TFC_TDF_net"),
}
_SUFFIXES = (".ckpt", ".safetensors", ".pth", ".pt", ".th", ".chpt")
_LABELS = ("type", "model_type", "architecture")  # beside a network's settings, and none of them
_STATES = ("state", "state_dict", "model_state_dict")


class MSST(SeparatorModel):
    """A network of the family.

    Args:
        kind: "bs_roformer", "mel_band_roformer", "scnet" or "mdx23c".
        settings: the YAML file's sections `audio`, `model`, `training` and `inference`, as far as they matter.
        sources: names of the estimates: drums, and everything else.
    """

    def __init__(self, kind: str, settings: dict[str, Any], sources: tuple[str, ...] = (DRUMS, OTHER)) -> None:
        if kind not in _NETWORKS:
            raise ConfigError(unknown("network", kind, _NETWORKS))
        if tuple(sources) != (DRUMS, OTHER):
            raise ConfigError("msst: has the sources drums and other")
        audio, training = settings.get("audio", {}), settings.get("training", {})
        target = training.get("target_instrument")
        instruments = [str(name) for name in ([target] if target else training.get("instruments", []))]
        drums = require_drums(f"msst {kind}", instruments)
        chunk_samples = int(audio.get("chunk_size", 0))
        if chunk_samples < 1:
            raise ConfigError("msst: the YAML file has no audio.chunk_size, the length of an excerpt in samples")
        super().__init__(tuple(sources), int(audio.get("sample_rate", 44100)), int(audio.get("num_channels", 2)))
        self.kind, self.settings, self.drums = kind, settings, drums
        self.chunk_samples = chunk_samples
        self.segment_seconds = chunk_samples / self.sample_rate
        self.normalise = bool(settings.get("inference", {}).get("normalize", training.get("normalize", False)))
        self.network = _build(kind, settings)

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        num_samples = mix.shape[-1]
        mean, std = level_of(mix) if self.normalise else (mix.new_zeros(1, 1, 1), mix.new_ones(1, 1, 1))
        padded = functional.pad((mix - mean) / std, (0, self._wanted(num_samples) - num_samples))
        estimates = self.network(padded).float()
        if estimates.ndim == 3:  # one target
            estimates = estimates[:, None]
        estimates = estimates[..., :num_samples] * std[:, None] + mean[:, None]
        if estimates.shape[1] == 1:
            return torch.cat([estimates, mix[:, None] - estimates], dim=1)
        return one_and_rest(estimates, self.drums)

    def _wanted(self, num_samples: int) -> int:
        """Return a length that the network accepts: that of its excerpts, or a longer one that fits its transform."""
        if num_samples <= self.chunk_samples:
            return self.chunk_samples
        model, audio = self.settings["model"], self.settings["audio"]
        if self.kind == "mdx23c":  # its frames are halved at each scale
            hop, step = int(audio["hop_length"]), int(model["scale"][-1]) ** int(model["num_scales"])
            return int(hop * (math.ceil((num_samples / hop + 1) / step) * step - 1))
        hop = int(model.get("stft_hop_length", 1))
        return math.ceil(num_samples / hop) * hop


def _build(kind: str, settings: dict[str, Any]) -> torch.nn.Module:
    module_name, class_name = _NETWORKS[kind]
    network = getattr(import_from(f"{_MODULES}.{module_name}", "msst"), class_name)
    if kind == "mdx23c":
        return build_network(
            f"msst {kind}", network, {"config": import_from("pymss_core", "msst").to_attrdict(settings)}
        )
    arguments = {key: value for key, value in settings.get("model", {}).items() if key not in _LABELS}
    tuples = {key: tuple(value) if isinstance(value, list) and key.startswith("freqs") else value
              for key, value in arguments.items()}  # fmt: skip
    return build_network(f"msst {kind}", network, tuples)


class MSSTFamily(Family):
    """Checkpoints with their YAML file."""

    name: ClassVar[str] = "msst"
    about: ClassVar[str] = "BS-RoFormer, Mel-Band RoFormer, SCNet and MDX23C, with their YAML file"
    takes: ClassVar[str] = "a .ckpt or .safetensors file with its .yaml beside it, or a folder with the two"
    extra: ClassVar[str | None] = "msst"
    packages: ClassVar[tuple[str, ...]] = ("pymss_core",)

    def load(self, path: Path) -> SeparatorModel:
        """Load a checkpoint."""
        weights, description = _pair(path)
        settings = _read_yaml(description)
        kind = _kind(description, settings)
        sections = ("audio", "model", "training", "inference")
        wanted: dict[str, Any] = {key: settings[key] for key in sections if key in settings}
        training = wanted.get("training") or {}
        wanted["training"] = {
            key: training[key] for key in ("instruments", "target_instrument", "normalize") if key in training
        }
        try:
            model = MSST(kind, wanted)
        except (ConfigError, ModelError, TypeError, ValueError) as error:
            raise ModelError(f"{description}: {error}") from error
        state = read_checkpoint(weights)
        for key in _STATES:
            if isinstance(state, dict) and key in state:
                state = state[key]
        load_weights(f"{weights} (by {description.name})", model.network, state)
        return model.eval()

    def files(self, path: Path) -> list[Path]:
        """List the weights and the YAML file."""
        return list(_pair(path))


def _pair(path: Path) -> tuple[Path, Path]:
    """Return a checkpoint's weights and its YAML file."""
    folder = path if path.is_dir() else path.parent
    if path.is_dir():
        found = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES)
        if len(found) != 1:
            raise ModelError(f"{folder}: holds {len(found)} checkpoints; name one")
        path = found[0]
    beside = [path.with_suffix(suffix) for suffix in (".yaml", ".yml") if path.with_suffix(suffix).exists()]
    if not beside:
        beside = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    if len(beside) != 1:
        raise ModelError(f"{path}: its YAML file is missing; put it beside the weights as {path.stem}.yaml")
    return path, beside[0]


def _kind(file: Path, settings: dict[str, Any]) -> str:
    package = import_from("pymss_core", "msst")
    try:
        kind = str(package.detect_model_type(settings))
    except package.ModelTypeDetectionError as error:
        raise ModelError(f"{file}: does not name the network that it describes ({error})") from error
    if kind not in _NETWORKS:
        raise ModelError(f"{file}: describes a {kind}, which is none of {', '.join(_NETWORKS)}")
    return kind


class _Loader(PlainLoader):
    """Plain YAML, with the tuples and the numbers such as 1e-4 that these files hold."""


_Loader.add_constructor(
    "tag:yaml.org,2002:python/tuple",
    lambda loader, node: loader.construct_sequence(node),  # type: ignore[arg-type]
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        settings = load_yaml(file.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ModelError(f"{file}: cannot be read as YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(settings, dict) or not isinstance(settings.get("model"), dict):
        raise ModelError(f"{file}: does not describe a network; give the YAML file that came with the weights")
    return settings
