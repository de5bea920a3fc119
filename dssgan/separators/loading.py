"""Models by path or name; third-party ones by family and name."""

import hashlib
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from dssgan.atomic import write_text
from dssgan.data.seen_recordings import SeenRecordings
from dssgan.errors import ConfigError, ModelError, unknown
from dssgan.plain_json import as_read_back
from dssgan.plain_yaml import load_yaml
from dssgan.separators.base import SeparatorModel
from dssgan.separators.bundle import is_bundle, load_bundle, read_description, read_learnt_from, weights_fingerprint
from dssgan.separators.cascade import Cascade
from dssgan.separators.ensemble import Ensemble, Recipe
from dssgan.separators.external import EXTERNAL, FAMILIES, Family, parse_reference
from dssgan.separators.hpss import HPSS
from dssgan.types import DRUMS

Reference = TypeVar("Reference", str, Path, str | Path)

BUILT_IN: dict[str, Callable[[], SeparatorModel]] = {"hpss": HPSS}
DEFAULT = "default"  # the shipped model that separates songs
PIECES = "pieces"  # the shipped model that takes drums apart
KEPT = "by_others.json"  # marks a folder that a third-party separator was copied into


class StoredModel(ABC):
    """A model that is stored and not loaded yet."""

    @property
    @abstractmethod
    def reference(self) -> str:
        """The reference that finds it again from any folder."""

    @abstractmethod
    def load(self) -> SeparatorModel:
        """Load it, in evaluation mode, on the CPU.

        Raises:
            ModelError: it cannot be loaded.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Hash what it computes, SHA-256 in hexadecimal digits.

        Raises:
            ModelError: a file of it cannot be read.
        """

    @abstractmethod
    def learnt_from(self) -> SeenRecordings:
        """Return the recordings that it and all its members learnt from or were chosen by.

        Raises:
            ModelError: a record is missing or damaged.
        """

    def origins(self) -> list[dict[str, Any]]:
        """List the data sets that it and its parents learnt from, each once.

        Returns:
            For each the data set's name, fingerprint, licence, credits and rights.

        Raises:
            ModelError: it cannot be read.
        """
        return list({json.dumps(data, sort_keys=True): data for data in self._origins()}.values())

    @abstractmethod
    def _origins(self) -> Iterator[dict[str, Any]]: ...

    @abstractmethod
    def paths(self) -> tuple[Path, ...]:
        """List the files and folders that must exist on the machine that loads it."""

    @property
    def takes(self) -> str | None:
        """What it separates: None for songs, or the name of a stem of songs.

        Raises:
            ModelError: it cannot be read.
        """
        return None

    def describe(self) -> tuple[str, dict[str, Any]]:
        """Return the architecture's name and its settings, as plain values, for training it further.

        Raises:
            ModelError: it is no single network that could be trained.
        """
        raise ModelError(f"{self.reference}: is no single network; name one of its members")

    @abstractmethod
    def keep(self, folder: Path, shown: str) -> str:
        """Copy what it needs into a folder of an ensemble.

        Args:
            folder: to be made.
            shown: what that folder will be called beside the ensemble's file.

        Returns:
            The reference under which the ensemble finds it.
        """


@dataclass(frozen=True)
class StoredBundle(StoredModel):
    """A bundle's folder."""

    folder: Path

    @property
    def reference(self) -> str:
        return str(self.folder.resolve())

    def load(self) -> SeparatorModel:
        return load_bundle(self.folder)

    def fingerprint(self) -> str:
        description = read_description(self.folder)
        return _hash([description.get("architecture"), description.get("arguments"), weights_fingerprint(self.folder)])

    def learnt_from(self) -> SeenRecordings:
        return read_learnt_from(self.folder)

    def _origins(self) -> Iterator[dict[str, Any]]:
        if is_bundle(self.folder):
            yield from origins_in(read_description(self.folder))

    def paths(self) -> tuple[Path, ...]:
        return (self.folder,)

    @property
    def takes(self) -> str | None:
        takes = read_description(self.folder).get("from")
        return None if takes is None else str(takes)

    def describe(self) -> tuple[str, dict[str, Any]]:
        description = read_description(self.folder)
        return description["architecture"], description["arguments"]

    def keep(self, folder: Path, shown: str) -> str:
        shutil.copytree(self.folder, folder)
        return shown


@dataclass(frozen=True)
class StoredEnsemble(StoredModel):
    """An ensemble's file.

    Args:
        file: the file.
        above: ensembles that it is a member of, which cannot be among its members.
    """

    file: Path
    above: tuple[Path, ...] = ()

    @property
    def reference(self) -> str:
        return str(self.file.resolve())

    def load(self) -> SeparatorModel:
        whole: SeparatorModel = self.assemble()
        try:
            for stage in self.stages():
                whole = _followed_by(whole, stage)
        except ModelError as error:
            raise self._named(error) from error
        return whole.eval()

    def assemble(self) -> Ensemble:
        """Load the ensemble without what comes after it.

        Raises:
            ModelError: it cannot be loaded.
        """
        path = self.file
        try:
            recipe = Recipe.model_validate(load_yaml(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "its content"
            raise ModelError(f"{path}: {where}: {first['msg'].lower()}") from error
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ModelError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from error
        try:
            members, takes = self.members(), self.takes
            # where the file states what it takes, members need not
            fitting = (takes,) if recipe.takes is None else (takes, None)
            for member in members:
                if (own := member.takes) not in fitting:
                    raise ModelError(
                        f"{member.reference} separates {own or 'songs'}, and the others {takes or 'songs'}; "
                        "combine models of one kind"
                    )
            return recipe.assemble([member.load() for member in members])
        except (ConfigError, ModelError) as error:
            raise self._named(error) from error

    def _named(self, error: Exception) -> ModelError:
        message = str(error)
        return ModelError(message if message.startswith(f"{self.file}: ") else f"{self.file}: {message}")

    @property
    def takes(self) -> str | None:
        if (stated := self.content.get("from")) is not None:
            return str(stated)
        return next((member.takes for member in self.members()), None)

    def fingerprint(self) -> str:
        facts = {key: self.content.get(key) for key in ("edges_hz", "weights", "postprocess")}
        stages = [stage.fingerprint() for stage in self.stages()]
        return _hash([facts, [member.fingerprint() for member in self.members()], *([stages] if stages else [])])

    def learnt_from(self) -> SeenRecordings:
        # what it was fitted on is recorded in the folder beside its file
        origin = self.content.get("origin")
        fitted = isinstance(origin, dict) and "data_fingerprint" in origin  # one written by hand was fitted on nothing
        total = SeenRecordings.load(self.file.with_suffix("")) if fitted else SeenRecordings()
        for model in (*self.members(), *self.stages()):
            total = total + model.learnt_from()
        return total

    def _origins(self) -> Iterator[dict[str, Any]]:
        for model in (*self.members(), *self.stages()):
            yield from model._origins()

    def paths(self) -> tuple[Path, ...]:
        return (self.file, *(path for model in (*self.members(), *self.stages()) for path in model.paths()))

    def keep(self, folder: Path, shown: str) -> str:
        del folder, shown  # an ensemble stays where it is
        return str(self.file.resolve())

    def members(self) -> list[StoredModel]:
        """Find the members.

        Raises:
            ModelError: one is missing, or they lead back to this file.
        """
        return self._find("members")

    def stages(self) -> list[StoredModel]:
        """Find the models that take apart a stem of what comes before.

        Raises:
            ModelError: one is missing, or they lead back to this file.
        """
        return self._find("then") if self.content.get("then") else []

    def _find(self, key: str) -> list[StoredModel]:
        path = self.file.resolve()
        if path in self.above:
            raise ModelError(f"{self.file}: its members lead back to itself; take one of them out")
        try:
            return [
                find_model(model, beside=self.file.parent, above=(*self.above, path)) for model in self.content[key]
            ]
        except (TypeError, KeyError) as error:
            raise ModelError(f"{self.file}: cannot be read as an ensemble ({error})") from error

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the file holds, read once.

        Raises:
            ModelError: it cannot be read, or holds no settings.
        """
        try:
            content = load_yaml(self.file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ModelError(f"{self.file}: cannot be read as an ensemble ({error})") from error
        if not isinstance(content, dict):
            raise ModelError(f"{self.file}: cannot be read as an ensemble (it holds no settings)")
        return content


def _followed_by(first: SeparatorModel, second: StoredModel) -> Cascade:
    if second.takes is None:
        raise ModelError(f"{second.reference} separates songs; name models of a stem under then")
    return Cascade(first, second.takes, second.load())


@dataclass(frozen=True)
class StoredCascade(StoredModel):
    """A model, and another one that takes apart one of its stems.

    Args:
        first: separates songs, or a stem.
        second: separates a stem of these.
    """

    first: StoredModel
    second: StoredModel

    @property
    def reference(self) -> str:
        return f"{self.first.reference} then {self.second.reference}"

    def load(self) -> SeparatorModel:
        return _followed_by(self.first.load(), self.second).eval()

    def fingerprint(self) -> str:
        return _hash([self.first.fingerprint(), self.second.fingerprint()])

    def learnt_from(self) -> SeenRecordings:
        return self.first.learnt_from() + self.second.learnt_from()

    def _origins(self) -> Iterator[dict[str, Any]]:
        yield from self.first._origins()
        yield from self.second._origins()

    def paths(self) -> tuple[Path, ...]:
        return (*self.first.paths(), *self.second.paths())

    @property
    def takes(self) -> str | None:
        return self.first.takes

    def keep(self, folder: Path, shown: str) -> str:
        del folder, shown
        raise ModelError(f"{self.reference}: is two models; write them into an ensemble's file, the second under then")


@dataclass(frozen=True)
class BuiltInModel(StoredModel):
    """A separator by signal processing, which has no weights.

    Args:
        name: a name of `BUILT_IN`.
    """

    name: str

    @property
    def reference(self) -> str:
        return self.name

    def load(self) -> SeparatorModel:
        return BUILT_IN[self.name]().eval()

    def fingerprint(self) -> str:
        return _hash(self.name)

    def learnt_from(self) -> SeenRecordings:
        return SeenRecordings()

    def _origins(self) -> Iterator[dict[str, Any]]:
        return iter(())

    def paths(self) -> tuple[Path, ...]:
        return ()

    def keep(self, folder: Path, shown: str) -> str:
        del folder, shown  # there is nothing to copy
        return self.name


@dataclass(frozen=True)
class StoredExternal(StoredModel):
    """A third-party separator.

    Args:
        family: its family.
        name: a known name, or a path relative to `beside`.
        beside: a folder.
    """

    family: Family
    name: str
    beside: Path

    @property
    def reference(self) -> str:
        name = self.name if self.name in self.family.known else (self.beside / self.name).resolve()
        return f"{self.family.name}:{name}"

    def load(self) -> SeparatorModel:
        return self.family.load(self._path).eval()

    def fingerprint(self) -> str:
        hashes = []
        for file in self.family.files(self._path):
            try:
                with file.open("rb") as stream:
                    hashes.append(hashlib.file_digest(stream, "sha256").hexdigest())
            except OSError as error:
                raise ModelError(f"{file}: cannot be read ({error.strerror}); copy it again") from error
        return _hash([self.family.name, hashes or self.name])

    @property
    def takes(self) -> str | None:
        try:
            record = None if self.name in self.family.known else self.family.record(self._path)
        except ModelError:  # without a record a graph can be run, but not evaluated
            return None
        return None if record is None else record.takes

    def learnt_from(self) -> SeenRecordings:
        # only graphs that dssgan has written record it
        record = self.family.record(self._path)
        return SeenRecordings() if record is None else record.learnt_from

    def _origins(self) -> Iterator[dict[str, Any]]:
        known = self.family.known.get(self.name)
        record = None if known else self.family.record(self._path)
        if record is not None:
            yield from record.origins
            return
        yield {
            "name": f"what {self.family.name}:{self.name} learnt from",
            # what is known by name need not be downloaded to be described
            "fingerprint": self.reference if known else self.fingerprint(),
            "licence": known.terms if known else None,
            "credits": [f"{self.family.name}:{self.name}"],
            "rights": [],
        }

    def paths(self) -> tuple[Path, ...]:
        # each machine downloads by itself what is known by name
        return () if self.name in self.family.known else (self._path,)

    def describe(self) -> tuple[str, dict[str, Any]]:
        model = self.load()
        for architecture, network in EXTERNAL.items():
            if type(model) is network:
                return architecture, as_read_back(model.arguments)
        raise ModelError(f"{self.reference}: cannot be trained further; start from another")

    def keep(self, folder: Path, shown: str) -> str:
        # what can be downloaded by name, and stems, stay where they are
        if self.name in self.family.known or not self.family.is_copied:
            return self.reference
        folder.mkdir(parents=True)
        for file in self.family.files(self._path):
            shutil.copyfile(file, folder / file.name)
        write_text(folder / KEPT, json.dumps({"from": self.reference}) + "\n")
        return f"{self.family.name}:{shown}" + ("" if self._path.is_dir() else f"/{self._path.name}")

    @property
    def _path(self) -> Path:
        return self.family.find(self.name, self.beside)


def is_shipped(reference: str | Path) -> bool:
    """Return whether a name is that of a model that comes with dssgan."""
    return str(reference) in shipped_ensembles() or str(reference) in BUILT_IN


def shipped_ensembles() -> dict[str, Path]:
    """List the ensembles that come with dssgan, by name."""
    package = Path(__file__).parents[1]
    folders = (package / "shipped" / "ensembles", package.parent / "ensembles")  # in a wheel, in a checkout
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def shipped_strokes() -> Path:
    """Return the file of the shipped model that finds strokes in the pieces of a kit."""
    return shipped_ensembles()[PIECES].with_suffix("") / "strokes.safetensors"


def models_for(model: str, *, takes_apart: bool, drums: bool) -> tuple[str, str | None]:
    """Return which model separates a recording, and which one takes its drums apart behind it.

    Args:
        model: the model that was asked for.
        takes_apart: whether the drums become pieces.
        drums: whether the recording is drums already.

    Raises:
        ConfigError: the model separates something else.
        ModelError: there is no such model.
    """
    if drums and takes_apart and model == DEFAULT:
        model = PIECES
    takes = find_model(model).takes
    if takes is None and drums:
        raise ConfigError(
            f"{model}: separates songs, not drums; leave --drums out, add --pieces to the default model, or choose "
            "another one"
        )
    if takes is not None and not (drums and takes == DRUMS):
        alone = "add --drums where the recordings are drums, or " if takes == DRUMS else ""
        raise ConfigError(f"{model}: separates {takes}, not songs; {alone}name it under then in an ensemble's file")
    return model, PIECES if takes_apart and not drums else None


def find_model(reference: str | Path, beside: Path | None = None, *, above: tuple[Path, ...] = ()) -> StoredModel:
    """Find a model without loading it.

    Args:
        reference: a bundle's folder, an ensemble's file, the name of a shipped ensemble or of a separator that needs no
            training, or FAMILY:NAME or FAMILY:PATH for a third-party separator, such as "demucs:htdemucs". A bare name
            means what is shipped even where a file of that name exists; write "./name" for the file.
        beside: folder that relative paths count from, and where a name is that of a file first; None for the working
            folder.
        above: ensembles that the model is a member of.

    Returns:
        The model.

    Raises:
        ModelError: there is no such model.
    """
    external = parse_reference(reference)
    if external is not None:
        return StoredExternal(*external, Path() if beside is None else beside)
    shipped = shipped_ensembles() if beside is None or not (beside / reference).exists() else {}
    if str(reference) in BUILT_IN and (beside is None or not (beside / reference).exists()):
        return BuiltInModel(str(reference))
    path = shipped.get(str(reference), Path(reference) if beside is None else beside / reference)
    if path.is_dir():
        return StoredBundle(path)
    if path.exists():
        if path.suffix.lower() not in _KINDS:
            raise ModelError(f"{path}: {unknown('kind of model file', path.suffix, _KINDS)}")
        return _KINDS[path.suffix.lower()](path, above)
    family = str(reference).partition(":")[0] if ":" in str(reference) else ""
    if family and "/" not in family:
        raise ModelError(f"{reference}: {unknown('family of models', family, FAMILIES)}")
    if path.name == str(reference) and not path.suffix:
        raise ModelError(f"{unknown('model', str(reference), [*shipped, *BUILT_IN])}, or give a path")
    raise ModelError(
        f"{path}: there is no such model; give a bundle's folder, an ensemble's file, one of the shipped: "
        f"{', '.join([*shipped, *BUILT_IN])}; or another project's, see dssgan models"
    )


# What a model's file is, by its suffix.
_KINDS: dict[str, Callable[[Path, tuple[Path, ...]], StoredModel]] = {
    ".json": lambda path, _above: StoredBundle(path.parent),
    ".yaml": StoredEnsemble,
    ".yml": StoredEnsemble,
}


def origins_in(description: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """List the data sets that a bundle and its parents learnt from, by its description."""
    yield from (data for data in (description.get("data"), *description.get("parents", [])) if data)


def without_copies(references: Iterable[Reference]) -> Iterator[Reference]:
    """Leave out models that compute what an earlier one computes: they would count twice in an average.

    Trials of a sweep whose phase two improved nothing, for example, end with the weights of one supervised phase.

    Args:
        references: as `find_model` takes them.

    Yields:
        The first of each.

    Raises:
        ModelError: there is no such model, or a file of it cannot be read.
    """
    seen = set()
    for reference in references:
        fingerprint = find_model(reference).fingerprint()
        if fingerprint not in seen:
            seen.add(fingerprint)
            yield reference


def is_kept(folder: Path) -> bool:
    """Return whether a folder is a member's that `StoredModel.keep` made."""
    return is_bundle(folder) or (folder / KEPT).is_file()


def _hash(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
