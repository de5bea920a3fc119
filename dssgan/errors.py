"""Errors that a user can correct.

Every message names the thing at fault and what to do about it; the command line prints it as one line and exits
with code 2. Anything else that is raised is a fault of dssgan itself.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class DssganError(Exception):
    """Base of every error that names a fault in the user's input or surroundings."""


class AudioError(DssganError):
    """An audio file or array that cannot be used."""


class DataError(DssganError):
    """A data set, manifest or partition that cannot be used."""


class ConfigError(DssganError):
    """A setting, search space or command that cannot be used."""


class ModelError(DssganError):
    """A model, checkpoint or ensemble that cannot be used."""


class WriteError(DssganError):
    """A file that cannot be written: the disk is full, or there is no permission."""


class DivergedError(DssganError):
    """Training reached a loss that is not a finite number."""


class TrainingInterruptedError(DssganError):
    """A training that was asked to stop, and has written a checkpoint."""


class RayEndedError(DssganError):
    """Ray ended on this machine under the work. The process can go on, but its own end takes Ray a minute."""


def printable(thing: object) -> str:
    """Return text that any terminal can print, even of a file name that is no valid Unicode."""
    return str(thing).encode(errors="surrogateescape").decode(errors="replace")


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return a message that `name` is not among `known`, with the most similar names first.

    Args:
        kind: what `name` was meant to be, such as "architecture".
        name: what the user wrote.
        known: every valid name.

    Returns:
        One line for an error message.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(names)}"
    return f"unknown {kind} {name!r}: {hint}"
