"""Early stopping by asynchronous successive halving, as plain arithmetic."""

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from dssgan.training.config import TrainConfig


@dataclass
class Rungs:
    """Positions at which trials are judged: one in `factor` continues.

    The first to arrive always continues, later ones where they are among the best of those that have arrived. Source:
        Li
    et al., "A system for massively parallel hyperparameter tuning", 2020, algorithm 2 in its stopping form,
    arXiv 1810.05934.

    Args:
        positions: positions of the rungs, ascending, in separator steps.
        factor: one in so many continues.
    """

    positions: tuple[int, ...]
    factor: int
    _scores: dict[int, dict[Hashable, float]] = field(default_factory=dict)
    _passed: set[tuple[Hashable, int]] = field(default_factory=set)

    @classmethod
    def geometric(cls, first: int, last: int, factor: int) -> "Rungs":
        """Set rungs at first, first * factor, first * factor^2, ... below `last`."""
        if first < 1 or first >= last:
            return cls((), factor)
        count = math.ceil(math.log(last / first, factor) - 1e-9)
        return cls(tuple(first * factor**power for power in range(count)), factor)

    def record(self, trial: Hashable, entrant: Hashable, position: int, score: float) -> bool:
        """Note a score without judging: what an earlier process has judged already.

        Args:
            trial: who reports.
            entrant: who competes; trials that share what they are judged by are one entrant.
            position: separator steps taken.
            score: the higher, the better.

        Returns:
            Whether a rung was reached that this trial had not reached before.
        """
        reached = [rung for rung in self.positions if rung <= position and (trial, rung) not in self._passed]
        for rung in reached:
            self._passed.add((trial, rung))
            self._scores.setdefault(rung, {}).setdefault(entrant, score)
        return bool(reached)

    def judge(self, trial: Hashable, entrant: Hashable, position: int, score: float) -> bool:
        """Return whether a trial continues.

        A rung judges a trial once, at its first score there; before, between and after rungs every trial continues.

        Args:
            trial: who reports.
            entrant: who competes.
            position: separator steps taken.
            score: the higher, the better.

        Returns:
            Whether it continues.
        """
        if not self.record(trial, entrant, position, score):
            return True
        scores = self._scores[max(rung for rung in self.positions if rung <= position)]
        better = sum(other > scores[entrant] for other in scores.values())
        return better < math.ceil(len(scores) / self.factor)


class StepPosition(NamedTuple):
    """Position of a validation on the axis of separator steps that all trials share.

    Args:
        steps: taken, the supervised phase counted as spent whole even where patience ended it early.
        switch: steps at which the supervised phase ends.
        last: steps at which the training ends.
    """

    steps: int
    switch: int
    last: int


class Brackets:
    """Two brackets of rungs: architectures compete within phase one, adversarial weights after it.

    alpha, beta and the critics act in phase two alone, so a trial is judged on them for the first time after one
    validation past the switch, and only by how far past the switch it is. Whatever shares a supervised phase is one
    entrant in it.

    Args:
        configs: some of the space's configurations; the longest determine where the rungs are.
        factor: one trial in so many continues at each rung.
        skipped: how many of the lowest rungs to leave out.
    """

    def __init__(self, configs: Iterable[TrainConfig], factor: int, skipped: int = 0) -> None:
        configs = list(configs)
        validation = max(config.phase_one.steps_per_epoch for config in configs)
        supervised = max(config.phase_one.steps_per_epoch * config.phase_one.epochs for config in configs)
        adversarial = max(config.phase_one.steps_per_epoch * config.phase_two.epochs for config in configs)
        # judged earlier, separators that learn slowly and get furthest would be stopped; see benchmarks/sweep.py
        first = max(validation, supervised // 4)
        self.supervised = Rungs(Rungs.geometric(first, supervised, factor).positions[skipped:], factor)
        self.adversarial = Rungs(Rungs.geometric(validation, adversarial, factor).positions[skipped:], factor)

    def judge(self, trial: int, phase_one: str, position: StepPosition, score: float) -> bool:
        """Return whether a trial continues after a validation.

        Args:
            trial: its number.
            phase_one: key of its supervised phase.
            position: position of the validation.
            score: the higher, the better.

        Returns:
            Whether it continues. One that has reached its end is not held up.
        """
        rungs, entrant, steps = self._bracket(trial, phase_one, position)
        return rungs.judge(trial, entrant, steps, score) or position.steps >= position.last

    def replay(self, trial: int, phase_one: str, position: StepPosition, score: float) -> None:
        """Note a validation that an earlier process has judged."""
        rungs, entrant, steps = self._bracket(trial, phase_one, position)
        rungs.record(trial, entrant, steps, score)

    def _bracket(self, trial: int, phase_one: str, position: StepPosition) -> tuple[Rungs, Hashable, int]:
        if position.steps <= position.switch:
            return self.supervised, phase_one, position.steps
        return self.adversarial, trial, position.steps - position.switch
