"""Learning rates against numbers worked out by hand."""

import pytest

from dssgan.training.schedules import learning_rate_factor


def factors(schedule: str, steps: list[int], **settings: float) -> list[float]:
    given = {"warmup_steps": 0, "num_steps": 10, "final": 0.0, **settings}
    return [learning_rate_factor(step, schedule=schedule, **given) for step in steps]  # type: ignore[arg-type]


def test_constant() -> None:
    assert factors("constant", [0, 5, 100]) == [1, 1, 1]


def test_warm_up_is_linear_and_never_zero() -> None:
    assert factors("constant", [0, 1, 2, 3, 4], warmup_steps=4) == [0.25, 0.5, 0.75, 1, 1]


def test_cosine_falls_from_one_to_its_end() -> None:
    assert factors("cosine", [0, 5, 10, 11]) == pytest.approx([1, 0.5, 0, 0])
    assert factors("cosine", [2, 6, 10], warmup_steps=2, final=0.2) == pytest.approx([1, 0.6, 0.2])
    # half a cosine, not a line: 2.5 of 10 steps are at (1 + cos(pi / 4)) / 2
    assert factors("cosine", [25], num_steps=100) == pytest.approx([0.853553], abs=1e-6)
