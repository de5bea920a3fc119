"""What a sweep leaves beside its trials: its record, its search space, and its study."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

import optuna

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError
from dssgan.plain_json import to_json
from dssgan.provenance import describe_run
from dssgan.training.config import resolved_precision
from dssgan.training.distributed import Workers
from dssgan.training.resume import require_agreement
from dssgan.training.settings import make_config
from dssgan.training.store import Store
from dssgan.tuning.options import SearchOptions
from dssgan.tuning.space import SearchSpace
from dssgan.tuning.storage import default_url, load_study, open_storage

RECORD = "sweep.json"
SPACE = "space.py"
STUDY = "study.db"
# What a sweep that goes on must not have changed: its rungs and its draws depend on it.
OPTIONS_OF_A_SEARCH = ("seed", "sampler", "pruner", "reduction_factor", "share_phase_one", "also",
                       "min_speed", "max_parameters", "workers_per_trial")  # fmt: skip


def write_record(
    store: Store, space: SearchSpace, dataset: Dataset, settings: Mapping[str, Any], options: SearchOptions,
    workers: Workers, name: str, data_path: str | None, study_url: str | None,
) -> None:  # fmt: skip
    """Write what repeats a sweep: versions, seeds, data, space and command."""
    store.write_text(SPACE, space.text)
    record = describe_run(
        study=name, settings=dict(settings), space=space.name, options=asdict(options), workers=asdict(workers),
        data={"name": dataset.name, "fingerprint": dataset.fingerprint, "path": data_path}, study_url=study_url,
        precision=resolved_precision(make_config(settings)),
    )  # fmt: skip
    store.write_text(RECORD, to_json(record, indent=2) + "\n")


def read_record(store: Store) -> dict[str, Any]:
    """Read what `write_record` wrote.

    Args:
        store: of the sweep.

    Returns:
        The record.

    Raises:
        ConfigError: there is none.
    """
    text = store.read_text(RECORD)
    if text is None:
        raise ConfigError(f"{store}: holds no sweep; check the name and --storage-path")
    record: dict[str, Any] = json.loads(text)
    return record


def require_same(
    store: Store, record: dict[str, Any], space: SearchSpace, dataset: Dataset, settings: Mapping[str, Any],
    options: SearchOptions, say: Callable[[str], None] = lambda _: None,
) -> None:  # fmt: skip
    """Refuse to go on with a sweep in another way than it was begun.

    Args:
        store: of the sweep.
        record: as `read_record` gives it.
        space: to draw from now.
        dataset: to learn from now.
        settings: given now.
        options: given now.
        say: receives a line where something that changes results a little cannot be refused.

    Raises:
        ConfigError: something that trials depend on has changed.
    """
    if record["data"]["fingerprint"] != dataset.fingerprint:
        raise ConfigError(f"{store}: was begun with other data ({record['data']['name']}); leave --data out")
    text = store.read_text(SPACE) or ""
    if text != space.text:
        raise ConfigError(
            f"{store}: was begun with another search space ({_first_change(text, space.text)}); it is in {SPACE} there"
        )
    require_agreement(str(store), record["settings"], json.loads(json.dumps(dict(settings))))
    for key in OPTIONS_OF_A_SEARCH:
        before, now = record["options"][key], json.loads(json.dumps(getattr(options, key)))
        if before != now:
            raise ConfigError(f"{store}: was begun with {key}={before}; give the same")
    installed = describe_run()["versions"]
    for package in ("dssgan", "torch"):
        before, now = record["versions"].get(package), installed.get(package)
        if before != now:
            say(
                f"{store}: was begun with {package} {before}, and {now} is installed; trials from now on may differ a "
                "little, and supervised phases are trained again"
            )
    precision, here = record.get("precision"), resolved_precision(make_config(record["settings"]))
    if precision is not None and precision != here:
        say(
            f"{store}: was begun in {precision}, and this machine computes in {here}; trials from now on may differ a "
            f"little (precision={precision} keeps it)"
        )


def find_study(store: Store, name: str, study_url: str | None = None) -> optuna.Study:
    """Load the study of a sweep.

    Args:
        store: of the sweep.
        name: of the study.
        study_url: an Optuna storage URL; None for the SQLite file in the store.

    Returns:
        The study.

    Raises:
        ConfigError: there is none.
    """
    if study_url is None:
        store.fetch(STUDY)
        if not store.local(STUDY).exists():
            raise ConfigError(f"{store}: holds no study; check the name, or give --study")
    return load_study(name, open_storage(study_url or default_url(store.local("."))))


def recorded_study(store: Store, record: Mapping[str, Any], study_url: str | None = None) -> optuna.Study:
    """Load the study that a sweep's record names, whatever the sweep's folder is called now.

    Args:
        store: of the sweep.
        record: as `read_record` gives it.
        study_url: an Optuna storage URL; None for the one that the sweep was begun with.

    Returns:
        The study.

    Raises:
        ConfigError: there is none.
    """
    return find_study(store, record["study"], study_url or record["study_url"])


def _first_change(before: str, after: str) -> str:
    """Name the first line in which two texts differ."""
    lines = zip_longest(before.splitlines(), after.splitlines(), fillvalue="")
    number, (one, other) = next((number, pair) for number, pair in enumerate(lines, 1) if pair[0] != pair[1])
    return f"line {number} was {one.strip()!r} and is {other.strip()!r}"
