"""Limits of a separator's cost, measured once for each architecture of a sweep before it is trained."""

import hashlib
import json
import time
from dataclasses import dataclass

import numpy as np

from dssgan.inference.stream import separate_array
from dssgan.plain_json import to_json
from dssgan.runs.store import Store
from dssgan.separators import SeparatorModel
from dssgan.training.config import TrainConfig

_SPEED_SECONDS, _SPEED_RUNS = 10.0, 3


@dataclass(frozen=True)
class Size:
    """The cost of an architecture.

    Args:
        parameters: numbers it learns.
        real_time_factor: seconds of work for a second of sound on the sweep's processors; below 1 is faster than sound;
            None where it was not measured.
    """

    parameters: int
    real_time_factor: float | None = None


@dataclass(frozen=True)
class Limits:
    """The largest cost that a user allows.

    Args:
        min_speed: times real time; None for no limit.
        max_parameters: numbers to learn; None for no limit.
    """

    min_speed: float | None = None
    max_parameters: float | None = None

    def excess(self, size: Size) -> dict[str, float]:
        """Return by how much an architecture misses each limit, in the form of Optuna's constraints.

        Args:
            size: size of the architecture.

        Returns:
            For each limit a number above 0 where it is missed: parts of the limit.
        """
        found = {}
        if self.min_speed is not None and size.real_time_factor is not None:
            found["min_speed"] = size.real_time_factor * self.min_speed - 1
        if self.max_parameters is not None:
            found["max_parameters"] = size.parameters / self.max_parameters - 1
        return found

    def describe(self, size: Size) -> str | None:
        """Return a description of the limits that an architecture misses; None where it keeps all."""
        missed = [name for name, by in self.excess(size).items() if by > 0]
        speed = 1 / (size.real_time_factor or 1)
        words = {
            "min_speed": f"{speed:.3g} x real time, --min-speed asks for {self.min_speed or 0:g}",
            "max_parameters": f"{size.parameters} parameters, --max-parameters allows {self.max_parameters or 0:.0f}",
        }
        return "; ".join(words[name] for name in missed) or None


NO_LIMITS = Limits()


def measure(config: TrainConfig, store: Store, *, with_speed: bool) -> Size:
    """Measure a configuration's separator, or read what another trial has measured.

    Args:
        config: configuration of the training.
        store: store of the sweep; sizes are kept in its folder `architectures`.
        with_speed: whether the speed is wanted, which takes seconds.

    Returns:
        Its size.
    """
    key = hashlib.sha256(config.phase_one.separator.model_dump_json().encode()).hexdigest()[:16]
    file = f"architectures/{key}.json"
    known = store.read_text(file)
    stored = {} if known is None else json.loads(known)
    if stored and (stored["real_time_factor"] is not None or not with_speed):
        return Size(stored["parameters"], stored["real_time_factor"])
    separator = config.build_separator()
    num_parameters = sum(parameter.numel() for parameter in separator.parameters())
    size = Size(num_parameters, real_time_factor(separator) if with_speed else None)
    about = {"separator": config.phase_one.separator.model_dump(), "parameters": size.parameters,
             "real_time_factor": size.real_time_factor}  # fmt: skip
    store.write_text(file, to_json(about, indent=2) + "\n")
    return size


def real_time_factor(separator: SeparatorModel) -> float:
    """Measure how long a separator takes on the processor for a second of sound.

    Args:
        separator: the separator, on the CPU; its weights do not matter.

    Returns:
        Seconds of work for each second of sound, the best of three runs; below 1 is faster than it plays.
    """
    separator = separator.eval()
    noise = np.random.default_rng(0).standard_normal((separator.channels, int(_SPEED_SECONDS * separator.sample_rate)))
    mix = (0.1 * noise).astype(np.float32)
    seconds = []
    for _ in range(_SPEED_RUNS):
        started = time.perf_counter()
        separate_array(separator, mix)
        seconds.append(time.perf_counter() - started)
    return min(seconds) / _SPEED_SECONDS
