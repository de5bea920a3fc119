"""What the tests of synthetic songs share."""

import pytest

from dssgan.errors import DataError
from dssgan.synthesis import instruments


@pytest.fixture
def played() -> instruments.Instruments:
    """This machine's instruments."""
    try:
        return instruments.find()
    except DataError as error:
        pytest.skip(f"no instruments to play on: {error}")
