"""Whether a run may be resumed: what must be as it was, and the one wording of every refusal."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dssgan.data.dataset import Dataset
from dssgan.data.loading import load_dataset
from dssgan.errors import ConfigError
from dssgan.runs.record import RunRecord, find_record
from dssgan.runs.store import Store

NOTHING: frozenset[str] = frozenset()


def record_to_resume(store: Store, kind: str, *, resume: bool) -> RunRecord | None:
    """Return the record of the run that is to be resumed; None for a new run.

    Args:
        store: where the run's files are kept.
        kind: "training" or "sweep".
        resume: whether it is to be resumed.

    Raises:
        ConfigError: there is a run in the store that is not to be resumed, or none to resume.
    """
    record = find_record(store)
    if record is not None and not resume:
        raise ConfigError(f"{store}: holds a {record.kind} already; add --resume to go on, or choose another folder")
    if resume and (record is None or record.kind != kind):
        raise ConfigError(f"{store}: holds no {kind} to resume; start it without --resume")
    return record


def load_data_of(run: str, record: RunRecord | None, path: Path | None) -> Dataset:
    """Load the data set that is given, or the recorded one of a run that is resumed.

    Args:
        run: the run's name or folder, for messages.
        record: the record of the run that is resumed; None for a new run.
        path: the data set that is given; None for none.

    Raises:
        ConfigError: it is not the recorded one.
        DataError: it cannot be read.
    """
    dataset = load_dataset(path if path is not None or record is None else record.data.path)
    if record is not None:
        require_same_data(run, record, dataset, is_given=path is not None)
    return dataset


def require_same_data(run: str, record: RunRecord, dataset: Dataset, *, is_given: bool = True) -> None:
    """Refuse to resume a run with other data than it was begun with.

    Args:
        run: the run's name or folder, for the message.
        record: its record.
        dataset: the data set that it is to be resumed with.
        is_given: whether the user gave it; otherwise the recorded files have changed.

    Raises:
        ConfigError: its audio differs.
    """
    recorded = record.data
    if recorded.fingerprint in (None, dataset.fingerprint):
        return
    advice = f"leave --data out, or begin another {record.kind}"
    if not is_given:
        advice = "it has changed since" if recorded.path else "give the songs that it was begun with"
    raise ConfigError(f"{run}: was begun with other data ({recorded.name}) than {dataset.name}; {advice}")


def require_agreement(
    run: str, recorded: Mapping[str, Any], given: Mapping[str, Any], *,
    free: frozenset[str] = NOTHING, extendable: frozenset[str] = NOTHING, is_complete: bool = False,
    advice: Mapping[str, str] = MappingProxyType({}),
) -> None:  # fmt: skip
    """Refuse settings that differ from those that a run was begun with.

    Args:
        run: the run's name or folder, for the message.
        recorded: its settings, nested.
        given: the settings that it is to be resumed with, nested.
        free: dotted keys of the settings that may change.
        extendable: dotted keys of the settings that may become more.
        is_complete: whether all settings are given; otherwise those that are missing stay as recorded.
        advice: by dotted key, what to do about a difference, where that is not to leave the setting out.

    Raises:
        ConfigError: one differs; the message names it with both values.
    """
    for key, before, after in differences(recorded, given):
        if key in free or (after is None and not is_complete) or (key in extendable and _is_more(before, after)):
            continue
        shown = "its own" if before is None and not is_complete else before
        usual = "only more extends it" if key in extendable else "leave it out, or begin another run"
        raise ConfigError(f"{run}: was begun with {key}={shown}, not {after}; {advice.get(key, usual)}")


def _is_more(before: Any, after: Any) -> bool:
    return isinstance(before, int) and isinstance(after, int) and after > before


def differences(
    first: Mapping[str, Any], second: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """List the settings in which two runs differ.

    Args:
        first: nested settings.
        second: nested settings.
        prefix: what the keys begin with.

    Yields:
        Dotted key, the first's value and the second's; None where it has none.
    """
    for key in sorted({*first, *second}):
        one, other = first.get(key), second.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from differences(one, other, f"{prefix}{key}.")
        elif one != other:
            yield f"{prefix}{key}", one, other


def describe_changes(run: str, before: Mapping[str, str | None], now: Mapping[str, str | None]) -> Iterator[str]:
    """Describe changes that alter results slightly, and that a resumed run is warned of.

    Args:
        run: the run's name or folder, for the message.
        before: by name, such as "torch", what the run was begun with.
        now: the same now.

    Yields:
        One line for each entry of `now` that differs from what was recorded.
    """
    for name, current in now.items():
        if name in before and before[name] != current:
            yield f"{run}: was begun with {name} {before[name]} and goes on with {current}; results may differ slightly"
