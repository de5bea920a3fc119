"""A sweep that learns from an earlier one."""

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from dssgan.errors import ConfigError
from dssgan.tuning.search.attributes import TAKEN_OVER
from dssgan.tuning.search.samplers import ask, make_sampler
from dssgan.tuning.search.space import SearchSpace
from dssgan.tuning.search.warm_start import take_over_trials

SPACE = SearchSpace("space.py", 'def space(trial):\n    trial.suggest_float("alpha", 0, 1)\n')


def study(*alphas: float, high: float = 1.0, name: str = "alpha") -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = optuna.create_study(direction="maximize", study_name="earlier")
    for alpha in alphas:
        made.add_trial(create_trial(
            value=-abs(alpha - 0.7), params={name: alpha}, distributions={name: FloatDistribution(0, high)},
        ))  # fmt: skip
    return made


def test_the_sampler_begins_where_the_earlier_sweep_ended() -> None:
    alphas = [number / 30 for number in range(30)]
    new = optuna.create_study(direction="maximize")
    assert take_over_trials(new, study(*alphas), SPACE) == 30
    assert [trial.user_attrs.get(TAKEN_OVER) for trial in new.trials] == 30 * ["earlier"] + [None]
    drawn = []
    for number in range(11):
        trial = ask(new, make_sampler("tpe", 0, number), SPACE, 0.0)
        SPACE.draw(trial)
        drawn.append(trial.params["alpha"])
        new.tell(trial, state=TrialState.FAIL)
    # nobody told it in this sweep that 0.7 is best: the best of the earlier trials comes first
    assert drawn.pop(0) == 21 / 30
    assert sum(abs(alpha - 0.7) < 0.2 for alpha in drawn) >= 7


def test_what_does_not_fit_is_named() -> None:
    new = optuna.create_study(direction="maximize")
    with pytest.raises(ConfigError, match=r"earlier fits this space: alpha \(1.5 there, .*high=1"):
        take_over_trials(new, study(1.5, high=2.0), SPACE)
    with pytest.raises(ConfigError, match=r"beta \(the space does not draw it\)"):
        take_over_trials(new, study(0.5, name="beta"), SPACE)
    with pytest.raises(ConfigError, match="no finished trial"):
        take_over_trials(new, study(), SPACE)
    with pytest.raises(ConfigError, match="other objectives"):
        take_over_trials(optuna.create_study(directions=["maximize", "minimize"]), study(0.5), SPACE)
    assert not new.trials


def test_trials_beyond_the_new_range_are_left_out() -> None:
    new = optuna.create_study(direction="maximize")
    assert take_over_trials(new, study(0.2, 1.5, 0.6, high=2.0), SPACE) == 2
    assert [trial.params["alpha"] for trial in new.trials if TAKEN_OVER in trial.user_attrs] == [0.2, 0.6]
    assert [trial.state for trial in new.trials].count(TrialState.WAITING) == 1
