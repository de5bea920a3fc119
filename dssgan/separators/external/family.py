"""The base class of third-party families, and reading of their checkpoints without running code from them."""

import importlib.util
import pickle
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from dssgan.errors import ModelError, unknown
from dssgan.separators.base import SeparatorModel
from dssgan.separators.external.download import RemoteFile, obtain
from dssgan.separators.graphs.export_record import ExportRecord
from dssgan.types import DRUMS
from dssgan.user_cache import cache_folder

_STD_FLOOR = 1e-8


@dataclass(frozen=True)
class KnownModel:
    """A model that can be had by name.

    Args:
        about: what it is, in a few words.
        files: what has to be downloaded.
        licence: licence of the weights, as their source states it.
        data: what it learnt from, with its terms, as far as that is known.
    """

    about: str
    files: tuple[RemoteFile, ...]
    licence: str
    data: str

    @property
    def terms(self) -> str:
        """The licences of the weights and of what they learnt from, in one line."""
        return f"weights: {self.licence}; learnt from: {self.data}"


class Family(ABC):
    """Separators that another program made, all loaded in one way.

    Attributes:
        name: the text before the colon of a reference.
        about: what the family is.
        takes: what may follow the colon beside a known name; empty where nothing may.
        extra: extra of dssgan that installs `packages`; None where nothing more is needed.
        packages: modules that must be importable.
        known: models by name.
        is_copied: whether an ensemble keeps copies of its files.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    takes: ClassVar[str]
    extra: ClassVar[str | None] = None
    packages: ClassVar[tuple[str, ...]] = ()
    known: ClassVar[Mapping[str, KnownModel]] = {}
    is_copied: ClassVar[bool] = True

    @property
    def needs(self) -> str | None:
        """The command that installs what is missing; None where all is there."""
        if all(importlib.util.find_spec(package) is not None for package in self.packages):
            return None
        return f"pip install 'dssgan[{self.extra}]'"

    def cached(self, name: str) -> Path:
        """Return the folder that a known model is downloaded into."""
        return cache_folder("models") / self.name / name

    def find(self, name: str, beside: Path) -> Path:
        """Return the file or folder of a model, after downloading one that is known by name.

        Args:
            name: the text after the colon.
            beside: folder that a relative path counts from.

        Raises:
            ModelError: there is no such model, it cannot be downloaded, or a package is missing.
        """
        if self.needs is not None:
            raise ModelError(f"{self.name}:{name}: needs more packages; {self.needs}")
        if name in self.known:
            obtain(f"{self.name}:{name}", self.known[name].files, self.cached(name))
            return self.cached(name)
        path = beside / name
        if not path.exists():
            hint = unknown(f"{self.name} model", name, self.known) if self.known else f"{path}: there is no such file"
            raise ModelError(f"{hint}; or give {self.takes}")
        return path

    @abstractmethod
    def load(self, path: Path) -> SeparatorModel:
        """Load a model from its file or folder.

        Raises:
            ModelError: it cannot be loaded; the message names it.
        """

    def record(self, path: Path) -> ExportRecord | None:  # noqa: ARG002
        """Read what dssgan has written into a model of where it comes from; None for third-party models.

        Args:
            path: path of the model.

        Raises:
            ModelError: dssgan has written the model, and the record is missing or damaged.
        """
        return None

    def files(self, path: Path) -> list[Path]:
        """List the files that make up what a model computes."""
        return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def level_of(mix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and standard deviation of all channels of a mix, by which many networks normalise their input.

    Args:
        mix: (batch, channels, samples).

    Returns:
        Both (batch, 1, 1), the deviation above 0.
    """
    mono = mix.mean(dim=1, keepdim=True)
    # a single sample has no deviation
    return mono.mean(dim=-1, keepdim=True), mono.std(dim=-1, keepdim=True).nan_to_num() + _STD_FLOOR


def require_drums(what: str, sources: Sequence[str]) -> int:
    """Return the index of the drums among a network's sources.

    Raises:
        ModelError: it has none.
    """
    lowered = [source.lower() for source in sources]
    if DRUMS not in lowered:
        raise ModelError(f"{what}: separates {', '.join(sources)}, and no drums; choose another model")
    return lowered.index(DRUMS)


def read_checkpoint(path: Path, admitted: Sequence[Any] = ()) -> Any:
    """Read a checkpoint that anybody may have written; nothing in it is run.

    Args:
        path: a .safetensors file, or one that torch.save wrote.
        admitted: classes that it may name beside tensors and plain values.

    Returns:
        Its content; of a .safetensors file the tensors by name.

    Raises:
        ModelError: it is damaged, or it is a pickle that would run code or make objects of other classes.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(list(admitted)):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path}: is refused, for loading it could run code ({_reason(error)})") from error
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"{path}: missing or damaged ({_reason(error)}); copy or download it again") from error


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a .safetensors file.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: missing or damaged ({_reason(error)}); copy or download it again") from error


def load_weights(what: str, network: torch.nn.Module, weights: Any) -> None:
    """Load weights into a network.

    Raises:
        ModelError: they are of another network.
    """
    try:
        network.load_state_dict(weights)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise ModelError(f"{what}: holds the weights of another network ({_reason(error)})") from error


def build_network(what: str, make: Any, settings: Mapping[str, Any]) -> torch.nn.Module:
    """Build a network of another package from settings that anybody may have written.

    Raises:
        ModelError: the settings do not fit it.
    """
    try:
        network: torch.nn.Module = make(**settings)
    except Exception as error:  # another package's constructor may raise anything
        raise ModelError(f"{what}: no network can be built from its settings ({_reason(error)})") from error
    return network


def _reason(error: Exception) -> str:
    """Return the message of an error on one line, at most 200 characters long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200].rstrip(".")
