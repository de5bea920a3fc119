"""What a trial needs and what a cluster has, or can have when it grows."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import yaml

from dssgan.errors import ConfigError
from dssgan.training.distributed import Workers

# What `ray up` leaves on a head: the machines that the cluster may start.
BOOTSTRAP_CONFIG = Path("~/ray_bootstrap_config.yaml")

Resources = dict[str, float]


@dataclass(frozen=True)
class Capacity:
    """Machines of a cluster.

    Args:
        machines: what each machine has that is there now.
        more: what a machine has that can still be started, and how many of the kind.
    """

    machines: tuple[Resources, ...]
    more: tuple[tuple[Resources, int], ...] = ()

    @classmethod
    def of_cluster(cls) -> "Capacity":
        """Ask the Ray that this process has joined."""
        machines = tuple(dict(node["Resources"]) for node in ray.nodes() if node["Alive"])
        return cls(machines, _machines_to_start(BOOTSTRAP_CONFIG.expanduser(), len(machines)))

    @property
    def has_gpus(self) -> bool:
        """Whether any machine has a GPU, or will have one."""
        return any(machine.get("GPU", 0) for machine in [*self.machines, *(kind for kind, _ in self.more)])

    def num_processes(self, needed: Resources) -> int:
        """Count the processes that find room, on the machines there are and those that can be started."""
        there = sum(_fits(machine, needed) for machine in self.machines)
        return there + sum(_fits(machine, needed) * count for machine, count in self.more)

    def most(self, kind: str) -> float:
        """Give the most that one machine has of a kind."""
        return max(
            (machine.get(kind, 0.0) for machine in [*self.machines, *(kind for kind, _ in self.more)]), default=0
        )


def _fits(machine: Resources, needed: Resources) -> int:
    # Ray counts in ten thousandths, and 0.3 goes three times into 0.9
    return min(math.floor(machine.get(kind, 0.0) / amount + 1e-4) for kind, amount in needed.items() if amount > 0)


def _machines_to_start(file: Path, num_there: int) -> tuple[tuple[Resources, int], ...]:
    try:
        config: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        kinds = config["available_node_types"]
        left = int(config.get("max_workers", 0)) - (num_there - 1)
        found = []
        for name, kind in kinds.items():
            count = min(int(kind.get("max_workers", 0)), left)
            if name != config.get("head_node_type") and count > 0:
                found.append(({key: float(amount) for key, amount in kind.get("resources", {}).items()}, count))
    except (OSError, KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError):
        return ()  # a cluster that was not launched from here
    return tuple(found)


def choose_workers(capacity: Capacity, *, num: int, cpus: int, gpus: float | None) -> Workers:
    """Say what a trial's processes get, if the cluster can give it.

    Args:
        capacity: of the cluster.
        num: processes of a trial.
        cpus: cores of each.
        gpus: GPUs of each; None for one where there are any.

    Returns:
        The processes.

    Raises:
        ConfigError: there is no room for them; the message says what is missing.
    """
    workers = Workers(num, cpus, gpus if gpus is not None else float(capacity.has_gpus))
    for kind, amount in workers.resources.items():
        if capacity.most(kind) < amount:
            option = {"CPU": "--cpus-per-worker", "GPU": "--gpus-per-worker"}[kind]
            raise ConfigError(
                f"{option} {amount:g}: no machine of the cluster has so many {kind}s, the largest has "
                f"{capacity.most(kind):g}; ask for less or add a larger machine"
            )
    room = capacity.num_processes(workers.resources)
    if room < num:
        needed = " and ".join(f"{amount:g} {kind}" for kind, amount in workers.resources.items())
        raise ConfigError(
            f"--workers-per-trial {num}: each worker needs {needed}, and the cluster has room for {room}; "
            "ask for less or add machines"
        )
    return workers


def choose_max_concurrent(capacity: Capacity, workers: Workers) -> int:
    """Say how many trials find room at a time."""
    return max(1, capacity.num_processes(workers.resources) // workers.num)


def describe_wait(capacity: Capacity, workers: Workers) -> str | None:
    """Say what a sweep waits for where no trial finds room before the cluster has grown; None where one does.

    Args:
        capacity: of the cluster.
        workers: of a trial.
    """
    there = sum(_fits(machine, workers.resources) for machine in capacity.machines)
    if there >= workers.num:
        return None
    needed = " and ".join(f"{amount:g} {kind}" for kind, amount in workers.resources.items())
    more = sum(count for kind, count in capacity.more if _fits(kind, workers.resources))
    return (
        f"waiting for machines: {workers.num} times {needed} are needed, there is room for {there}, and the "
        f"cluster may start {more} more machines that have it"
    )
