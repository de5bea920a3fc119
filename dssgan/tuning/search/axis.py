"""The axis of separator steps, on which trials with epochs of different lengths are compared."""

from typing import NamedTuple

from dssgan.tuning.search.rungs import StepPosition


class Axis(NamedTuple):
    """How a trial's epochs lie on the axis of separator steps.

    Args:
        phase_one: key of its supervised phase.
        steps_per_epoch: separator steps between validations.
        supervised_epochs: epochs of phase one.
        adversarial_epochs: epochs of phase two.
    """

    phase_one: str
    steps_per_epoch: int
    supervised_epochs: int
    adversarial_epochs: int

    def position(self, epoch: float) -> StepPosition:
        """Return the position of the validation after an epoch."""
        steps, switch = self.steps_per_epoch, self.supervised_epochs
        return StepPosition(int(epoch) * steps, switch * steps, (switch + self.adversarial_epochs) * steps)
