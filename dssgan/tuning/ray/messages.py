"""Messages that a trial's process sends to its sweep, as the results that Ray Tune passes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_KEY = "message"  # of a result; Ray Tune flattens dictionaries in results, and leaves other objects as they are


@dataclass(frozen=True)
class Message:
    """A report of a trial's process."""

    def as_result(self) -> dict[str, Any]:
        """Return a result for Ray Tune to pass on."""
        return {_KEY: self}


@dataclass(frozen=True)
class Placed(Message):
    """The trial has begun.

    Args:
        machine: where it runs, and what it has there.
    """

    machine: str


@dataclass(frozen=True)
class Measured(Message):
    """The separator's size and speed are known.

    Args:
        real_time_factor: seconds of work for a second of sound, where it is an objective; None otherwise.
        excess: by limit, how far the separator is beyond it.
    """

    real_time_factor: float | None
    excess: dict[str, float]


@dataclass(frozen=True)
class Validated(Message):
    """An epoch has been validated.

    Args:
        metrics: what `dssgan.training.phases.train` reports.
    """

    metrics: dict[str, float]

    @property
    def epoch(self) -> int:
        """The epoch, on the axis that all trainings share."""
        return int(self.metrics["epoch"])

    @property
    def phase(self) -> int:
        """1 for the supervised phase, 2 for the adversarial one."""
        return int(self.metrics["phase"])

    @property
    def score(self) -> float:
        """The score that trials are compared by."""
        return self.metrics["score"]

    @property
    def best_score(self) -> float:
        """The best score of all epochs so far."""
        return self.metrics["best_score"]

    @property
    def is_reused(self) -> bool:
        """Whether another trial trained this epoch, whose supervised phase this one took over."""
        return "reused_until" in self.metrics

    @property
    def is_last_reused(self) -> bool:
        """Whether this is the last epoch that was taken over."""
        return self.epoch == self.metrics.get("reused_until")


@dataclass(frozen=True)
class Skipped(Message):
    """The separator misses a limit, so it is not trained.

    Args:
        reason: which limit, for people.
    """

    reason: str


@dataclass(frozen=True)
class Failed(Message):
    """The training failed; it would fail again.

    Args:
        reason: one line for people.
    """

    reason: str


@dataclass(frozen=True)
class Interrupted(Message):
    """The training cannot go on for now, for a reason outside it, such as a full disk.

    Args:
        reason: one line for people.
    """

    reason: str


@dataclass(frozen=True)
class Finished(Message):
    """The training has ended by itself, at its last epoch or for want of improvement.

    Args:
        best_score: its best score.
    """

    best_score: float


def read_message(result: Mapping[str, Any] | None) -> Message | None:
    """Return the message that a result of Ray Tune carries.

    Args:
        result: the result; None or empty where a process ended before it reported anything.

    Returns:
        The message; None where there is none.
    """
    message: Message | None = (result or {}).get(_KEY)
    return message
