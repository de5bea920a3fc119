"""Where a study lives: a SQLite file, a database server, or a journal file."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.engine import URL
from sqlalchemy.exc import InterfaceError, OperationalError

from dssgan.errors import ConfigError, WriteError
from dssgan.runs.retry import DEFAULT_PATIENCE, Patience

SECONDS_TO_WAIT_FOR_A_LOCK = 60

# What a database that is away, locked or full makes Optuna raise.
DATABASE_ERRORS = (StorageInternalError, OperationalError, InterfaceError)

Result = TypeVar("Result")


def _sqlite(url: str) -> BaseStorage:
    return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": SECONDS_TO_WAIT_FOR_A_LOCK}})


def _journal(url: str) -> BaseStorage:
    return JournalStorage(JournalFileBackend(url.removeprefix("journal://")))


def _server(url: str) -> BaseStorage:
    # a connection that the server closed meanwhile is made anew
    return RDBStorage(url, engine_kwargs={"pool_pre_ping": True})


# How a URL begins -> what opens it; everything else is a database server for SQLAlchemy.
OPENERS: dict[str, Callable[[str], BaseStorage]] = {"sqlite://": _sqlite, "journal://": _journal}


def open_storage(url: str) -> BaseStorage:
    """Open a study's storage.

    Args:
        url: any Optuna storage URL without a password, such as sqlite:///study.db or
            postgresql+psycopg://user@host/studies, or journal://FILE.

    Returns:
        The storage.

    Raises:
        ConfigError: it cannot be opened, or the URL holds a password.
    """
    _refuse_password(url)
    opener = next((opener for start, opener in OPENERS.items() if url.startswith(start)), _server)
    try:
        return opener(url)
    except Exception as error:  # each database driver has errors of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"study at {url.partition(':')[0]}://...: cannot be opened ({reason})") from error


def _refuse_password(url: str) -> None:
    # a command line is seen by everybody on the machine, and it is part of a run's record
    try:
        parts = urlsplit(url)
        secret = parts.password is not None or "password=" in parts.query.lower()
    except ValueError:  # no URL: opening it says so
        return
    if secret:
        raise ConfigError(
            f"study at {url.partition(':')[0]}://...: has a password in its URL, where others can read it; give it as "
            "PGPASSWORD in the environment or in ~/.pgpass"
        )


def default_url(folder: Path) -> str:
    """Return the URL of a sweep's own SQLite file."""
    return sqlite_url(folder / "study.db")


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file, with any name.

    A URL ends its path at "?" and reads "%" as the beginning of a code, and Optuna fills in what stands between braces.
    """
    return str(URL.create("sqlite", database=str(path.resolve())).render_as_string())


def load_study(name: str, storage: BaseStorage) -> optuna.Study:
    """Load a study that exists.

    Args:
        name: the study's name.
        storage: where it lives.

    Returns:
        The study.

    Raises:
        ConfigError: there is none of that name.
    """
    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError as error:
        raise ConfigError(f"study {name}: is not in this storage; check --name and --study") from error


def patiently(
    function: Callable[[], Result],
    patience: Patience = DEFAULT_PATIENCE,
    *,
    on_message: Callable[[str], None] = lambda _: None,
) -> Result:
    """Call a function on a study, again and again while its database is away.

    Args:
        function: must do no harm when it is done twice.
        patience: how long to wait.
        on_message: called once when the database does not answer, and once when it does again.

    Returns:
        What the function gives.

    Raises:
        WriteError: the disk under the database is full.
        StorageInternalError: the database is away for longer.
    """

    def attempt() -> Result:
        try:
            return function()
        except DATABASE_ERRORS as error:
            cause = str(error.__cause__ or error)
            if "disk is full" in cause or "disk I/O error" in cause:
                raise WriteError("the study's file cannot be written; make space") from error
            raise

    return patience.attempt(attempt, *DATABASE_ERRORS, what="the study's database", on_message=on_message)
