"""The files of a sweep beside its trials: its record, its search space, and its study."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

import optuna

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError
from dssgan.plain_json import as_read_back
from dssgan.runs.agreement import describe_changes, require_agreement, require_same_data
from dssgan.runs.record import SWEEP, RecordedData, RunRecord, installed_versions, write_record
from dssgan.runs.store import Store
from dssgan.training.config import resolved_precision
from dssgan.training.distributed import Workers
from dssgan.training.settings import lay_out, make_config
from dssgan.tuning.search.options import SearchOptions
from dssgan.tuning.search.space import SearchSpace
from dssgan.tuning.search.storage import default_url, load_study, open_storage

SPACE = "space.py"
STUDY = "study.db"

# What a resumed sweep must not have changed: its rungs and its draws depend on it.
OPTIONS_OF_A_SEARCH = ("seed", "sampler", "pruner", "reduction_factor", "share_phase_one", "also",
                       "min_speed", "max_parameters", "workers_per_trial")  # fmt: skip


def trial_name(number: int) -> str:
    """Return the name of the folder of the trial with that number in the study."""
    return f"trials/{number:04d}"


def write_sweep(
    store: Store, space: SearchSpace, dataset: Dataset, settings: Mapping[str, Any], options: SearchOptions,
    workers: Workers, name: str, study_url: str | None,
) -> None:  # fmt: skip
    """Write a sweep's search space and its record."""
    store.write_text(SPACE, space.text)
    details = {
        "study": name, "space": space.name, "options": asdict(options), "workers": asdict(workers),
        "study_url": study_url, "precision": resolved_precision(make_config(settings)),
    }  # fmt: skip
    write_record(store, RunRecord(SWEEP, dict(settings), RecordedData.of(dataset), details))


def require_same(
    store: Store, record: RunRecord, space: SearchSpace, dataset: Dataset, settings: Mapping[str, Any],
    options: SearchOptions, on_message: Callable[[str], None] = lambda _: None,
) -> None:  # fmt: skip
    """Refuse to resume a sweep in another way than it was begun.

    Args:
        store: store of the sweep.
        record: its record.
        space: the space that is given now.
        dataset: the data set that is given now.
        settings: given now.
        options: given now.
        on_message: receives a line where something that changes results a little cannot be refused.

    Raises:
        ConfigError: something that trials depend on has changed.
    """
    run = str(store)
    require_same_data(run, record, dataset)
    text = store.read_text(SPACE) or ""
    if text != space.text:
        raise ConfigError(
            f"{run}: was begun with another search space ({_first_change(text, space.text)}); it is in {SPACE} there"
        )
    require_agreement(run, lay_out(record.settings), lay_out(as_read_back(settings)))
    before = {key: record.details["options"][key] for key in OPTIONS_OF_A_SEARCH}
    given = {key: getattr(options, key) for key in OPTIONS_OF_A_SEARCH}
    require_agreement(run, before, as_read_back(given), is_complete=True)
    now: dict[str, str | None] = {package: installed_versions().get(package) for package in ("dssgan", "torch")}
    now["precision"] = resolved_precision(make_config(record.settings))
    for line in describe_changes(run, {**record.versions, "precision": record.details.get("precision")}, now):
        on_message(line)


def find_study(store: Store, name: str, study_url: str | None = None) -> optuna.Study:
    """Load the study of a sweep.

    Args:
        store: store of the sweep.
        name: name of the study.
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


def recorded_study(store: Store, record: RunRecord, study_url: str | None = None) -> optuna.Study:
    """Load the study that a sweep's record names, also after the sweep's folder was renamed.

    Args:
        store: store of the sweep.
        record: its record.
        study_url: an Optuna storage URL; None for the one that the sweep was begun with.

    Returns:
        The study.

    Raises:
        ConfigError: there is none.
    """
    return find_study(store, record.details["study"], study_url or record.details["study_url"])


def _first_change(before: str, after: str) -> str:
    """Name the first line in which two texts differ."""
    lines = zip_longest(before.splitlines(), after.splitlines(), fillvalue="")
    number, (one, other) = next((number, pair) for number, pair in enumerate(lines, 1) if pair[0] != pair[1])
    return f"line {number} was {one.strip()!r} and is {other.strip()!r}"
