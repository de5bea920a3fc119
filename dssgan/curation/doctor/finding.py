"""The doctor's findings."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One fault.

    Attributes:
        severity: "error" spoils training, "warning" is worth a look.
        check: which examination found it.
        message: what is wrong, with the figure, in one line.
        advice: what to do about it.
        partition: where the track is; empty for the whole data set.
        track: its name; empty for the whole data set.
        file: the file at fault; empty for the whole track.
        value: the figure.
    """

    severity: Severity
    check: str
    message: str
    advice: str
    partition: str = ""
    track: str = ""
    file: str = ""
    value: float | None = None
