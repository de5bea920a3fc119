"""Let a sweep learn from an earlier one."""

import optuna
from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.trial import FrozenTrial, TrialState, create_trial

from dssgan.errors import ConfigError
from dssgan.tuning.attributes import AXIS, SETTINGS, TAKEN_OVER
from dssgan.tuning.space import NUM_CHECKS, SearchSpace


def take_over_trials(study: optuna.Study, earlier: optuna.Study, space: SearchSpace) -> int:
    """Copy an earlier study's finished trials into a new one, for the sampler to learn from.

    They are marked, and count neither as trials of the new sweep nor among its best.

    Args:
        study: the new one.
        earlier: the earlier one, of as many objectives.
        space: of the new sweep.

    Returns:
        How many there were.

    Raises:
        ConfigError: the earlier trials do not fit the space, or there are none.
    """
    if len(earlier.directions) != len(study.directions):
        raise ConfigError(f"study {earlier.study_name}: has other objectives; a sweep cannot start from it")
    trials = earlier.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    if not trials:
        raise ConfigError(f"study {earlier.study_name}: has no finished trial to start from")
    known = _distributions(space)
    copies = [_copy(trial, earlier.study_name, known, space.name) for trial in trials]
    study.add_trials(copies)
    return len(copies)


def _distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    known: dict[str, BaseDistribution] = {}
    for _ in range(NUM_CHECKS):
        trial = study.ask()
        space.draw(trial)
        known |= trial.distributions
    return known


def _copy(trial: FrozenTrial, study_name: str, known: dict[str, BaseDistribution], space: str) -> FrozenTrial:
    for key, distribution in trial.distributions.items():
        reason = "the space does not draw it"
        try:
            if key in known:
                check_distribution_compatibility(distribution, known[key])
                continue
        except ValueError:
            reason = f"{distribution} there, {known[key]} here"
        raise ConfigError(f"{space}: study {study_name} does not fit this space: {key} ({reason})")
    kept = {key: value for key, value in trial.user_attrs.items() if key in (SETTINGS, AXIS)}
    return create_trial(
        state=trial.state, values=trial.values, params=trial.params, distributions=trial.distributions,
        intermediate_values=trial.intermediate_values, user_attrs={**kept, TAKEN_OVER: study_name},
    )  # fmt: skip
