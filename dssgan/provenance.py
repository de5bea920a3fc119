"""What a run was made with, so that it can be made again."""

import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# the packages whose version can change a figure
PACKAGES = ("dssgan", "torch", "numpy", "scipy", "soundfile", "soxr", "ray", "optuna", "museval")


def describe_run(**facts: Any) -> dict[str, Any]:
    """Record a run's surroundings.

    Args:
        facts: what else belongs in the record: seeds, settings, data fingerprints.

    Returns:
        The time, the machine, versions of the packages that are installed and the command that repeats the run, then
        `facts`.
    """
    program, *arguments = sys.argv
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(program).name, *arguments]),
        "machine": {"platform": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {package: found for package in PACKAGES if (found := _version(package))},
        **facts,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
