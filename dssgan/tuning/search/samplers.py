"""Optuna's samplers by name."""

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from dssgan.configurable import lookup
from dssgan.tuning.search.attributes import FURTHER, LEFT_OUT
from dssgan.tuning.search.study import copy_sampler_attributes

Factory = Callable[[int, int], BaseSampler]  # of the search's seed and the number of trials drawn before


def _make(kind: Callable[..., BaseSampler], seed: int, **arguments: Any) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return kind(seed=seed, **arguments)


def _tpe(seed: int, number: int) -> BaseSampler:
    # groups: settings that are drawn for one architecture alone are modelled together, too
    return _make(optuna.samplers.TPESampler, _seed_of(seed, number), multivariate=True, group=True)


def _qmc(seed: int, number: int) -> BaseSampler:
    # one sequence for the whole search; the study counts how far it has been drawn
    independent = _make(optuna.samplers.RandomSampler, _seed_of(seed, number))
    return _make(
        optuna.samplers.QMCSampler, seed, scramble=True, independent_sampler=independent,
        warn_asynchronous_seeding=False, warn_independent_sampling=False,
    )  # fmt: skip


def _cmaes(seed: int, number: int) -> BaseSampler:
    # what is no number, or drawn for some architectures alone, is drawn by chance
    independent = _make(optuna.samplers.RandomSampler, _seed_of(seed, number))
    return _make(
        optuna.samplers.CmaEsSampler, _seed_of(seed, number), independent_sampler=independent,
        warn_independent_sampling=False, consider_pruned_trials=True,
    )  # fmt: skip


class _BruteForceSampler(optuna.samplers.BruteForceSampler):  # type: ignore[misc]
    """Optuna's, which stops a study that is drawn out; here the number of trials does, and there is no loop to stop."""

    def after_trial(self, *_: Any, **__: Any) -> None:
        """Leave the study alone."""


def _by_number(kind: Callable[..., BaseSampler], seed: int, number: int) -> BaseSampler:
    return _make(kind, _seed_of(seed, number))


def _seed_of(seed: int, number: int) -> int:
    return seed * 1_000_003 + number


SAMPLERS: dict[str, Factory] = {
    "tpe": _tpe,
    "gp": partial(_by_number, optuna.samplers.GPSampler),
    "cmaes": _cmaes,
    "nsgaii": partial(_by_number, optuna.samplers.NSGAIISampler),
    "random": partial(_by_number, optuna.samplers.RandomSampler),
    "qmc": _qmc,
    "brute_force": partial(_by_number, _BruteForceSampler),
}
_SAMPLERS_NOTES = ("qmc", "cma")  # how the study's system attributes begin that samplers write
# What counts as the score of a trial that was not trained, where a sampler asks for one.
WORST_SCORE_DB = -100.0
# Those that can search for one objective only.
SINGLE_OBJECTIVE = ("cmaes",)


def make_sampler(name: str, seed: int, number: int) -> BaseSampler:
    """Make the sampler that draws one trial.

    Every trial has a sampler of its own, mostly with a seed of its own, so that a sweep that goes on after a restart
    does not draw again what it drew at its beginning. What a sampler learns from is the study, not its own memory.

    Args:
        name: name in `SAMPLERS`.
        seed: random seed of the search.
        number: number of trials drawn before.

    Returns:
        The sampler.

    Raises:
        ConfigError: there is none of that name.
    """
    return lookup("sampler", SAMPLERS, name)(seed, number)


def ask(
    study: optuna.Study, sampler: BaseSampler, space: Callable[[optuna.Trial], Any], worst: Mapping[str, float]
) -> optuna.trial.Trial:
    """Begin a trial of a study.

    Optuna's TPE takes no pruned trials where there are several objectives. There the trial is drawn from a copy of the
    study in memory, in which pruned trials count with what they had reached, and then begun in the real one.

    Args:
        study: the study, of one objective or several.
        sampler: draws it.
        space: Optuna's define-by-run.
        worst: by name, the values of further objectives that stand for those of trials that were pruned before.

    Returns:
        The trial, whose settings `space` finds set where there are several objectives.
    """
    study.sampler = sampler
    if len(study.directions) == 1:
        return study.ask()
    copy = optuna.create_study(directions=study.directions, sampler=sampler)
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    copy.add_trials([_as_complete(trial, worst) for trial in study.get_trials(states=states)])
    copy_sampler_attributes(study, copy, _SAMPLERS_NOTES)
    drawn = copy.ask()
    with suppress(optuna.TrialPruned):  # the space forbids it, and will say so again
        space(drawn)
    copy_sampler_attributes(copy, study, _SAMPLERS_NOTES)
    study.enqueue_trial(drawn.params)
    return study.ask()


def _as_complete(trial: FrozenTrial, worst: Mapping[str, float]) -> FrozenTrial:
    if trial.state != TrialState.PRUNED:
        return trial
    nothing = WORST_SCORE_DB if LEFT_OUT in trial.user_attrs else float("nan")
    reached = max(trial.intermediate_values.items(), default=(0, nothing))[1]
    known: dict[str, float] = trial.user_attrs.get(FURTHER, {})
    return create_trial(
        state=TrialState.COMPLETE if reached == reached else TrialState.FAIL,
        values=[reached, *(known.get(name, value) for name, value in worst.items())] if reached == reached else None,
        params=trial.params,
        distributions=trial.distributions,
        system_attrs=trial.system_attrs,  # which limits it misses
    )
