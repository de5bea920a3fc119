"""Let a sweep learn from an earlier one."""

import optuna
from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.trial import FrozenTrial, TrialState, create_trial

from dssgan.errors import ConfigError
from dssgan.tuning.search.attributes import AXIS, FURTHER, SETTINGS, TAKEN_OVER
from dssgan.tuning.search.space import SearchSpace
from dssgan.tuning.search.study import contains

# Of each earlier study, so many of the best settings are trained again before anything is drawn.
NUM_ENQUEUED = 1


def take_over_trials(study: optuna.Study, earlier: optuna.Study, space: SearchSpace) -> int:
    """Copy an earlier study's finished trials into a new one, for the sampler to learn from, and try its best first.

    Trials whose settings the space does not draw, or draws from a range without them, are left out. Copies are marked,
    and count neither as trials of the new sweep nor among its best.

    Args:
        study: the new one.
        earlier: the earlier one, of the same objectives.
        space: space of the new sweep.

    Returns:
        How many were copied.

    Raises:
        ConfigError: no earlier trial fits the space, or there are none.
    """
    if earlier.directions != study.directions:
        raise ConfigError(f"study {earlier.study_name}: has other objectives; a sweep cannot start from it")
    trials = earlier.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    if not trials:
        raise ConfigError(f"study {earlier.study_name}: has no finished trial to start from")
    known: dict[str, BaseDistribution] = {}
    for _, distributions in space.samples():
        known |= distributions
    reasons = [_misfit(trial, known) for trial in trials]
    fitting = [trial for trial, reason in zip(trials, reasons, strict=True) if reason is None]
    if not fitting:
        raise ConfigError(f"{space.name}: no trial of study {earlier.study_name} fits this space: {reasons[0]}")
    study.add_trials([_copy(trial, earlier.study_name, known) for trial in fitting])
    complete = [trial for trial in fitting if trial.state == TrialState.COMPLETE]
    for trial in sorted(complete, key=lambda trial: -trial.values[0])[:NUM_ENQUEUED]:
        study.enqueue_trial(trial.params)
    return len(fitting)


def _misfit(trial: FrozenTrial, known: dict[str, BaseDistribution]) -> str | None:
    for key, distribution in trial.distributions.items():
        if key not in known:
            return f"{key} (the space does not draw it)"
        try:
            check_distribution_compatibility(distribution, known[key])
        except ValueError:
            return f"{key} ({distribution} there, {known[key]} here)"
        if not contains(known[key], trial.params[key]):
            return f"{key} ({trial.params[key]} there, {known[key]} here)"
    return None


def _copy(trial: FrozenTrial, study_name: str, known: dict[str, BaseDistribution]) -> FrozenTrial:
    kept = {key: value for key, value in trial.user_attrs.items() if key in (SETTINGS, AXIS, FURTHER)}
    return create_trial(
        state=trial.state, values=trial.values, params=trial.params,
        distributions={key: known[key] for key in trial.params}, intermediate_values=trial.intermediate_values,
        user_attrs={**kept, TAKEN_OVER: study_name}, system_attrs=trial.system_attrs,
    )  # fmt: skip
