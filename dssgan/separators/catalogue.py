"""What can be loaded: the shipped ensembles, models in a folder, and separators by others."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from dssgan.errors import ModelError
from dssgan.separators.bundle import read_description
from dssgan.separators.external import FAMILIES, Family, KnownModel
from dssgan.separators.loading import StoredBundle, StoredEnsemble, shipped_ensembles
from dssgan.user_cache import cache_folder

# Where commands leave bundles and ensembles below the folder they run in.
_BUNDLES = ("*/model.json", "*/bundle/model.json", "runs/*/bundle/model.json")
_ENSEMBLES = ("*.yaml", "ensembles/*.yaml", "sweeps/*.yaml")


@dataclass(frozen=True)
class ListedModel:
    """A model that can be loaded.

    Args:
        reference: what `load_model` takes.
        where: "shipped", "here", "downloaded", "can be downloaded", or the pip command that it needs.
        about: what it is.
        sources: names of its estimates.
        num_parameters: trained numbers; None where that shows only once it is loaded.
        licence: of its weights, or of the data it learnt from; None where that is not known.
    """

    reference: str
    where: str
    about: str
    sources: tuple[str, ...]
    num_parameters: int | None
    licence: str | None

    @property
    def can_be_loaded(self) -> bool:
        """Whether it is on this machine with all that it needs."""
        return self.where in ("shipped", "here", "downloaded")


def list_models(folder: Path) -> list[ListedModel]:
    """List the models that can be loaded by name or that a folder holds.

    Args:
        folder: where commands were run.

    Returns:
        The shipped ones, those of the folder, those by others.
    """
    shipped = [_ensemble(name, "shipped", path) for name, path in shipped_ensembles().items()]
    return [model for model in (*shipped, *_of_folder(folder), *_by_others()) if model is not None]


def _of_folder(folder: Path) -> Iterator[ListedModel | None]:
    known = {path.resolve() for path in shipped_ensembles().values()}
    for file in sorted(set(chain.from_iterable(folder.glob(pattern) for pattern in _ENSEMBLES))):
        if file.resolve() not in known:
            yield _ensemble(str(file.relative_to(folder)), "here", file)
    for file in sorted(set(chain.from_iterable(folder.glob(pattern) for pattern in _BUNDLES))):
        try:
            description = read_description(file.parent)
            yield ListedModel(
                str(file.parent.relative_to(folder)), "here", str(description["architecture"]),
                tuple(description["sources"]), description.get("num_parameters"), _licence(description),
            )  # fmt: skip
        except (ModelError, KeyError, TypeError):
            continue  # another program's model.json


def _ensemble(reference: str, where: str, path: Path) -> ListedModel | None:
    try:
        members = StoredEnsemble(path).members()
        descriptions = [read_description(member.folder) for member in members if isinstance(member, StoredBundle)]
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (ModelError, OSError, yaml.YAMLError):
        return None  # some other YAML file
    sources = tuple(descriptions[0]["sources"]) if descriptions else ("drums", "other")
    complete = len(descriptions) == len(members)
    licences = {licence for one in descriptions if (licence := _licence(one)) is not None}
    origin: dict[str, Any] = content.get("origin") or {}
    licences |= {member["licence"] for member in (origin.get("by_others") or {}).values() if member.get("licence")}
    return ListedModel(
        reference, where, f"ensemble of {len(members)}", sources,
        sum(one.get("num_parameters", 0) for one in descriptions) if complete else None,
        "; ".join(sorted(licences)) or None,
    )  # fmt: skip


def _licence(description: dict[str, Any]) -> str | None:
    data = [description.get("data"), *description.get("parents", [])]
    found = {one["licence"] for one in data if one and one.get("licence")}
    return "; ".join(sorted(found)) or None


def _by_others() -> Iterator[ListedModel]:
    for family in FAMILIES.values():
        for name, known in family.known.items():
            yield ListedModel(
                f"{family.name}:{name}", _state(family, name, known), known.about, ("drums", "other"), None,
                f"weights: {known.licence}; learnt from: {known.data}",
            )  # fmt: skip


def _state(family: Family, name: str, known: KnownModel) -> str:
    folder = cache_folder("models") / family.name / name
    there = all((folder / file.name).exists() for file in known.files)
    return _needs(family) or ("downloaded" if there else "can be downloaded")


def _needs(family: Family) -> str | None:
    return None if family.is_installed else f"pip install 'dssgan[{family.extra}]'"


def as_json(model: ListedModel) -> str:
    """Give a model's entry as one line of JSON."""
    return json.dumps({**vars(model), "sources": list(model.sources)})
