"""The process group of a training, over the network that Ray itself uses.

Gloo listens at the address that the machine's own name resolves to. On many machines that is 127.0.0.1 or 127.0.1.1,
where no other machine can connect.
"""

import os
from typing import Any

import psutil
import ray.util
from ray.train.torch import TorchConfig

from dssgan.parallel.ray_internals import torch_backend


def name_interface() -> None:
    """Have Gloo listen at the interface with the address that Ray knows this machine by, if the user names none."""
    address = ray.util.get_node_ip_address()
    for interface, addresses in psutil.net_if_addrs().items():
        if any(found.address == address for found in addresses):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)


class _Backend(torch_backend()):  # type: ignore[misc]
    def on_start(self, worker_group: Any, backend_config: TorchConfig) -> None:
        worker_group.execute(name_interface)
        super().on_start(worker_group, backend_config)


class AddressedTorchConfig(TorchConfig):  # type: ignore[misc]
    """Ray's `TorchConfig`, for machines whose host names resolve to a loopback address."""

    @property
    def backend_cls(self) -> type[_Backend]:
        """What sets the process group up."""
        return _Backend
