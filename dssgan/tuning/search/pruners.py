"""Pruners, which stop trials early, by name."""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from optuna.trial import FrozenTrial

from dssgan.configurable import lookup
from dssgan.training.config import TrainConfig
from dssgan.tuning.search.attributes import AXIS, is_own
from dssgan.tuning.search.axis import Axis
from dssgan.tuning.search.rungs import Brackets, StepPosition

# Median stopping judges no trial by fewer others.
MIN_OTHERS = 4
_GOLDEN_RATIO = 0.6180339887498949


class Pruner(Protocol):
    """Judges the validations of all trials."""

    def judge(self, trial: int, phase_one: str, position: StepPosition, score: float) -> bool:
        """Return whether a trial continues after a validation.

        Args:
            trial: its number.
            phase_one: key of its supervised phase; trials that share it have the same scores there.
            position: position of the validation.
            score: the higher, the better.
        """

    def replay(self, trial: int, phase_one: str, position: StepPosition, score: float) -> None:
        """Note a validation that an earlier process has judged."""


class Hyperband:
    """Several pairs of brackets, each with one rung fewer at the bottom; the last one stops no trial.

    Halving bets that a trial which starts slowly stays behind. Here not all trials are under that bet: a trial's number
    says which bracket it belongs to, and a bracket that stops trials early gets more of them. Source: Li et al.,
    "Hyperband: a novel bandit-based approach to hyperparameter optimization", JMLR 18, 2018, with asynchronous halving
    in each bracket, as in arXiv 1810.05934, section 3.3.

    Args:
        configs: some of the space's configurations.
        factor: one trial in so many continues at each rung.
    """

    def __init__(self, configs: Sequence[TrainConfig], factor: int) -> None:
        full = Brackets(configs, factor)
        num = max(len(full.supervised.positions), len(full.adversarial.positions)) + 1
        self.brackets = [Brackets(configs, factor, skipped) for skipped in range(num)]
        shares = [factor ** (num - 1 - skipped) / (num - skipped) for skipped in range(num)]
        self._edges = [sum(shares[: index + 1]) / sum(shares) for index in range(num - 1)]

    def bracket_of(self, trial: int) -> int:
        """Return the number of lowest rungs at which a trial is not judged."""
        # multiples of the golden ratio fill the unit interval evenly, for any number of trials
        return bisect_left(self._edges, trial * _GOLDEN_RATIO % 1)

    def judge(self, trial: int, phase_one: str, position: StepPosition, score: float) -> bool:
        """Return whether a trial continues; see `Pruner.judge`."""
        return self.brackets[self.bracket_of(trial)].judge(trial, phase_one, position, score)

    def replay(self, trial: int, phase_one: str, position: StepPosition, score: float) -> None:
        """Note a validation; see `Pruner.replay`."""
        self.brackets[self.bracket_of(trial)].replay(trial, phase_one, position, score)


@dataclass
class _Histories:
    """Best scores so far, by entrant: (position, best) in ascending order."""

    bests: dict[Hashable, list[tuple[int, float]]] = field(default_factory=dict)

    def record(self, entrant: Hashable, position: int, score: float) -> float:
        history = self.bests.setdefault(entrant, [])
        if not history or position > history[-1][0]:
            history.append((position, max([score, *(best for _, best in history[-1:])])))
        return history[-1][1]

    def others_at(self, entrant: Hashable, position: int) -> list[float]:
        """Return the best scores that other trials had at this point."""
        found = []
        for other, history in self.bests.items():
            if other != entrant and history[-1][0] >= position:
                reached = [best for there, best in history if there <= position]
                found += reached[-1:]
        return found


class MedianStopping:
    """Stops a trial whose best so far is below the median of the others' at the same position.

    As with the brackets, trials compete by their supervised phases in phase one, and by what came of it in phase two.
    Source: Golovin et al., "Google Vizier: a service for black-box optimization", KDD 2017, section 3.2.2.
    """

    def __init__(self) -> None:
        self._supervised = _Histories()
        self._adversarial = _Histories()

    def judge(self, trial: int, phase_one: str, position: StepPosition, score: float) -> bool:
        """Return whether a trial continues; see `Pruner.judge`."""
        histories, entrant, steps = self._histories(trial, phase_one, position)
        best = histories.record(entrant, steps, score)
        others = histories.others_at(entrant, steps)
        return len(others) < MIN_OTHERS or best >= median(others) or position.steps >= position.last

    def replay(self, trial: int, phase_one: str, position: StepPosition, score: float) -> None:
        """Note a validation; see `Pruner.replay`."""
        histories, entrant, steps = self._histories(trial, phase_one, position)
        histories.record(entrant, steps, score)

    def _histories(self, trial: int, phase_one: str, position: StepPosition) -> tuple[_Histories, Hashable, int]:
        if position.steps <= position.switch:
            return self._supervised, phase_one, position.steps
        return self._adversarial, trial, position.steps - position.switch


def _median(configs: Sequence[TrainConfig], factor: int) -> Pruner:  # noqa: ARG001
    return MedianStopping()


def _none(configs: Sequence[TrainConfig], factor: int) -> None:  # noqa: ARG001
    return None


PRUNERS: dict[str, Callable[[Sequence[TrainConfig], int], Pruner | None]] = {
    "asha": Brackets, "hyperband": Hyperband, "median": _median, "none": _none,
}  # fmt: skip


def make_pruner(name: str, configs: Sequence[TrainConfig], factor: int) -> Pruner | None:
    """Make a pruner by its name.

    Args:
        name: name in `PRUNERS`.
        configs: some of the space's configurations; the longest determine where the rungs are.
        factor: one trial in so many continues at each rung, where there are rungs.

    Returns:
        The pruner; None where every trial runs to its end.

    Raises:
        ConfigError: there is none of that name.
    """
    return lookup("pruner", PRUNERS, name)(configs, factor)


def replay(pruner: Pruner, trials: list[FrozenTrial]) -> None:
    """Set a pruner to where an earlier process left it.

    Args:
        pruner: a fresh one.
        trials: trials of the study.
    """
    for trial in trials:
        if AXIS not in trial.user_attrs or not is_own(trial):
            continue
        axis = Axis(*trial.user_attrs[AXIS])
        for steps, score in sorted(trial.intermediate_values.items()):
            position = axis.position(0)._replace(steps=steps)
            pruner.replay(trial.number, axis.phase_one, position, score)
