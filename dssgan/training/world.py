"""The processes that train together: one on its own, or several in step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn


def _alone(module: nn.Module) -> nn.Module:
    return module


def _only_mine(value: Any) -> list[Any]:
    return [value]


@dataclass(frozen=True)
class World:
    """The processes of one training.

    Args:
        rank: this process among them, from 0.
        size: how many there are.
        wrap: makes a module average its gradients over the processes; called once a module, after it is on its device.
        gather: collects one plain value from every process, in the order of their ranks.
    """

    rank: int = 0
    size: int = 1
    wrap: Callable[[nn.Module], nn.Module] = _alone
    gather: Callable[[Any], list[Any]] = _only_mine

    @property
    def is_main_process(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0
