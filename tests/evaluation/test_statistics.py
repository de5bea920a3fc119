"""Comparisons of methods, against numbers by hand and scipy's."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dssgan.errors import DataError
from dssgan.evaluation.statistics import compare, interval

SCORES = st.lists(st.integers(-80, 80), min_size=3, max_size=12)


def test_every_track_better_by_hand() -> None:
    # six tracks, all better: of the 2^6 ways to sign the ranks one is as good and one as bad, so p = 2 / 64
    found = compare(np.array([1.1, 2.2, 3.3, 4.4, 5.5, 6.6]), np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert found.mean == pytest.approx(0.35)
    assert found.p_value == pytest.approx(2 / 64)
    assert found.num_tracks == 6
    assert 0.1 < found.low < 0.35 < found.high < 0.6
    assert math.isnan(found.seed_spread)


def test_seeds_are_averaged_before_tracks_are_counted() -> None:
    first = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
    found = compare(first, np.zeros((2, 3)))
    assert found.num_tracks == 3
    assert found.mean == pytest.approx(3.0)
    assert found.seed_spread == pytest.approx(math.sqrt(2))  # means of 2 and 4
    single = compare(first.mean(axis=0), np.zeros(3))
    assert found.p_value == single.p_value
    assert (found.low, found.high) == (single.low, single.high)


def test_tracks_without_a_score_are_dropped_and_counted() -> None:
    found = compare(np.array([1.0, math.nan, 3.0, math.inf]), np.array([0.0, 1.0, 1.0, 2.0]))
    assert (found.num_tracks, found.num_dropped) == (2, 2)
    assert found.mean == pytest.approx(1.5)


def test_the_same_is_no_difference() -> None:
    found = compare(np.arange(5.0), np.arange(5.0))
    assert (found.mean, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_a_gain_alike_on_every_track_has_an_interval_of_one_point() -> None:
    others = np.array([0.0, 1.1, 2.2, 3.3, 4.4])
    found = compare(others + 0.1, others)  # 0.1 but for rounding, which differs from track to track
    assert len(set(others + 0.1 - others)) > 1
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))


def test_one_track_has_no_interval() -> None:
    found = compare(np.array([2.0]), np.array([1.0]))
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_nothing_in_common_is_refused() -> None:
    with pytest.raises(DataError, match="nothing to compare"):
        compare(np.array([math.nan]), np.array([1.0]))
    with pytest.raises(DataError, match="compare the same ones"):
        compare(np.zeros(3), np.zeros(4))


@settings(max_examples=5)  # thousands of resamples each
@given(SCORES)
def test_turned_round_sign_and_ends_turn(values: list[int]) -> None:
    scores = np.array(values, np.float64) / 8
    there, back = compare(scores, np.zeros_like(scores)), compare(np.zeros_like(scores), scores)
    assert there.mean == pytest.approx(-back.mean)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p_value == pytest.approx(back.p_value)


@settings(max_examples=5)
@given(SCORES, st.integers(-40, 40))
def test_an_interval_moves_with_its_values(values: list[int], shift: int) -> None:
    scores = np.array(values, np.float64) / 8
    low, high = interval(scores)
    assert low <= high
    moved = interval(scores + shift)
    assert moved == pytest.approx((low + shift, high + shift), abs=1e-6)


def test_more_confidence_is_wider() -> None:
    values = np.random.default_rng(0).normal(size=20)
    narrow, wide = interval(values, confidence=0.5), interval(values, confidence=0.99)
    assert wide[0] < narrow[0] < values.mean() < narrow[1] < wide[1]
