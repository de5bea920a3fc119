"""Ray's own test cluster that grows and shrinks: machines are raylets on this one, started by a real autoscaler."""

import copy
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
from ray.cluster_utils import AutoscalingCluster

# the few keys of Ray's example.yaml, which is not in its wheel
_CONFIG: dict[str, Any] = {
    "cluster_name": "growing", "max_workers": 8, "upscaling_speed": 10, "idle_timeout_minutes": 0.05,
    "provider": {"type": "fake_multinode", "use_node_id_as_ip": True, "fake_multinode": True},
    "head_node_type": "ray.head.default", "auth": {}, "docker": {}, "file_mounts": {}, "cluster_synced_files": [],
    "initialization_commands": [], "setup_commands": [], "head_setup_commands": [], "worker_setup_commands": [],
    "head_start_ray_commands": [], "worker_start_ray_commands": [],
}  # fmt: skip


class _Cluster(AutoscalingCluster):  # type: ignore[misc]
    def _generate_config(
        self, head_resources: dict[str, float], worker_node_types: dict[str, Any], **_: object
    ) -> dict[str, Any]:
        config = copy.deepcopy(_CONFIG)
        head = {"resources": head_resources, "node_config": {}, "max_workers": 0}
        config["available_node_types"] = {**worker_node_types, "ray.head.default": head}
        return config


@contextmanager
def growing_cluster(kinds: Mapping[str, tuple[Mapping[str, float], int]]) -> Iterator[None]:
    """Run a head with one core and no GPU that may start machines.

    Args:
        kinds: what a machine of each kind has, and how many there may be.
    """
    types = {
        name: {"resources": {**resources, "object_store_memory": 100_000_000}, "node_config": {}, "max_workers": most}
        for name, (resources, most) in kinds.items()
    }
    cluster = _Cluster({"CPU": 1, "object_store_memory": 200_000_000}, types)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{sys.prefix}/bin:{before}"  # it calls `ray`
    try:
        cluster.start(override_env={"RAY_USAGE_STATS_ENABLED": "0"})
        yield
    finally:
        cluster.shutdown()
        os.environ["PATH"] = before


def machines_beside_the_head() -> list[psutil.Process]:
    """List the raylets of machines that the cluster has started."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "raylet" in (process.info["cmdline"] or [""])[0] and "--head" not in process.info["cmdline"]
    ]


def sweep(*words: object, folder: object) -> subprocess.Popen[str]:
    """Start `dssgan sweep` on the running cluster."""
    command = [f"{sys.prefix}/bin/dssgan", "sweep", *map(str, words), "-o", str(folder), "--address", "auto"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
