"""What stops trials early, against cases worked out by hand."""

from collections import Counter

import pytest

from dssgan.errors import ConfigError
from dssgan.training.settings import make_config
from dssgan.tuning.search.options import SearchOptions
from dssgan.tuning.search.pruners import MIN_OTHERS, PRUNERS, Hyperband, MedianStopping, Pruner, make_pruner
from dssgan.tuning.search.rungs import StepPosition

CONFIGS = [make_config({"steps_per_epoch": 10, "supervised_epochs": 9, "adversarial_epochs": 9})]
SWITCH = StepPosition(90, 90, 180)


def pruner(name: str) -> Pruner:
    made = make_pruner(name, CONFIGS, 3)
    assert made is not None
    return made


@pytest.mark.parametrize("name", sorted(set(PRUNERS) - {"none"}))
def test_every_pruner_gives_phase_two_a_validation_and_the_last_step_its_score(name: str) -> None:
    judge = pruner(name)
    # trials that share a phase say the same in it, whatever comes of them
    assert all(judge.judge(trial, "one", SWITCH, 1.0) for trial in range(30))
    first, last = SWITCH._replace(steps=100), SWITCH._replace(steps=180)
    went_on = [judge.judge(trial, "one", first, 30.0 - trial) for trial in range(30)]
    assert went_on[0]
    assert not all(went_on)
    assert all(judge.judge(trial, "one", last, -9.0) for trial in range(30))


@pytest.mark.parametrize("name", sorted(set(PRUNERS) - {"none"}))
def test_a_pruner_that_is_replayed_judges_as_before(name: str) -> None:
    reports = [(trial, SWITCH._replace(steps=90 + 10 * epoch), 30.0 - trial + epoch)
               for trial in range(20) for epoch in (1, 2, 3)]  # fmt: skip
    first, second = pruner(name), pruner(name)
    for trial, place, score in reports:
        first.judge(trial, f"{trial}", place, score)
        second.replay(trial, f"{trial}", place, score)
    place = SWITCH._replace(steps=120)
    for trial in range(20, 40):
        score = 15.0 + trial % 7
        assert first.judge(trial, f"{trial}", place, score) == second.judge(trial, f"{trial}", place, score)


def test_median_stopping() -> None:
    judge = MedianStopping()
    place = StepPosition(10, 90, 180)
    for trial, score in enumerate((1.0, 2.0, 3.0, 4.0)):
        assert judge.judge(trial, f"{trial}", place, score)  # the others are fewer than MIN_OTHERS
    assert MIN_OTHERS == 4
    assert judge.judge(4, "4", place, 2.5)  # the median of four
    assert not judge.judge(5, "5", place, 2.4)  # below that of five, which is 2.5
    # its best counts, and the others' bests when they were here
    later = place._replace(steps=20)
    for trial, score in enumerate((9.0, 9.0, 9.0, 0.0)):
        judge.judge(trial, f"{trial}", later, score)
    assert judge.judge(4, "4", later, 9.0)
    assert not judge.judge(6, "6", place, 2.4)
    assert judge.judge(7, "7", place, 2.6)


def test_hyperbands_brackets() -> None:
    band = Hyperband(CONFIGS, 3)
    assert [bracket.supervised.positions for bracket in band.brackets] == [(22, 66), (66,), ()]
    assert [bracket.adversarial.positions for bracket in band.brackets] == [(10, 30), (30,), ()]
    # shares of 3^2 / 3, 3 / 2 and 1 / 1
    counts = Counter(band.bracket_of(trial) for trial in range(1100))
    assert [counts[number] / 200 for number in range(3)] == pytest.approx([3.0, 1.5, 1.0], abs=0.02)
    patient = next(trial for trial in range(99) if band.bracket_of(trial) == 2)
    hasty = [trial for trial in range(99) if band.bracket_of(trial) == 0]
    place = SWITCH._replace(steps=100)
    assert band.judge(hasty[0], "x", place, 1.0)
    assert not band.judge(hasty[1], "x", place, 0.0)
    assert band.judge(patient, "x", place, -9.0)


def test_none_and_unknown() -> None:
    assert make_pruner("none", CONFIGS, 3) is None
    with pytest.raises(ConfigError, match=r"pruner.*medain.*median"):
        SearchOptions(4, pruner="medain")
    with pytest.raises(ConfigError, match="--pruner none"):
        SearchOptions(4, reduction_factor=1)
