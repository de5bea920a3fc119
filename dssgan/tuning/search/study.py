"""Single trials of an Optuna study.

Optuna's public interface writes to a trial only from within an objective. A sweep's trials run in other processes, so
this file, and no other, calls into Optuna's private parts.
"""

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial


def open_trial(study: optuna.Study, number: int) -> Trial:
    """Return a trial that settings can be drawn for and written to, though it was asked for in another process."""
    return Trial(study, _storage_id(study, number))


def read_trial(study: optuna.Study, number: int) -> FrozenTrial:
    """Return a trial as its storage has it now."""
    return study._storage.get_trial(_storage_id(study, number))


def set_attribute(study: optuna.Study, number: int, key: str, value: Any) -> None:
    """Write a user attribute of a trial, whether or not it runs in this process."""
    study._storage.set_trial_user_attr(_storage_id(study, number), key, value)


def set_intermediate_value(study: optuna.Study, number: int, step: int, value: float) -> None:
    """Write a score of a trial at a step.

    `Trial.report` would refuse this where a study has several objectives.
    """
    study._storage.set_trial_intermediate_value(_storage_id(study, number), step, value)


def copy_sampler_attributes(from_study: optuna.Study, to_study: optuna.Study, prefixes: tuple[str, ...]) -> None:
    """Copy what a sampler keeps in a study, such as how far a sequence has been drawn.

    Args:
        from_study: study to read.
        to_study: study to write.
        prefixes: what the names of a sampler's attributes begin with.
    """
    known = to_study._storage.get_study_system_attrs(to_study._study_id)
    for key, value in from_study._storage.get_study_system_attrs(from_study._study_id).items():
        if key.startswith(prefixes) and known.get(key) != value:
            to_study._storage.set_study_system_attr(to_study._study_id, key, value)


def contains(distribution: BaseDistribution, value: Any) -> bool:
    """Return whether a distribution could have drawn a value."""
    return bool(distribution._contains(distribution.to_internal_repr(value)))


def _storage_id(study: optuna.Study, number: int) -> int:
    return int(study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number))
