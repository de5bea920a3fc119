"""Work spread over the machines of a Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from dssgan.data.processes import MapUnordered
from dssgan.errors import DssganError


@contextmanager
def cluster_map(address: str, num_tasks: int | None = None) -> Iterator[MapUnordered]:
    """Make a map that works as tasks of a running Ray cluster, spread over its machines.

    Files must be there under the same names on all of them.

    Args:
        address: of the cluster; "auto" for the one this machine belongs to.
        num_tasks: tasks at a time; None for one for each core of the cluster.

    Yields:
        The map; it serves until the block ends.

    Raises:
        ConfigError: there is no cluster at this address.
        DssganError: a task's own error, or a worker died.
    """
    import ray

    from dssgan.training.distributed import ray_running

    with ray_running(address):
        yield partial(_map_on_cluster, num_tasks or max(1, int(ray.cluster_resources().get("CPU", 1))))


def _map_on_cluster(num_tasks: int, function: Callable[[Any], Any], items: Sequence[Any], /) -> Iterator[Any]:
    import ray

    task = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(_apply)
    shared = ray.put(function)
    waiting = list(reversed(items))
    running: list[Any] = []
    try:
        while waiting or running:
            while waiting and len(running) < num_tasks:
                running.append(task.remote(shared, waiting.pop()))
            finished, running = ray.wait(running, num_returns=1)
            try:
                result = ray.get(finished[0])
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, DssganError):  # one line for the user, not the worker's traceback
                    raise error.cause from None
                raise
            except ray.exceptions.RayError as error:
                raise DssganError(
                    "a worker of the cluster died, perhaps for want of memory; run it again, and it goes on"
                ) from error
            yield result
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _apply(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)
