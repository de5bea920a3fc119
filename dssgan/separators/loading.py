"""Models by path or by name."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from dssgan.data.learnt_from import LearntFrom
from dssgan.errors import ConfigError, ModelError, unknown
from dssgan.separators.base import SeparatorModel
from dssgan.separators.bundle import is_bundle, load_bundle, read_description, weights_fingerprint
from dssgan.separators.ensemble import Ensemble, Recipe


def shipped_ensembles() -> dict[str, Path]:
    """List the ensembles that come with dssgan, by name."""
    package = Path(__file__).parents[1]
    folders = (package / "shipped" / "ensembles", package.parent / "ensembles")  # in a wheel, in a checkout
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_model(reference: str | Path) -> Path:
    """Find a model without loading it.

    Args:
        reference: as `load_model` takes it.

    Returns:
        A bundle's folder or an ensemble's file.

    Raises:
        ModelError: there is no such model.
    """
    shipped = shipped_ensembles()
    path = shipped.get(str(reference), Path(reference))
    if path.exists():
        return path
    if path.name == str(reference) and not path.suffix:
        raise ModelError(f"{unknown('model', str(reference), shipped or ['(none is shipped)'])}, or give a path")
    raise ModelError(
        f"{path}: there is no such model; give a bundle's folder, an ensemble's file, "
        f"or one of the shipped: {', '.join(shipped) or 'none'}"
    )


def bundles_of(reference: str | Path) -> list[Path]:
    """Find the bundles that a model is made of, and the folders beside ensembles' files.

    Args:
        reference: as `load_model` takes it.

    Returns:
        Their folders: one for a bundle; for an ensemble its members' and its own, where it has one.

    Raises:
        ModelError: there is no such model, or an ensemble's file cannot be read.
    """
    path = find_model(reference)
    if path.is_dir():
        return [path]
    found = [path.with_suffix("")] if path.with_suffix("").is_dir() else []
    try:
        for member in yaml.safe_load(path.read_text(encoding="utf-8"))["members"]:
            found += bundles_of(path.parent / member)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: cannot be read as an ensemble ({error})") from error
    except RecursionError as error:
        raise ModelError(f"{path}: its members lead back to itself; take one of them out") from error
    return found


def learnt_from(reference: str | Path) -> LearntFrom:
    """Give the recordings that a model and all its members learnt from or were chosen by.

    Args:
        reference: as `load_model` takes it.

    Returns:
        What its bundles record; nothing for those of earlier versions.

    Raises:
        ModelError: there is no such model, or a record is damaged.
    """
    total = LearntFrom()
    for folder in bundles_of(reference):
        total = total + LearntFrom.load(folder)
    return total


def origins(reference: str | Path) -> list[dict[str, Any]]:
    """Give what a model's bundles record of the data they learnt from, with that of their parents.

    Args:
        reference: as `load_model` takes it.

    Returns:
        For each the data set's name, fingerprint, licence, credits and rights; every data set once.

    Raises:
        ModelError: there is no such model, or it cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    for folder in bundles_of(reference):
        if not is_bundle(folder):
            continue  # the folder beside an ensemble's file
        description = read_description(folder)
        for data in (description.get("data"), *description.get("parents", [])):
            if data:
                found.setdefault(json.dumps(data, sort_keys=True), data)
    return list(found.values())


def model_fingerprint(reference: str | Path) -> str:
    """Hash what a model computes: its weights, and an ensemble's recipe.

    Args:
        reference: as `load_model` takes it.

    Returns:
        SHA-256, 64 hexadecimal digits.

    Raises:
        ModelError: there is no such model, or a file of it cannot be read.
    """
    path = find_model(reference)
    if path.is_dir():
        description = read_description(path)
        facts = [description.get("architecture"), description.get("arguments"), weights_fingerprint(path)]
    else:
        try:
            recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
            members = [model_fingerprint(path.parent / member) for member in recipe["members"]]
            facts = [{key: recipe.get(key) for key in ("edges_hz", "weights", "postprocess")}, members]
        except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"{path}: cannot be read as an ensemble ({error})") from error
        except RecursionError as error:
            raise ModelError(f"{path}: its members lead back to itself; take one of them out") from error
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def load_model(reference: str | Path) -> SeparatorModel:
    """Load a model bundle or an ensemble.

    Args:
        reference: a bundle's folder, an ensemble's file, or the name of a shipped ensemble. A bare name means the
            shipped one even where a file of that name exists; write "./name" for the file.

    Returns:
        The model, in evaluation mode, on the CPU.

    Raises:
        ModelError: there is no such model, or it cannot be loaded.
    """
    path = find_model(reference)
    if path.is_dir():
        return load_bundle(path).eval()
    if path.suffix.lower() not in _LOADERS:
        raise ModelError(f"{path}: {unknown('kind of model file', path.suffix, _LOADERS)}")
    return _LOADERS[path.suffix.lower()](path).eval()


def load_ensemble(path: Path) -> Ensemble:
    """Load an ensemble from its YAML file.

    Args:
        path: the file.

    Returns:
        The ensemble, in evaluation mode, on the CPU.

    Raises:
        ModelError: the file cannot be read, a member is missing, or the parts do not fit together.
    """
    path = Path(path)
    try:
        recipe = Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its content"
        raise ModelError(f"{path}: {where}: {first['msg'].lower()}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ModelError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from error
    for member in recipe.members:
        if (path.parent / member).resolve() == path.resolve():
            raise ModelError(f"{path}: names itself as a member; take that line out")
    try:
        return recipe.assemble([load_model(path.parent / member) for member in recipe.members])
    except RecursionError as error:
        raise ModelError(f"{path}: its members lead back to itself; take one of them out") from error
    except (ConfigError, ModelError) as error:
        raise ModelError(f"{path}: {error}") from error


# What loads a model's file, by its suffix.
_LOADERS: dict[str, Callable[[Path], SeparatorModel]] = {
    ".json": lambda path: load_bundle(path.parent),
    ".yaml": load_ensemble,
    ".yml": load_ensemble,
}
