"""What the tests of synthetic songs share."""

import pytest

from dssgan.data.synthetic import instruments
from dssgan.errors import DataError


@pytest.fixture
def played() -> instruments.Instruments:
    """This machine's instruments."""
    try:
        return instruments.find()
    except DataError as error:
        pytest.skip(f"no instruments to play on: {error}")
