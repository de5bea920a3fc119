"""The suite's own ground: what shares one Ray, or what is expensive to make, runs on one worker."""

import os

import pytest

GROUP = "group of its own"


@pytest.mark.xdist_group(GROUP)
def test_groups_are_told_to_the_scheduler(request: pytest.FixtureRequest) -> None:
    # pytest-xdist 3.8 hands groups on in a test's id, which pytest 9.2 no longer lets it change: then two Rays run at
    # once and nothing says so (pytest-dev/pytest-xdist#1386)
    if os.environ.get("PYTEST_XDIST_WORKER") and request.config.getoption("loadgroup"):
        assert request.node.nodeid.endswith(f"@{GROUP}")
