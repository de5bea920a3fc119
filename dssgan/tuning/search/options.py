"""The options of a sweep beside its space and its data."""

from dataclasses import dataclass

from dssgan.configurable import lookup
from dssgan.errors import ConfigError
from dssgan.runs.retry import Patience
from dssgan.tuning.search.objectives import in_order
from dssgan.tuning.search.pruners import PRUNERS
from dssgan.tuning.search.samplers import SAMPLERS, SINGLE_OBJECTIVE


@dataclass(frozen=True)
class SearchOptions:
    """How a sweep searches, and with what.

    Args:
        num_trials: number of trials in all; None for as many as a resumed sweep was begun with.
        seed: random seed of the search; a training's own seed is a setting.
        sampler: name of the sampler, see `dssgan.tuning.search.samplers`.
        pruner: name of what stops trials early, see `dssgan.tuning.search.pruners`.
        reduction_factor: one trial in so many continues at each rung of asha and hyperband.
        share_phase_one: whether trials that agree on it share the supervised phase.
        also: names of further objectives, see `dssgan.tuning.search.objectives`.
        min_speed: what a separator must reach, times real time, to be trained; None for no limit.
        max_parameters: what a separator may have, to be trained; None for no limit.
        workers_per_trial: processes of one trial.
        cpus_per_worker: processor cores of each.
        gpus_per_worker: GPUs of each, may be a fraction; None for one where there are any.
        max_concurrent: trials at a time; None for as many as find room.
        max_hours: when to stop; what is unfinished then can be resumed. None for no limit.
        patience: minutes to wait for a database or bucket that does not answer.

    Raises:
        ConfigError: a value that makes no sense; the message names it.
    """

    num_trials: int | None
    seed: int = 0
    sampler: str = "tpe"
    pruner: str = "asha"
    reduction_factor: int = 3
    share_phase_one: bool = True
    also: tuple[str, ...] = ()
    min_speed: float | None = None
    max_parameters: float | None = None
    workers_per_trial: int = 1
    cpus_per_worker: int = 1
    gpus_per_worker: float | None = None
    max_concurrent: int | None = None
    max_hours: float | None = None
    patience: float = 15.0

    def __post_init__(self) -> None:
        Patience(self.patience)
        lookup("sampler", SAMPLERS, self.sampler)
        object.__setattr__(self, "also", in_order(self.also))
        if self.also and self.sampler in SINGLE_OBJECTIVE:
            raise ConfigError(f"sampler {self.sampler}: searches for one objective only; choose another, or no --also")
        lookup("pruner", PRUNERS, self.pruner)
        if self.reduction_factor < 2:
            raise ConfigError(
                f"reduction_factor={self.reduction_factor}: give 2 or more, or --pruner none to stop no trial"
            )
        gpus = self.gpus_per_worker
        if gpus is not None and gpus > 1 and gpus != int(gpus):
            raise ConfigError(f"gpus_per_worker={gpus}: give a part of one GPU, or whole ones")
