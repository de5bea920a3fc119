"""The resources that a trial needs, and whether a cluster has them or can have them when it grows."""

import time
from collections.abc import Callable

from dssgan.errors import ConfigError
from dssgan.parallel.capacity import Capacity, Resources, fits
from dssgan.training.distributed import Workers

_SECONDS_BETWEEN_LOOKS = 5.0


class Waiting:
    """Reports when a sweep begins and ceases to wait for machines.

    Args:
        workers: workers of a trial.
        on_message: receives one line whenever that changes.
    """

    def __init__(self, workers: Workers, on_message: Callable[[str], None]) -> None:
        self._workers = workers
        self._on_message = on_message
        self._waits_for: str | None = None
        self._looked = time.monotonic()

    def look(self, capacity: Capacity) -> None:
        """Compare what a trial needs with the machines that are there."""
        wait = describe_wait(capacity, self._workers)
        if wait is not None and wait != self._waits_for:
            self._on_message(wait)
        elif wait is None and self._waits_for is not None:
            self._on_message("the machines that a trial needs are there")
        self._waits_for = wait

    def look_now_and_then(self) -> None:
        """Look at the cluster, if some seconds have passed since the last time."""
        if time.monotonic() - self._looked >= _SECONDS_BETWEEN_LOOKS:
            self._looked = time.monotonic()
            capacity = Capacity.now()
            # what may come matters only to a trial that finds no room
            has_room = describe_wait(capacity, self._workers) is None
            self.look(capacity if has_room else Capacity.of_cluster())


def choose_workers(capacity: Capacity, *, num: int, cpus: int, gpus: float | None) -> Workers:
    """Choose what a trial's processes get, if the cluster can give it.

    Args:
        capacity: capacity of the cluster.
        num: processes of a trial.
        cpus: cores of each.
        gpus: GPUs of each; None for one where there are any.

    Returns:
        The processes.

    Raises:
        ConfigError: there is no room for them; the message names what is missing.
    """
    workers = Workers(num, cpus, gpus if gpus is not None else float(capacity.has_gpus))
    if capacity.may_grow:
        return workers  # what its machines will have is not known
    for kind, amount in workers.resources.items():
        if capacity.most(kind) < amount:
            option = {"CPU": "--cpus-per-worker", "GPU": "--gpus-per-worker"}[kind]
            raise ConfigError(
                f"{option} {amount:g}: no machine of the cluster has so many {kind}s, the largest has "
                f"{capacity.most(kind):g}; ask for less or add a larger machine"
            )
    room = capacity.num_processes(workers.resources)
    if room < num:
        raise ConfigError(
            f"--workers-per-trial {num}: each worker needs {_describe(workers.resources)}, and the cluster has room "
            f"for {room}; ask for less or add machines"
        )
    return workers


def choose_max_concurrent(capacity: Capacity, workers: Workers) -> int:
    """Return how many trials find room at a time.

    Where a cluster may grow by unknown machines there is always one more, which has it grow.
    """
    return max(1, capacity.num_processes(workers.resources) // workers.num + capacity.may_grow)


def describe_wait(capacity: Capacity, workers: Workers) -> str | None:
    """Return what a sweep waits for where the machines that are there have no room for a trial, even were they idle.

    Args:
        capacity: capacity of the cluster.
        workers: workers of a trial.

    Returns:
        One line; None where a trial finds room.
    """
    there = capacity.num_processes_now(workers.resources)
    if there >= workers.num:
        return None
    more = sum(count for kind, count in capacity.more if fits(kind, workers.resources))
    if capacity.may_grow:
        growth = "and the cluster's autoscaler has been asked for more"
    elif more:
        growth = f"and the cluster may start {more} more machines that have it"
    else:
        growth = "and the cluster starts no others: add machines, or restart those that are gone"
    return (
        f"waiting for machines: {workers.num} times {_describe(workers.resources)} are needed, there is room for "
        f"{there}, {growth}"
    )


def _describe(resources: Resources) -> str:
    return " and ".join(f"{amount:g} {kind}" for kind, amount in resources.items())
