"""What stops trials early, by name."""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from dssgan.configurable import lookup
from dssgan.training.config import TrainConfig
from dssgan.tuning.rungs import Brackets, Place

# Median stopping judges nobody by fewer others.
MIN_OTHERS = 4
_GOLDEN_RATIO = 0.6180339887498949


class Pruner(Protocol):
    """Judges the validations of all trials."""

    def judge(self, trial: int, phase_one: str, place: Place, score: float) -> bool:
        """Say whether a trial goes on after a validation.

        Args:
            trial: its number.
            phase_one: key of its supervised phase; trials that share it say the same there.
            place: of the validation.
            score: the higher, the better.
        """

    def replay(self, trial: int, phase_one: str, place: Place, score: float) -> None:
        """Note a validation that an earlier process has judged."""


class Hyperband:
    """Several pairs of brackets, each with one rung fewer at the bottom; the last one stops nobody.

    Halving bets that a trial which starts slowly stays behind. Here not all trials are under that bet: a trial's number
    says which bracket it belongs to, and a bracket that stops trials early gets more of them. Source: Li et al.,
    "Hyperband: a novel bandit-based approach to hyperparameter optimization", JMLR 18, 2018, with asynchronous halving
    in each bracket, as in arXiv 1810.05934, section 3.3.

    Args:
        configs: some of the space's configurations.
        factor: one trial in so many goes on at each rung.
    """

    def __init__(self, configs: Sequence[TrainConfig], factor: int) -> None:
        full = Brackets(configs, factor)
        num = max(len(full.supervised.positions), len(full.adversarial.positions)) + 1
        self.brackets = [Brackets(configs, factor, skipped) for skipped in range(num)]
        shares = [factor ** (num - 1 - skipped) / (num - skipped) for skipped in range(num)]
        self._edges = [sum(shares[: place + 1]) / sum(shares) for place in range(num - 1)]

    def bracket_of(self, trial: int) -> int:
        """Give the number of the lowest rungs that a trial is not judged at."""
        # multiples of the golden ratio fill the unit interval evenly, whatever number the sweep ends at
        return bisect_left(self._edges, trial * _GOLDEN_RATIO % 1)

    def judge(self, trial: int, phase_one: str, place: Place, score: float) -> bool:
        """Say whether a trial goes on; see `Pruner.judge`."""
        return self.brackets[self.bracket_of(trial)].judge(trial, phase_one, place, score)

    def replay(self, trial: int, phase_one: str, place: Place, score: float) -> None:
        """Note a validation; see `Pruner.replay`."""
        self.brackets[self.bracket_of(trial)].replay(trial, phase_one, place, score)


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
        """Give the bests of those that have come so far, when they had."""
        found = []
        for other, history in self.bests.items():
            if other != entrant and history[-1][0] >= position:
                reached = [best for there, best in history if there <= position]
                found += reached[-1:]
        return found


class MedianStopping:
    """Stops a trial whose best so far is below the median of the others' at the same place.

    As with the brackets, trials compete by their supervised phases in phase one, and by what came of it in phase two.
    Source: Golovin et al., "Google Vizier: a service for black-box optimization", KDD 2017, section 3.2.2.
    """

    def __init__(self) -> None:
        self._supervised = _Histories()
        self._adversarial = _Histories()

    def judge(self, trial: int, phase_one: str, place: Place, score: float) -> bool:
        """Say whether a trial goes on; see `Pruner.judge`."""
        histories, entrant, position = self._histories(trial, phase_one, place)
        best = histories.record(entrant, position, score)
        others = histories.others_at(entrant, position)
        return len(others) < MIN_OTHERS or best >= median(others) or place.steps >= place.last

    def replay(self, trial: int, phase_one: str, place: Place, score: float) -> None:
        """Note a validation; see `Pruner.replay`."""
        histories, entrant, position = self._histories(trial, phase_one, place)
        histories.record(entrant, position, score)

    def _histories(self, trial: int, phase_one: str, place: Place) -> tuple[_Histories, Hashable, int]:
        if place.steps <= place.switch:
            return self._supervised, phase_one, place.steps
        return self._adversarial, trial, place.steps - place.switch


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
        name: in `PRUNERS`.
        configs: some of the space's configurations; the longest say where the rungs are.
        factor: one trial in so many goes on at each rung, where there are rungs.

    Returns:
        The pruner; None where every trial runs to its end.

    Raises:
        ConfigError: there is none of that name.
    """
    return lookup("pruner", PRUNERS, name)(configs, factor)
