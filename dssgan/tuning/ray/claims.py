"""One trial at a time on a supervised phase, on however many machines."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray

SECONDS_BETWEEN_TRIES = 0.5


@ray.remote(num_cpus=0)
class ClaimsKeeper:
    """Knows which trial works on which phase.

    It lives as long as the sweep, on the sweep's own machine. The sweep frees a trial's claims when the trial ends in
    any way, so a machine that is lost blocks no other.
    """

    def __init__(self) -> None:
        self._holders: dict[str, int] = {}

    def take(self, key: str, trial: int) -> bool:
        """Claim a phase for a trial.

        Returns:
            Whether it has it now.
        """
        return self._holders.setdefault(key, trial) == trial

    def free(self, key: str, trial: int) -> None:
        """Release a phase."""
        if self._holders.get(key) == trial:
            del self._holders[key]

    def free_all(self, trial: int) -> None:
        """Release every phase that a trial has claimed."""
        self._holders = {key: holder for key, holder in self._holders.items() if holder != trial}


@dataclass(frozen=True)
class TrialClaims:
    """A trial's way to claim phases; see `dssgan.training.shared_phases.Claim`.

    Args:
        keeper: a `ClaimsKeeper`.
        trial: number of the trial.
        outlives_errors: keep a claim where the block fails, for processes that are started again and resume the phase;
            the sweep frees it when the trial ends.
    """

    keeper: Any
    trial: int
    outlives_errors: bool = False

    @contextmanager
    def __call__(self, key: str) -> Iterator[None]:
        self.take(key)
        try:
            yield
        except BaseException:
            if not self.outlives_errors:
                self.keeper.free.remote(key, self.trial)
            raise
        self.keeper.free.remote(key, self.trial)

    def take(self, key: str) -> None:
        """Wait until the trial has a phase. It may take one that it has already."""
        while not ray.get(self.keeper.take.remote(key, self.trial)):
            time.sleep(SECONDS_BETWEEN_TRIES)
