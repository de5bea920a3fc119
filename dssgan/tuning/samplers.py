"""What proposes a trial's settings: Optuna's samplers by name."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from dssgan.configurable import lookup

Factory = Callable[[int], BaseSampler]


def _tpe(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # the constant liar keeps trials that run side by side from being one
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)


def _seeded(kind: Callable[..., BaseSampler], seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return kind(seed=seed)


SAMPLERS: dict[str, Factory] = {
    "tpe": _tpe,
    "random": partial(_seeded, optuna.samplers.RandomSampler),
    "gp": partial(_seeded, optuna.samplers.GPSampler),
    "nsga2": partial(_seeded, optuna.samplers.NSGAIISampler),
    "nsga3": partial(_seeded, optuna.samplers.NSGAIIISampler),
    "brute_force": partial(_seeded, optuna.samplers.BruteForceSampler),
}


def make_sampler(name: str, seed: int, number: int) -> BaseSampler:
    """Make the sampler that draws one trial.

    Every trial has a sampler with a seed of its own, so that a sweep that goes on after a restart does not draw again
    what it drew at its beginning. What a sampler learns from is the study, not its own memory.

    Args:
        name: in `SAMPLERS`.
        seed: of the search.
        number: of trials drawn before.

    Returns:
        The sampler.

    Raises:
        ConfigError: there is none of that name.
    """
    return lookup("sampler", SAMPLERS, name)(seed * 1_000_003 + number)


def ask(
    study: optuna.Study, sampler: BaseSampler, space: Callable[[optuna.Trial], Any], penalty: float
) -> optuna.trial.Trial:
    """Begin a trial of a study.

    Optuna's TPE takes no pruned trials where there are several objectives. There the trial is drawn from a copy of the
    study in memory, in which pruned trials count with what they had reached, and then begun in the real one.

    Args:
        study: with one objective or several.
        sampler: draws it.
        space: Optuna's define-by-run.
        penalty: value of a further objective that a trial was pruned before it told.

    Returns:
        The trial, whose settings `space` finds set where there are several objectives.
    """
    study.sampler = sampler
    if len(study.directions) == 1:
        return study.ask()
    copy = optuna.create_study(directions=study.directions, sampler=sampler)
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    copy.add_trials([_as_complete(trial, len(study.directions), penalty) for trial in study.get_trials(states=states)])
    drawn = copy.ask()
    space(drawn)
    study.enqueue_trial(drawn.params)
    return study.ask()


def _as_complete(trial: FrozenTrial, num_objectives: int, penalty: float) -> FrozenTrial:
    if trial.state != TrialState.PRUNED:
        return trial
    reached = max(trial.intermediate_values.items(), default=(0, float("nan")))[1]
    further: Sequence[float] = trial.user_attrs.get("further_values", [penalty] * (num_objectives - 1))
    return create_trial(
        state=TrialState.COMPLETE if reached == reached else TrialState.FAIL,
        values=[reached, *further] if reached == reached else None,
        params=trial.params,
        distributions=trial.distributions,
    )
