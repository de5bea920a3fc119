"""The processes of Ray on this machine, and whose they are."""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path


def processes_of_ray(sessions: Collection[int]) -> dict[int, str]:
    """List Ray's own processes and its workers in sessions of the operating system: command lines by process."""
    found = {}
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            line = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            number = int(process.parent.name)
            is_rays = line.startswith("ray::") or "/raylet/raylet" in line or "/gcs/gcs_server" in line
            if is_rays and os.getsid(number) in sessions:
                found[number] = line
    return found
