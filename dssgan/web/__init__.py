"""What the pages of the report and of the app share: the player, and how they look."""

from importlib import resources
from importlib.resources.abc import Traversable

FILES = ("transport.js", "stretch.js", "theme.css")


def find(name: str) -> Traversable:
    """Return one of `FILES`."""
    return resources.files(__name__) / name


def read(name: str) -> str:
    """Return the text of one of `FILES`."""
    return find(name).read_text("utf-8")


def read_joined(*names: str) -> str:
    """Return modules of `FILES` as one script, for a page without further files: each before those that import it."""
    lines = (line for name in names for line in read(name).splitlines() if not line.startswith("import "))
    return "\n".join(line.removeprefix("export ") for line in lines)
