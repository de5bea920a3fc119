"""The resources of a Ray cluster's machines, and of those that it may still start."""

import math
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import ray
import yaml
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dssgan.parallel.ray_internals import has_autoscaling_status, reported_cluster_config
from dssgan.plain_yaml import load_yaml

Resources = dict[str, float]

# what `ray up` leaves on a head; on Kubernetes, where the autoscaler is out of sight, a ConfigMap puts it there
BOOTSTRAP_CONFIG = Path("~/ray_bootstrap_config.yaml")

_HEAD = "node:__internal_head__"  # the resource that Ray gives to a cluster's first machine alone
_MONITORS = ("ray/autoscaler/_private/monitor.py", "ray/autoscaler/v2/monitor.py")
_UNLIMITED = sys.maxsize


@dataclass(frozen=True)
class Growth:
    """The machines that a cluster's autoscaler may start.

    Args:
        kinds: what a machine of each kind has, and how many there may be.
        max_machines: number of machines beside the head that there may be in all.
        is_known: whether `kinds` and `max_machines` are known; where an autoscaler runs elsewhere they are not.
    """

    kinds: tuple[tuple[Resources, int], ...] = ()
    max_machines: int = 0
    is_known: bool = True


@dataclass(frozen=True)
class Capacity:
    """Machines of a cluster.

    Args:
        machines: what each machine has that is there now.
        more: what a machine has that can still be started, and how many of the kind.
        may_grow: whether an autoscaler of unknown settings may start any machine.
    """

    machines: tuple[Resources, ...]
    more: tuple[tuple[Resources, int], ...] = ()
    may_grow: bool = False

    @classmethod
    def of_cluster(cls) -> "Capacity":
        """Ask the Ray that this process has joined."""
        alive = _machines_alive()
        machines = tuple(dict(node["Resources"]) for node in alive)
        growth = _reported_growth() or _growth_at_head(alive)
        workers = [machine for machine in machines if _HEAD not in machine]
        return cls(machines, _left(growth, workers), not growth.is_known)

    @classmethod
    def now(cls) -> "Capacity":
        """Ask for the machines that are there alone, which takes no look at the head's processes."""
        return cls(tuple(dict(node["Resources"]) for node in _machines_alive()))

    @property
    def has_gpus(self) -> bool:
        """Whether any machine has a GPU, or will have one."""
        return self.most("GPU") > 0

    def num_processes(self, needed: Resources) -> int:
        """Count the processes that find room, on the machines there are and those that can be started."""
        return self.num_processes_now(needed) + sum(fits(machine, needed) * count for machine, count in self.more)

    def num_processes_now(self, needed: Resources) -> int:
        """Count the processes that find room on the machines there are, were they idle."""
        return sum(fits(machine, needed) for machine in self.machines)

    def most(self, kind: str) -> float:
        """Return the most that one machine has of a kind."""
        every = [*self.machines, *(machine for machine, count in self.more if count)]
        return max((machine.get(kind, 0.0) for machine in every), default=0.0)


def fits(machine: Resources, needed: Resources) -> int:
    """Count the processes that find room on one machine.

    Args:
        machine: what it has.
        needed: what each process needs.
    """
    # Ray counts in ten thousandths, and 0.3 goes three times into 0.9
    return min(math.floor(machine.get(kind, 0.0) / amount + 1e-4) for kind, amount in needed.items() if amount > 0)


def _machines_alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _left(growth: Growth, workers: list[Resources]) -> tuple[tuple[Resources, int], ...]:
    """Subtract the machines that are there from those that there may be."""
    room = max(0, growth.max_machines - len(workers))
    there = Counter(_size(machine) for machine in workers)
    left = []
    for kind, most in growth.kinds:
        running = min(there[_size(kind)], most)  # kinds of one size are not distinguished
        there[_size(kind)] -= running
        if (count := min(most - running, room)) > 0:
            left.append((kind, count))
    return tuple(left)


def _size(machine: Resources) -> tuple[float, float]:
    return machine.get("CPU", 0.0), machine.get("GPU", 0.0)


def _reported_growth() -> Growth | None:
    """Read what the autoscaler has reported to the cluster; None where it reports nothing, as Ray's own does not."""
    config = reported_cluster_config()
    if config is None or not config.node_group_configs:
        return None
    kinds = tuple(
        (
            {name: float(amount) for name, amount in group.resources.items()},
            _UNLIMITED if group.max_count < 0 else int(group.max_count),
        )
        for group in config.node_group_configs
    )
    return Growth(kinds, _UNLIMITED)


def _growth_at_head(alive: list[dict[str, Any]]) -> Growth:
    """Read on the head which machines its autoscaler may start."""
    head = next((node["NodeID"] for node in alive if _HEAD in node["Resources"]), None)
    if head is None:
        return Growth()
    if head == ray.get_runtime_context().get_node_id():
        return _read_growth()
    task = ray.remote(num_cpus=0)(_read_growth)
    growth: Growth = ray.get(
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(head, soft=False)).remote()
    )
    return growth


def _read_growth() -> Growth:
    """Read the settings of the autoscaler of this machine's Ray."""
    arguments = _arguments_of_monitor(ray.get_runtime_context().gcs_address)
    if arguments is None and BOOTSTRAP_CONFIG.expanduser().exists():
        arguments = {"--autoscaling-config": str(BOOTSTRAP_CONFIG)}
    if arguments is None:
        return Growth(is_known=not has_autoscaling_status())  # an autoscaler that runs elsewhere writes it all the same
    file = arguments.get("--autoscaling-config")
    if not file:
        return Growth()
    try:
        return parse_growth(load_yaml(Path(file).expanduser().read_text(encoding="utf-8")))
    except (OSError, KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError):
        return Growth(is_known=False)


def _arguments_of_monitor(gcs_address: str) -> dict[str, str] | None:
    """Return the arguments of the process that starts a cluster's machines; None where it does not run here."""
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or ()
        if any(part.endswith(_MONITORS) for part in line):
            arguments = dict(part.split("=", 1) for part in line if part.startswith("--") and "=" in part)
            if arguments.get("--gcs-address") == gcs_address:
                return arguments
    return None


def parse_growth(config: Mapping[str, Any]) -> Growth:
    """Read which machines a cluster's YAML lets its autoscaler start.

    Args:
        config: as `ray up` takes it.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not of that form.
    """
    kinds = tuple(
        (
            {key: float(amount) for key, amount in kind.get("resources", {}).items()},
            int(kind.get("max_workers", config.get("max_workers", 0))),
        )
        for name, kind in config["available_node_types"].items()
        if name != config.get("head_node_type")
    )
    return Growth(kinds, int(config.get("max_workers", 0)))
