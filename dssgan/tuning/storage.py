"""Where a study lives: a SQLite file, a database server, or a journal file."""

from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from dssgan.errors import ConfigError

SECONDS_TO_WAIT_FOR_A_LOCK = 60


def _sqlite(url: str) -> BaseStorage:
    return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": SECONDS_TO_WAIT_FOR_A_LOCK}})


def _journal(url: str) -> BaseStorage:
    return JournalStorage(JournalFileBackend(url.removeprefix("journal://")))


# How a URL begins -> what opens it; everything else is left to SQLAlchemy.
OPENERS: dict[str, Callable[[str], BaseStorage]] = {"sqlite://": _sqlite, "journal://": _journal}


def open_storage(url: str) -> BaseStorage:
    """Open a study's storage.

    Args:
        url: any Optuna storage URL, such as sqlite:///study.db or postgresql+psycopg://host/studies, or
            journal://FILE.

    Returns:
        The storage.

    Raises:
        ConfigError: it cannot be opened.
    """
    opener = next((opener for start, opener in OPENERS.items() if url.startswith(start)), RDBStorage)
    try:
        return opener(url)
    except Exception as error:  # each database driver has errors of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        # the URL may hold a password, so only its kind is shown
        raise ConfigError(f"study at {url.partition(':')[0]}://...: cannot be opened ({reason})") from error


def default_url(folder: Path) -> str:
    """Give the URL of a sweep's own SQLite file."""
    return f"sqlite:///{(folder / 'study.db').resolve()}"


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
