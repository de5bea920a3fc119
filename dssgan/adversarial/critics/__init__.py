"""Critics by name. A new one is one file and one line here."""

from collections.abc import Mapping
from typing import Any

from dssgan.adversarial.critics.base import Critic, Judgement
from dssgan.adversarial.critics.multi_resolution import MultiResolutionCritic
from dssgan.adversarial.critics.strided import StridedCritic
from dssgan.configurable import build

__all__ = ["CRITICS", "Critic", "Judgement", "build_critic"]

CRITICS: dict[str, type[Critic]] = {
    "multi_resolution": MultiResolutionCritic,
    "strided": StridedCritic,
}


def build_critic(name: str, arguments: Mapping[str, Any], preset: str | None = None) -> Critic:
    """Build a critic with fresh weights.

    Args:
        name: a key of `CRITICS`.
        arguments: settings of its constructor; they win over the preset's.
        preset: a named set of settings of that critic.

    Returns:
        The critic.

    Raises:
        ConfigError: an unknown critic, preset or setting, or a value that does not fit.
    """
    return build("critic", CRITICS, name, arguments, preset)
