"""The record of a run: what it was begun with, so that it can be repeated and resumed."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError
from dssgan.plain_json import to_json
from dssgan.runs.store import Store

FILE = "run.json"
TRAINING, SWEEP, EVALUATION = "training", "sweep", "evaluation"
# the packages whose version can change a figure
PACKAGES = ("dssgan", "torch", "numpy", "scipy", "soundfile", "soxr", "ray", "optuna", "museval")
_EARLIER_FILES = {"sweep.json": SWEEP}  # names of records that earlier versions wrote, with their kind


def this_command() -> str:
    """Return the command that repeats this process."""
    program, *arguments = sys.argv
    return shlex.join([Path(program).name, *arguments])


def installed_versions() -> dict[str, str]:
    """Return the versions of those packages that can change a figure and are installed."""
    return {package: found for package in PACKAGES if (found := _version(package))}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _this_machine() -> dict[str, Any]:
    return {"platform": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}


@dataclass(frozen=True)
class RecordedData:
    """The data set of a run.

    Attributes:
        name: its name.
        fingerprint: hash of its audio; None where it was not computed.
        path: its manifest; None for the bundled songs, or songs that were put together in Python.
    """

    name: str
    fingerprint: str | None = None
    path: str | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Describe a data set."""
        return cls(dataset.name, dataset.fingerprint, None if dataset.path is None else str(dataset.path))


@dataclass(frozen=True)
class RunRecord:
    """The record of a run: all that it was begun with.

    Attributes:
        kind: "training", "sweep" or "evaluation".
        settings: its settings, nested.
        data: its data set.
        details: further entries of its kind, such as the options of a sweep.
        started: when it was begun, in ISO 8601.
        command: the command that repeats it.
        machine: the machine that it was begun on.
        versions: installed packages that can change a figure.
        resumed: time and command of each time that it was resumed.
    """

    kind: str
    settings: Mapping[str, Any]
    data: RecordedData
    details: Mapping[str, Any] = field(default_factory=dict)
    started: str = field(default_factory=_now)
    command: str = field(default_factory=this_command)
    machine: Mapping[str, Any] = field(default_factory=_this_machine)
    versions: Mapping[str, str] = field(default_factory=installed_versions)
    resumed: tuple[Mapping[str, str], ...] = ()

    def resumed_with(self, settings: Mapping[str, Any], command: str | None = None) -> Self:
        """Return the record after the run was resumed.

        Args:
            settings: its settings from now on.
            command: the command that resumed it; None for this process's.
        """
        resumption = {"started": _now(), "command": command or this_command()}
        return replace(self, settings=settings, resumed=(*self.resumed, resumption))

    def to_json(self) -> str:
        """Return the record as JSON, with the details among its other entries."""
        entries = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "details"}
        return to_json({**entries, "data": vars(self.data), **self.details}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, kind: str = TRAINING) -> Self:
        """Read a record.

        Args:
            text: what `to_json` returned.
            kind: its kind, if it is of an earlier version, which did not name it.

        Raises:
            ValueError: it is no JSON, or no record.
        """
        entries = json.loads(text)
        if not isinstance(entries, dict) or not isinstance(entries.get("data", {}), dict):
            raise ValueError("it is no record of a run")
        data = {each.name: entries.get("data", {}).get(each.name) for each in fields(RecordedData)}
        known = {each.name for each in fields(cls)} - {"details", "data"}
        defaults = {"kind": kind, "settings": {}, "started": "", "command": "", "machine": {}, "versions": {}}
        own = defaults | {name: entry for name, entry in entries.items() if name in known}
        own["resumed"] = tuple(own.get("resumed", ()))
        details = {name: entry for name, entry in entries.items() if name not in known and name != "data"}
        return cls(data=RecordedData(data.pop("name") or "", **data), details=details, **own)


def write_record(store: Store, record: RunRecord) -> None:
    """Write a run's record."""
    store.write_text(FILE, record.to_json())


def find_record(store: Store) -> RunRecord | None:
    """Return the record of the run in a store; None where there is no run.

    Raises:
        ConfigError: the record is damaged.
    """
    for name, kind in {FILE: TRAINING, **_EARLIER_FILES}.items():
        text = store.read_text(name)
        if text is None:
            continue
        try:
            return RunRecord.from_json(text, kind)
        except ValueError as error:
            raise ConfigError(
                f"{store}: its {name} cannot be read ({error}); restore it, or begin another run"
            ) from error
    return None


def read_record(store: Store, kind: str) -> RunRecord:
    """Return the record of a run.

    Args:
        store: where its files are kept.
        kind: the kind that is expected.

    Raises:
        ConfigError: there is no such run, or its record is damaged.
    """
    record = find_record(store)
    if record is None or record.kind != kind:
        raise ConfigError(f"{store}: holds no {kind}; check the name")
    return record
