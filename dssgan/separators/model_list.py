"""What can be loaded: the shipped ensembles, models in a folder, and third-party separators."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from dssgan.errors import ModelError
from dssgan.separators.bundle import read_description
from dssgan.separators.cascade import with_parts
from dssgan.separators.external import FAMILIES, Family, KnownModel
from dssgan.separators.loading import BUILT_IN, StoredBundle, StoredEnsemble, StoredModel, origins_in, shipped_ensembles
from dssgan.types import DRUMS, OTHER

_ABOUT = {"hpss": "harmonic-percussive separation by median filters"}
# Where commands leave bundles and ensembles below the folder they run in.
_BUNDLES = ("*/model.json", "*/bundle/model.json", "runs/*/bundle/model.json")
_ENSEMBLES = ("*.yaml", "ensembles/*.yaml", "sweeps/*.yaml")


@dataclass(frozen=True)
class ListedModel:
    """A model that can be loaded.

    Args:
        reference: what `find_model` takes.
        where: "shipped", "here", "downloaded", "can be downloaded", or the pip command that it needs.
        about: what it is.
        sources: names of its estimates.
        num_parameters: trained numbers; None where that shows only once it is loaded.
        licence: licence of its weights, or of the data it learnt from; None where that is not known.
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
        The shipped ones, those of the folder, third-party ones.
    """
    shipped = [_ensemble(name, "shipped", path) for name, path in shipped_ensembles().items()]
    shipped += [ListedModel(name, "shipped", _ABOUT[name], (DRUMS, OTHER), 0, None) for name in BUILT_IN]
    return [model for model in (*shipped, *_of_folder(folder), *_third_party()) if model is not None]


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
                tuple(description["sources"]), description.get("num_parameters"), _licences(origins_in(description)),
            )  # fmt: skip
        except (ModelError, KeyError, TypeError):
            continue  # another program's model.json


def _ensemble(reference: str, where: str, path: Path) -> ListedModel | None:
    try:
        stored = StoredEnsemble(path)
        members, stages = stored.members(), stored.stages()
        bundles = [model for model in (*members, *stages) if isinstance(model, StoredBundle)]
        descriptions = [read_description(bundle.folder) for bundle in bundles]
        sources = _sources_of(stored)
    except (ModelError, IndexError):
        return None  # some other YAML file
    complete = len(descriptions) == len(members) + len(stages)
    data = [origin for one in descriptions for origin in origins_in(one)]
    data += ((stored.content.get("origin") or {}).get("by_others") or {}).values()
    return ListedModel(
        reference, where, f"ensemble of {len(members)}", sources,
        sum(one.get("num_parameters", 0) for one in descriptions) if complete else None,
        _licences(data),
    )  # fmt: skip


def _sources_of(model: StoredModel) -> tuple[str, ...]:
    if isinstance(model, StoredEnsemble):
        sources = _sources_of(model.members()[0])
        for stage in model.stages():
            sources = with_parts(sources, stage.takes or "", _sources_of(stage))
        return sources
    return tuple(read_description(model.folder)["sources"]) if isinstance(model, StoredBundle) else (DRUMS, OTHER)


def _licences(data: Iterable[dict[str, Any]]) -> str | None:
    return "; ".join(sorted({one["licence"] for one in data if one.get("licence")})) or None


def _third_party() -> Iterator[ListedModel]:
    for family in FAMILIES.values():
        for name, known in family.known.items():
            yield ListedModel(
                f"{family.name}:{name}", _state(family, name, known), known.about, (DRUMS, OTHER), None,
                known.terms,
            )  # fmt: skip


def _state(family: Family, name: str, known: KnownModel) -> str:
    if not known.files:
        return family.needs or "shipped"
    there = all((family.cached(name) / file.name).exists() for file in known.files)
    return family.needs or ("downloaded" if there else "can be downloaded")


def as_json(model: ListedModel) -> str:
    """Return a model's entry as one line of JSON."""
    return json.dumps({**vars(model), "sources": list(model.sources)})
