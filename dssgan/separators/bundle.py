"""A trained separator as a folder: `model.json` describes it, `weights.safetensors` holds its weights.

It loads without the configuration it was trained with, and loading runs no code from the folder.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch.overrides import TorchFunctionMode

from dssgan.atomic import replacing_folder
from dssgan.data.seen_recordings import FILE, SeenRecordings
from dssgan.errors import ConfigError, ModelError, WriteError
from dssgan.plain_json import to_json
from dssgan.separators import build_separator
from dssgan.separators.base import SeparatorModel

FORMAT = 1
RECORDED = "learnt_from"  # whether a record of what it learnt from belongs to the bundle


def save_bundle(
    folder: Path,
    architecture: str,
    model: SeparatorModel,
    *,
    metadata: Mapping[str, Any],
    learnt_from: SeenRecordings | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a separator as a bundle, whole or not at all.

    Args:
        folder: the bundle's folder; what is there is replaced.
        architecture: the separator's name in `SEPARATORS`.
        model: the separator.
        metadata: what else to record: data fingerprints, licence of the data, validation scores, parents, seeds.
        learnt_from: the recordings it learnt from or was chosen by; None where it learnt from none.
        dtype: type of the stored weights; float16 halves the file. A loaded separator computes in float32 whatever it
            is.

    Raises:
        WriteError: the folder cannot be written.
    """
    weights = {name: value.detach().to("cpu", dtype).contiguous() for name, value in model.state_dict().items()}
    description = {
        "format": FORMAT,
        "architecture": architecture,
        "arguments": model.arguments,
        "sources": model.sources,
        "sample_rate": model.sample_rate,
        "channels": model.channels,
        "num_parameters": sum(value.numel() for value in weights.values()),
        RECORDED: learnt_from is not None,
        **metadata,
    }
    with replacing_folder(folder) as temporary:
        try:
            save_file(weights, temporary / "weights.safetensors")
            if learnt_from is not None:
                learnt_from.save(temporary)
        except SafetensorError as error:  # what safetensors raises on a full disk
            raise WriteError(f"{folder}: cannot be written; make space or choose another place") from error
        (temporary / "model.json").write_text(to_json(description, indent=2) + "\n", encoding="utf-8")


def read_learnt_from(folder: Path) -> SeenRecordings:
    """Read what a bundle learnt from.

    Args:
        folder: the bundle's folder.

    Returns:
        The record; an empty one for a separator that learnt from nothing.

    Raises:
        ModelError: it is not a bundle, or its record is missing or damaged.
    """
    if (folder / FILE).exists() or read_description(folder).get(RECORDED, True):
        return SeenRecordings.load(folder)
    return SeenRecordings()


def is_bundle(folder: Path) -> bool:
    """Return whether a folder is a bundle, by the file that describes it."""
    return (folder / "model.json").is_file()


def read_description(folder: Path) -> dict[str, Any]:
    """Read the description of a bundle.

    Args:
        folder: the bundle's folder.

    Returns:
        The content of its `model.json`.

    Raises:
        ModelError: it is not a bundle, or not one this version reads.
    """
    file = Path(folder) / "model.json"
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{folder}: holds no model.json, so it is no bundle; give another folder") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: cannot be read ({error}); copy the bundle again") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ModelError(f"{file}: is not a bundle of format {FORMAT}; a newer dssgan may have written it")
    return description


def weights_fingerprint(folder: Path) -> str:
    """Hash a bundle's weights.

    Args:
        folder: the bundle's folder.

    Returns:
        SHA-256, 64 hexadecimal digits.

    Raises:
        ModelError: the file is missing or cannot be read.
    """
    try:
        with (Path(folder) / "weights.safetensors").open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{folder}: its weights cannot be read ({error.strerror}); copy the bundle again") from error


class _WithoutValues(TorchFunctionMode):
    """Leave random initialisation out, for tensors on the meta device hold nothing.

    There PyTorch would import its compiler for it, which takes seconds and 80 MiB.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.__name__ in ("normal_", "uniform_", "trunc_normal_"):
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def load_bundle(folder: Path) -> SeparatorModel:
    """Load a separator from its bundle.

    Shapes are compared before anything is allocated, so a bundle that lies about its size costs nothing.

    Args:
        folder: the bundle's folder.

    Returns:
        The separator, in evaluation mode, on the CPU.

    Raises:
        ModelError: a file is missing or damaged, or the weights do not fit the architecture.
    """
    folder = Path(folder)
    description = read_description(folder)
    file = folder / "weights.safetensors"
    try:
        name, arguments = description["architecture"], description["arguments"]
        with torch.device("meta"), _WithoutValues():
            expected = {key: list(value.shape) for key, value in build_separator(name, arguments).state_dict().items()}
        with safe_open(file, framework="pt") as weights:
            found = {key: weights.get_slice(key).get_shape() for key in weights.keys()}  # noqa: SIM118
        if expected != found:
            raise ModelError(f"{file}: these weights do not fit {folder / 'model.json'}; copy the bundle again")
        model = build_separator(name, arguments)
        model.load_state_dict(load_file(file))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{file}: missing or damaged ({error}); copy the bundle again") from error
    except (ConfigError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{folder / 'model.json'}: cannot be built ({error}); copy the bundle again") from error
    return model.eval()
