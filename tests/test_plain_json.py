"""JSON that strict readers take."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssgan.plain_json import plain, to_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@given(VALUES)
def test_any_value_is_strict_json(value: object) -> None:
    assert json.loads(to_json(value), parse_constant=refuse) == plain(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_null(number: float) -> None:
    assert to_json({"score": number, "steps": [1, (number, 2.5)]}) == '{"score": null, "steps": [1, [null, 2.5]]}'


def test_scripts_stay_and_names_that_are_no_text_are_codes() -> None:
    assert to_json("größe") == '"größe"'
    assert to_json("caf\udce9") == '"caf\\udce9"'
