"""Private parts of Ray, for what its public interface lacks.

This file alone uses them, so that another version of Ray needs changes here only.
"""

import atexit
from collections.abc import Collection
from typing import Any

import ray
import ray.experimental.internal_kv
from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
from ray._private.state import state


def find_ended_process(kinds: Collection[str]) -> str | None:
    """Return the kind of a process that has ended of the Ray that this process started; None where none has.

    Args:
        kinds: kinds of processes to look at, such as "raylet".
    """
    node = ray._private.worker.global_worker.node
    return next((kind for kind, _ in node.dead_processes() if kind in kinds), None)


def kill_processes() -> None:
    """Kill what is left of the Ray that this process started, without `ray.shutdown`, which would end this process."""
    atexit.unregister(ray._private.worker.shutdown)
    ray._private.worker.global_worker.node.kill_all_processes(check_alive=False)


def stop_printing_logs() -> None:
    """Stop Ray from printing messages of its own processes, among them the last lines of their logs."""
    worker = ray._private.worker.global_worker
    worker.threads_stopped.set()
    worker.gcs_error_subscriber.close()


def reported_cluster_config() -> Any | None:
    """Return the configuration that an autoscaler has reported to the cluster; None where it has reported none."""
    return state.get_cluster_config()


def has_autoscaling_status() -> bool:
    """Return whether an autoscaler, wherever it runs, writes its status into the cluster."""
    return ray.experimental.internal_kv._internal_kv_get(DEBUG_AUTOSCALING_STATUS) is not None


def torch_backend() -> Any:
    """Return the class that sets up the process groups of Ray Train, to be extended."""
    from ray.train.torch.config import _TorchBackend  # takes seconds to import

    return _TorchBackend
