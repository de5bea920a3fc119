"""Separators of Demucs (github.com/adefossez/demucs): Demucs, Hybrid Demucs and Hybrid Transformer Demucs, and bags."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional

from dssgan.errors import ConfigError, ModelError
from dssgan.extras import import_from
from dssgan.plain_yaml import load_yaml
from dssgan.separators.base import SeparatorModel
from dssgan.separators.external.download import RemoteFile
from dssgan.separators.external.family import (
    Family,
    KnownModel,
    build_network,
    level_of,
    load_weights,
    read_checkpoint,
    read_metadata,
    require_drums,
)
from dssgan.separators.two_stems import one_and_rest
from dssgan.types import DRUMS, OTHER

# class -> module of the package that has it; nothing else is made from a checkpoint
_NETWORKS = {"Demucs": "demucs.demucs", "HDemucs": "demucs.hdemucs", "HTDemucs": "demucs.htdemucs"}
_SUFFIXES = (".safetensors", ".th")


class Demucs(SeparatorModel):
    """One or several networks of Demucs, whose estimates are averaged source by source.

    Each excerpt is normalised to mean 0 and standard deviation 1 first, as Demucs does with whole songs.

    Args:
        networks: for each network its class, as "kind", and the settings of its constructor; lengths in seconds may be
            fractions such as "39/5".
        weights: what each network counts for each of its sources; None for the same.
        segment_seconds: length of the excerpts that it is run on; None for the networks' own.
        sources: names of the estimates: drums, and everything else.
    """

    def __init__(
        self,
        networks: list[dict[str, Any]],
        weights: list[list[float]] | None = None,
        segment_seconds: float | None = None,
        sources: tuple[str, ...] = (DRUMS, OTHER),
    ) -> None:
        built = [_build(settings) for settings in networks]
        if not built or tuple(sources) != (DRUMS, OTHER):
            raise ConfigError("demucs: needs at least one network, and the sources drums and other")
        first = built[0]
        for other in built:
            for quality in ("sources", "samplerate", "audio_channels"):
                if getattr(other, quality) != getattr(first, quality):
                    raise ModelError(f"demucs: the networks of a bag differ in {quality}; take one of them out")
        super().__init__(tuple(sources), first.samplerate, first.audio_channels)
        self.networks, self.weights = networks, weights
        self.inner = nn.ModuleList(built)
        self.drums = require_drums("demucs", first.sources)
        rows = [[1.0] * len(first.sources) for _ in built] if weights is None else weights
        totals = [sum(column) for column in zip(*rows, strict=False)]
        if [len(row) for row in rows] != [len(first.sources)] * len(built) or min(totals) <= 0:
            raise ConfigError("demucs: weights need a row a network, with a number a source, none of them all zero")
        shares = [[share / total for share, total in zip(row, totals, strict=True)] for row in rows]
        self.register_buffer("shares", torch.tensor(shares), persistent=False)
        limits = [float(network.segment) for network in built if _is_transformer(network)]
        self.max_segment_seconds = min(limits, default=None)
        own = min(float(network.segment) for network in built)
        self.segment_seconds = min([segment_seconds or own, *limits])

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        mean, std = level_of(mix)
        estimates = self._average((mix - mean) / std) * std[:, None] + mean[:, None]
        return one_and_rest(estimates, self.drums)

    def _average(self, mix: Tensor) -> Tensor:
        total: Tensor | None = None
        for network, share in zip(self.inner, self.shares, strict=True):  # type: ignore[arg-type]
            estimates = _run(network, mix) * share[:, None, None]
            total = estimates if total is None else total + estimates
        assert total is not None
        return total


def _run(network: Any, mix: Tensor) -> Tensor:
    """Run a network on an excerpt padded on both sides to a length it takes, as Demucs does."""
    length = mix.shape[-1]
    if _is_transformer(network):
        # in training its segment has the length of the excerpt
        wanted = length if network.training else max(length, int(network.segment * network.samplerate))
    elif hasattr(network, "valid_length"):
        wanted = network.valid_length(length)
    else:
        wanted = length
    left = (wanted - length) // 2
    padded = functional.pad(mix, (left, wanted - length - left))
    estimates: Tensor = network(padded)
    # a network's own padding may leave some samples more
    start = (estimates.shape[-1] - length) // 2
    return estimates[..., start : start + length].float()


def _is_transformer(network: Any) -> bool:
    return type(network).__name__ == "HTDemucs"


def _class_of(kind: str) -> Any:
    return getattr(import_from(_NETWORKS[kind], "demucs"), kind)


def _build(settings: dict[str, Any]) -> Any:
    kind = settings.get("kind")
    if kind not in _NETWORKS:
        raise ConfigError(f"demucs: has no network {kind!r}; choose one of {', '.join(_NETWORKS)}")
    arguments = {key: value for key, value in settings.items() if key != "kind"}
    if isinstance(arguments.get("segment"), str):
        arguments["segment"] = Fraction(arguments["segment"])
    return build_network(f"demucs {kind}", _class_of(kind), arguments)


def _hub(name: str, repository: str, *signatures: str) -> tuple[RemoteFile, ...]:
    root = f"https://huggingface.co/adefossez/{repository}/resolve/main"
    names = [f"{name}.yaml", *(f"{signature}.safetensors" for signature in signatures)]
    return tuple(RemoteFile(f"{root}/{file}", file) for file in names)


_LICENCE = (
    "MIT by the model card of 2026; its author wrote before that the weights are for research "
    "(github.com/facebookresearch/demucs/issues/327 and 508)"
)
_MUSDB = "MUSDB18-HQ (research and education)"


class DemucsFamily(Family):
    """Checkpoints of Demucs 3 and 4."""

    name: ClassVar[str] = "demucs"
    about: ClassVar[str] = "Demucs 3 and 4 (hybrid, hybrid transformer), bags included"
    takes: ClassVar[str] = "a .th or .safetensors file, or a folder with a bag's YAML file"
    extra: ClassVar[str | None] = "demucs"
    packages: ClassVar[tuple[str, ...]] = ("demucs",)
    known: ClassVar[dict[str, KnownModel]] = {
        "htdemucs": KnownModel(
            "hybrid transformer", _hub("htdemucs", "HTDemucs", "955717e8"), _LICENCE,
            f"{_MUSDB} and 800 songs that are not published",
        ),
        "htdemucs_ft": KnownModel(
            "the same, fine-tuned for each source: four networks",
            _hub("htdemucs_ft", "HTDemucs-ft", "f7e0c4bc", "d12395a8", "92cfc3b6", "04573f0d"), _LICENCE,
            f"{_MUSDB} and 800 songs that are not published",
        ),
        "htdemucs_6s": KnownModel(
            "hybrid transformer, with piano and guitar", _hub("htdemucs_6s", "HTDemucs-6s", "5c90dfd2"), _LICENCE,
            f"{_MUSDB} and songs that are not published",
        ),
        "hdemucs_mmi": KnownModel(
            "hybrid, version 3", _hub("hdemucs_mmi", "Demucs-hdemucs_mmi", "75fc33f5"), _LICENCE,
            f"{_MUSDB} and 800 songs that are not published",
        ),
    }  # fmt: skip

    def load(self, path: Path) -> SeparatorModel:
        """Load a checkpoint, or a folder with a bag or with one checkpoint."""
        files, weights, segment = _bag(path) if path.is_dir() else ([path], None, None)
        packages = [_read(file) for file in files]
        model = Demucs([settings for settings, _ in packages], weights, segment)
        for file, inner, (_, state) in zip(files, model.inner, packages, strict=True):
            load_weights(str(file), inner, state)
        return model.eval()


def _bag(folder: Path) -> tuple[list[Path], list[list[float]] | None, float | None]:
    """Return a folder's checkpoints, with the weight of each and their segment."""
    descriptions = sorted(folder.glob("*.yaml"))
    checkpoints = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES)
    if len(descriptions) > 1 or (not descriptions and len(checkpoints) != 1):
        raise ModelError(
            f"{folder}: holds {len(descriptions)} bags and {len(checkpoints)} checkpoints; name one "
            "checkpoint, or keep one bag's YAML file there"
        )
    if not descriptions:
        return checkpoints, None, None
    try:
        bag = load_yaml(descriptions[0].read_text(encoding="utf-8"))
        signatures = [str(signature) for signature in bag["models"]]
        weights, segment = bag.get("weights"), bag.get("segment")
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{descriptions[0]}: is no bag of Demucs ({error})") from error
    files = []
    for signature in signatures:
        # Demucs names a checkpoint by its signature, and may add its hash
        matching = [file for file in checkpoints if file.stem.split("-")[0] == signature]
        if len(matching) != 1:
            raise ModelError(f"{folder}: holds {len(matching)} checkpoints of {signature}, a part of the bag; keep one")
        files += matching
    return files, weights, segment


def _read(file: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a network's class and settings, and its weights."""
    if file.suffix == ".safetensors":
        metadata = read_metadata(file)
        try:
            kind = metadata["klass"].rsplit(".", 1)[-1]
            arguments, positional = (json.loads(metadata[key], object_hook=_fraction) for key in ("kwargs", "args"))
        except (KeyError, ValueError) as error:
            raise ModelError(f"{file}: does not name the network of Demucs that it holds ({error})") from error
        if "structure" in metadata:
            raise ModelError(f"{file}: is quantised, which needs code from the file; use the model that is not")
        state = read_checkpoint(file)
    else:
        package = read_checkpoint(file, [*map(_class_of, _NETWORKS), Fraction])
        try:
            kind, positional = package["klass"].__name__, list(package["args"])
            arguments, state = dict(package["kwargs"]), package["state"]
        except (KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{file}: is no checkpoint of Demucs ({error})") from error
        if "__quantized" in state:
            raise ModelError(f"{file}: is quantised, which needs code from the file; use the model that is not")
    if kind not in _NETWORKS:
        raise ModelError(f"{file}: holds a {kind}, which is none of {', '.join(_NETWORKS)}")
    if positional:  # the first parameter of each of them
        arguments["sources"] = positional[0]
    return {"kind": kind, **_plain(arguments)}, {name: value.float() for name, value in state.items()}


def _fraction(value: dict[str, Any]) -> Any:
    """Read the fractions in a file's JSON."""
    return Fraction(value["numerator"], value["denominator"]) if value.get("_type") == "fraction" else value


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        key: f"{value.numerator}/{value.denominator}" if isinstance(value, Fraction) else value
        for key, value in arguments.items()
    }
