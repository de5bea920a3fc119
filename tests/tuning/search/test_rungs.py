"""Early stopping as arithmetic, against brackets worked out by hand."""

import pytest

from dssgan.training.settings import make_config
from dssgan.tuning.search.rungs import Brackets, Rungs, StepPosition
from dssgan.tuning.search.space import find_space


def test_rungs_rise_by_the_factor_and_end_before_the_last_step() -> None:
    assert Rungs.geometric(16, 80, 3).positions == (16, 48)
    assert Rungs.geometric(10, 90, 3).positions == (10, 30)  # 90 is the end, where nobody is stopped
    assert Rungs.geometric(100, 100, 3).positions == ()
    assert Rungs.geometric(0, 100, 3).positions == ()


def test_one_in_three_goes_on() -> None:
    rungs = Rungs((10,), 3)
    # the first always does; of n that have come, the best ceil(n / 3)
    assert [rungs.judge(trial, trial, 10, score) for trial, score in enumerate((1.0, 2.0, 0.0, 1.5, 3.0, 2.5))] == [
        True, True, False, True, True, True,
    ]  # fmt: skip
    assert rungs.judge(0, 0, 12, -9.0)  # judged once
    assert rungs.judge(9, 9, 9, -9.0)  # not there yet


def test_a_rung_that_is_passed_over_counts() -> None:
    rungs = Rungs((10, 30), 2)
    assert rungs.judge(0, 0, 40, 1.0)
    assert not rungs.judge(1, 1, 10, 0.0)
    assert not rungs.judge(2, 2, 40, 0.5)


def test_trials_that_share_a_phase_are_one_entrant() -> None:
    brackets = Brackets([make_config({"steps_per_epoch": 10, "supervised_epochs": 9, "adversarial_epochs": 3})], 3)
    assert brackets.supervised.positions == (22, 66)  # a quarter of phase one, and three times that
    assert brackets.adversarial.positions == (10,)
    at = StepPosition(30, 90, 120)
    assert brackets.judge(0, "one", at, 1.0)
    # five trials that take over one phase say the same, and neither stop one another nor count five times
    assert all(brackets.judge(trial, "one", at, 1.0) for trial in range(1, 6))
    assert not brackets.judge(6, "two", at, 0.5)
    assert brackets.judge(7, "three", at, 1.5)


def test_adversarial_weights_are_judged_by_steps_past_the_switch() -> None:
    brackets = Brackets([make_config({"steps_per_epoch": 10, "supervised_epochs": 9, "adversarial_epochs": 9})], 3)
    switch = StepPosition(90, 90, 180)
    assert brackets.judge(0, "one", switch._replace(steps=100), 2.0)
    assert not brackets.judge(1, "one", switch._replace(steps=100), 1.0)
    # at its very end nobody is stopped
    assert brackets.judge(1, "one", switch._replace(steps=180), 0.0)


def test_what_was_judged_before_is_not_judged_again() -> None:
    brackets = Brackets([make_config({"steps_per_epoch": 10, "supervised_epochs": 9, "adversarial_epochs": 3})], 2)
    at = StepPosition(30, 90, 120)
    for trial, score in enumerate((3.0, 2.0, 1.0)):
        brackets.replay(trial, f"{trial}", at, score)
    assert brackets.judge(2, "2", at, 1.0)  # it went on then
    assert not brackets.judge(3, "3", at, 1.5)


@pytest.mark.parametrize(
    ("name", "supervised", "adversarial"), [("quick", 2, 2), ("paper", 2, 3), ("full", 2, 3), ("gpu", 2, 3)]
)
def test_shipped_spaces_have_several_rungs_in_phase_one(name: str, supervised: int, adversarial: int) -> None:
    brackets = Brackets(find_space(name).check({}), 3)
    assert len(brackets.supervised.positions) == supervised
    assert len(brackets.adversarial.positions) == adversarial


def test_a_rung_past_the_switch_is_not_reached_before_as_many_steps_past_it() -> None:
    brackets = Brackets([make_config({"steps_per_epoch": 10, "supervised_epochs": 9, "adversarial_epochs": 9})], 3)
    assert brackets.adversarial.positions[0] == 10
    early = StepPosition(95, 90, 180)
    assert brackets.judge(0, "one", early, 2.0)
    assert brackets.judge(1, "one", early, 1.0)
    late = early._replace(steps=100)
    assert brackets.judge(0, "one", late, 2.0)
    assert not brackets.judge(1, "one", late, 1.0)
