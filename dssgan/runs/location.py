"""Locations of runs: folders, and URLs of buckets such as s3://bucket/folder."""

from pathlib import Path
from urllib.parse import urlsplit

from dssgan.errors import ConfigError
from dssgan.runs.retry import DEFAULT_PATIENCE, Patience
from dssgan.runs.store import FolderStore, Store


def is_bucket(location: str | Path) -> bool:
    """Return whether a location is a bucket's URL."""
    return "://" in str(location)


def open_store(location: str | Path, patience: Patience = DEFAULT_PATIENCE) -> Store:
    """Open a folder or a bucket.

    Args:
        location: a folder, or a bucket's URL such as s3://bucket/folder or gs://bucket/folder. Keys come from the
            environment, as for any other program.
        patience: patience with a bucket that does not answer.

    Returns:
        The store.

    Raises:
        ConfigError: the URL contains a key or has an unknown scheme, or the bucket refuses the keys.
        WriteError: the bucket does not answer.
    """
    text = str(location)
    if not is_bucket(location):
        return FolderStore(Path(text).resolve())
    parts = urlsplit(text)
    if parts.username or "secret" in parts.query.lower():
        raise ConfigError(
            f"{parts.scheme}://...: has a key in its URL, where others can read it; give it in the environment"
        )
    from dssgan.runs.bucket import BucketStore  # pyarrow comes with the sweep extra

    store = BucketStore(text.rstrip("/"), patience)
    store.read_text("a file that need not be there")  # wrong keys fail here, not after the first training
    return store


def join(location: str | Path, name: str) -> str:
    """Return the location of a folder inside a location."""
    text = str(location)
    if not is_bucket(location):
        return str(Path(text) / name)
    url, question_mark, query = text.partition("?")
    return f"{url.rstrip('/')}/{name}{question_mark}{query}"


def beside(url: str, name: str) -> str:
    """Return the URL of a folder beside a bucket's folder."""
    base, question_mark, query = url.partition("?")
    return f"{base.rstrip('/').rpartition('/')[0]}/{name}{question_mark}{query}"
