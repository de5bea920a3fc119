"""A PostgreSQL server of the test's own on a loopback port, which wants a password."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from needs import need

USER = "searcher"


def missing() -> str | None:
    """Say why there can be none on this machine; None where there can."""
    if _programs() is None:
        return "needs PostgreSQL's server (Debian: postgresql)"
    if os.geteuid() == 0 and (shutil.which("setpriv") is None or not _has_user()):
        return "needs setpriv and a user postgres, since the server refuses to run as root"
    return None


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Args:
        port: on 127.0.0.1.
        folder: of its data.
    """

    port: int
    folder: Path

    @property
    def url(self) -> str:
        """Optuna's URL of its database, without the password."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        """Take it away in the middle of whatever it does."""
        _run("pg_ctl", "stop", "-m", "immediate", "-w", "-D", str(self.folder))

    def start(self) -> None:
        """Have it there again."""
        log = str(self.folder / "log")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        _run("pg_ctl", "start", "-w", "-D", str(self.folder), "-l", log, "-o", options)


@contextmanager
def running(password: str) -> Iterator[Server]:
    """Have a server run meanwhile.

    Args:
        password: of its only user.
    """
    need(missing())
    with tempfile.TemporaryDirectory(prefix="dssgan-postgresql-") as scratch:
        folder, secret = Path(scratch) / "data", Path(scratch) / "password"
        secret.write_text(password)
        if os.geteuid() == 0:
            for path in (Path(scratch), secret):
                shutil.chown(path, "postgres", "postgres")
        _run("initdb", "-D", str(folder), "-U", USER, "-A", "scram-sha-256", "--pwfile", str(secret), "-N")
        secret.unlink()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = Server(port, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _programs() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in reversed(places) if (place / "pg_ctl").exists()), None)


def _has_user() -> bool:
    return any(line.startswith("postgres:") for line in Path("/etc/passwd").read_text().splitlines())


def _run(program: str, *arguments: str) -> None:
    programs = _programs()
    assert programs is not None
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*as_user, programs / program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=60, check=False, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
