"""Ray clusters: start or join one quietly, and run tasks on its machines."""

import errno
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dssgan.errors import ConfigError, DssganError
from dssgan.parallel.joining import require_cluster
from dssgan.parallel.processes import MapUnordered
from dssgan.parallel.ray_internals import stop_printing_logs
from dssgan.parallel.watch import shut_down

_PATH_ERRORS = (errno.EACCES, errno.EEXIST, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS)
STARTS = 3  # of Ray on this machine, before that is given up


def on_this_machine() -> NodeAffinitySchedulingStrategy:
    """Keep an actor on the machine of the process that makes it, whose work it ends with.

    Ray puts an actor without resources on any machine, and the loss of that one would end the work of all others.
    """
    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


@contextmanager
def ray_running(address: str | None = None, **settings: Any) -> Iterator[None]:
    """Start Ray quietly and stop it on exit; a Ray that is running already is used and left running.

    Args:
        address: address of a running cluster, "auto" for the one that this machine belongs to; None starts a Ray of its
            own on this machine.
        settings: settings of `ray.init`, for a Ray that is started here.

    Raises:
        ConfigError: there is no cluster at this address, or it requires a token that this process does not have.
        DssganError: Ray does not start on this machine.
    """
    for logger in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    if ray.is_initialized():
        yield
        return
    # a Ray that was started under `uv run` would otherwise have every task start it again
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    kept = os.environ.pop("RAY_ADDRESS", None) if address is None else None
    if address is not None:
        require_cluster(address)
    try:
        if address is None:
            _start(settings)
        else:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        stop_printing_logs()
        yield
    finally:
        shut_down()
        if kept is not None:
            os.environ["RAY_ADDRESS"] = kept


def _start(settings: dict[str, Any]) -> None:
    for attempt in range(STARTS):
        try:
            ray.init(address="local", log_to_driver=False, logging_level=logging.ERROR, **settings)
        except Exception as error:  # Ray's own are plain ones: a machine that is busy takes longer than it waits
            shut_down()
            reason = " ".join(str(error).split())[:200]
            if isinstance(error, OSError) and (error.errno in _PATH_ERRORS or "AF_UNIX path" in reason):
                raise DssganError(
                    f"Ray cannot write its files ({reason}); set RAY_TMPDIR to the short path of a folder that can "
                    "be written"
                ) from error
            if attempt == STARTS - 1:
                raise DssganError(
                    f"Ray does not start on this machine ({reason}); try again when it is less busy"
                ) from error
        else:
            return


@contextmanager
def cluster_map(
    address: str | None,
    num_tasks: int | None = None,
    *,
    label: Callable[[Any], str] = lambda _: "a task",
    advice: str = "run it again to resume",
) -> Iterator[MapUnordered]:
    """Make a map that works as tasks of a Ray cluster, spread over its machines.

    Files must be there under the same names on all of them.

    Args:
        address: address of a running cluster, "auto" for the one that this machine belongs to; None for a Ray of its
            own on this machine.
        num_tasks: tasks at a time; None for one for each core of the cluster.
        label: what to call an item whose worker died.
        advice: what to do then.

    Yields:
        The map; it serves until the block ends.

    Raises:
        ConfigError: there is no cluster at this address.
        DssganError: a task's own error, or a worker died.
    """
    with ray_running(address):
        num = num_tasks or max(1, int(ray.cluster_resources().get("CPU", 1)))

        def map_unordered(function: Callable[[Any], Any], items: Sequence[Any], /) -> Iterator[Any]:
            return _map_on_cluster(num, function, items, label, advice)

        yield map_unordered


def _map_on_cluster(
    num_tasks: int, function: Callable[[Any], Any], items: Sequence[Any], label: Callable[[Any], str], advice: str
) -> Iterator[Any]:
    # no retry: a task that ran out of memory would do so for ever
    task = ray.remote(num_cpus=1, max_retries=0, scheduling_strategy="SPREAD")(_apply)
    shared = ray.put(function)
    waiting = list(reversed(items))
    running: dict[Any, Any] = {}
    try:
        while waiting or running:
            while waiting and len(running) < num_tasks:
                item = waiting.pop()
                running[task.remote(shared, item)] = item
            (finished,), _ = ray.wait(list(running), num_returns=1)
            item = running.pop(finished)
            try:
                result = ray.get(finished)
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, DssganError):  # one line for the user, not the worker's traceback
                    raise error.cause from None
                raise
            except ray.exceptions.RayError as error:
                raise DssganError(f"{label(item)}: its worker died, perhaps for want of memory; {advice}") from error
            yield result
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _apply(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)


def require_seen(paths: Sequence[Path], *, advice: str = "or leave --address out") -> None:
    """See to it that every machine of the cluster that runs has some files and folders under their paths.

    Args:
        paths: what must be there.
        advice: what to do instead of putting it there.

    Raises:
        ConfigError: a machine lacks one.
    """
    nodes = [node for node in ray.nodes() if node["Alive"]]
    if len(nodes) < 2:
        return  # this machine alone, which has read the data set
    task = ray.remote(num_cpus=0, max_retries=0)(_missing)
    shared = ray.put(paths)
    asked = {
        node["NodeManagerAddress"]: task.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(shared)
        for node in nodes
    }
    for address, answer in asked.items():
        missing = ray.get(answer)
        if missing:
            raise ConfigError(
                f"{missing[0]}: is not there on {address}, a machine of the cluster"
                f"{f', nor are {len(missing) - 1} others' if len(missing) > 1 else ''}; put it under this path on all "
                f"machines, {advice}"
            )


def _missing(paths: Sequence[Path]) -> list[Path]:
    return [path for path in paths if not path.exists()]
