"""Whether a Ray cluster can be joined, asked before joining it: Ray itself waits for minutes where there is none."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from dssgan.errors import ConfigError

SECONDS_TO_CONNECT = 5.0
SECONDS_TO_JOIN = 12.0
# Where Ray notes the cluster that was started last on this machine.
_CURRENT_CLUSTER = Path("ray_current_cluster")
_PROBE = """
import logging, sys
import ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
"""
_START_ONE = "start one with `ray start --head`, or with `ray up` and a cluster file"


def require_cluster(address: str) -> None:
    """See to it that there is a cluster to join, within 20 s.

    Args:
        address: as for `ray.init`: "auto", HOST:PORT or ray://HOST:PORT.

    Raises:
        ConfigError: there is none, or it requires a token that this process does not have.
    """
    resolved = _resolved(address)
    host, _, port = resolved.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(f"{address}: is no address of a Ray cluster; give auto, HOST:PORT or ray://HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS_TO_CONNECT).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{address}: there is no Ray cluster ({resolved}: {reason}); {_START_ONE}") from error
    try:
        # In a process of its own, which can be ended while Ray waits. It gets the address as it was given, for Ray uses
        # this machine's token by itself for "auto" alone.
        probe = [sys.executable, "-c", _PROBE, address]
        done = subprocess.run(probe, capture_output=True, text=True, timeout=SECONDS_TO_JOIN, check=False)
        output, is_joined = done.stdout + done.stderr, done.returncode == 0
    except subprocess.TimeoutExpired as error:
        parts = (error.stdout or b"", error.stderr or b"")
        output, is_joined = "".join(part.decode(errors="replace") for part in parts if isinstance(part, bytes)), False
    if is_joined:
        return
    if "Unauthenticated" in output or "AuthenticationError" in output:
        raise ConfigError(
            f"{address}: the cluster requires its token: set RAY_AUTH_MODE=token, and put the output of `ray "
            "get-auth-token` on its head into ~/.ray/auth_token here"
        )
    raise ConfigError(f"{address}: what answers there is no Ray cluster, or one of another version; {_START_ONE}")


def _resolved(address: str) -> str:
    if address != "auto":
        return address
    current = Path(os.environ.get("RAY_TMPDIR") or "/tmp") / "ray" / _CURRENT_CLUSTER
    if "RAY_ADDRESS" in os.environ:
        return os.environ["RAY_ADDRESS"]
    try:
        return current.read_text().strip()
    except OSError as error:
        raise ConfigError(f"auto: no Ray cluster runs on this machine; {_START_ONE}, or give its address") from error
