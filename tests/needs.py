"""What some tests need of a machine: it is skipped only where it could not be installed."""

import os
import shutil

import pytest


def need(reason: str | None) -> None:
    """Go on, skip, or fail.

    Args:
        reason: what is not installed; None where all is there.
    """
    if reason is None:
        return
    if os.geteuid() == 0 and shutil.which("apt-get") is not None:
        pytest.fail(
            f"{reason}; `make test`, `make test-slow` and `make test-cluster` install it on a machine such as this one"
        )
    pytest.skip(reason)
