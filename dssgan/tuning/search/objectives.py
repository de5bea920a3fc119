"""Objectives of a sweep beside the score that its trainings monitor."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from dssgan.configurable import lookup
from dssgan.metrics.catalogue import METRICS, Monitored
from dssgan.types import DRUMS


@dataclass(frozen=True)
class Objective:
    """A value of a trial that is to be large, or small.

    Args:
        title: title with its unit, for tables.
        direction: "maximize" or "minimize", as in Optuna.
        worst: what counts for a trial that ended before it had a value.
        metric: name among a validation's metrics; None for what is measured before the training.
    """

    title: str
    direction: Literal["maximize", "minimize"]
    worst: float
    metric: str | None = None

    @property
    def sign(self) -> int:
        """1 where large is good, -1 where small is."""
        return 1 if self.direction == "maximize" else -1


def _of(name: str) -> Objective:
    monitored = Monitored(name, DRUMS)
    more = monitored.sign > 0
    return Objective(monitored.title, "maximize" if more else "minimize", -100.0 * monitored.sign, f"{name}/{DRUMS}")


FURTHER_OBJECTIVES: dict[str, Objective] = {
    **{name: _of(name) for name in METRICS},
    "speed": Objective("real-time factor", "minimize", 100.0),
}


def metrics_of(names: Collection[str]) -> tuple[str, ...]:
    """Return the metrics that validations must measure for these objectives, of `dssgan.metrics.catalogue.METRICS`."""
    return tuple(name for name in names if name in METRICS)


def in_order(names: Collection[str]) -> tuple[str, ...]:
    """Put names of further objectives into the order in which studies hold them.

    Args:
        names: each once or more often, in any order.

    Returns:
        Each once.

    Raises:
        ConfigError: there is none of a name.
    """
    for name in names:
        lookup("objective", FURTHER_OBJECTIVES, name)
    return tuple(name for name in FURTHER_OBJECTIVES if name in names)
