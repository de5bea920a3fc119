"""One training in several processes, by Ray Train: the same code as in one, with gradients averaged."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import ray
import torch
import torch.distributed
from torch import nn

from dssgan.data.dataset import Dataset, Localise, unchanged
from dssgan.data.guard import guarded
from dssgan.errors import ConfigError, DssganError
from dssgan.parallel.cluster import on_this_machine, ray_running
from dssgan.runs.record import this_command
from dssgan.runs.store import Store
from dssgan.training.checkpoint import find_position
from dssgan.training.config import TrainConfig
from dssgan.training.phases import Report, TrainingResult, train
from dssgan.training.shared_phases import SharedPhases
from dssgan.training.world import World

MAX_CRASHES = 3  # of the group of processes without a validation between; it starts again from the last checkpoint
# machines may be added later, and lost ones may return; what is impossible is refused beforehand
_SECONDS_TO_START = 365 * 24 * 3600
_MAX_FAILED_STARTS = 10  # of a group that has found room; its machines may be taken away in that very moment
_END = "end"


@dataclass(frozen=True)
class Workers:
    """The processes of one training, and what each of them gets.

    Args:
        num: processes.
        cpus: processor cores of each.
        gpus: GPUs of each; a fraction shares one.
    """

    num: int = 1
    cpus: int = 1
    gpus: float = 0.0

    @classmethod
    def on_this_machine(cls, num: int, device: str) -> "Workers":
        """Assign each process a GPU where the configured device is one, or "auto" and there are any."""
        use_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
        return cls(num, gpus=1.0 if use_gpu else 0.0)

    @property
    def resources(self) -> dict[str, float]:
        """What one process asks of Ray."""
        return {"CPU": float(self.cpus), **({"GPU": self.gpus} if self.gpus else {})}


@dataclass(frozen=True)
class _Job:
    config: TrainConfig
    dataset: Dataset
    localise: Localise
    store: Store
    name: str
    shared_phases: SharedPhases | None
    messages: Any
    failure: Any
    num_threads: int | None
    command: str


def _backend(workers: Workers, device: str) -> str:
    """Choose how processes exchange gradients: NCCL needs a GPU for each process, and a PyTorch that includes it."""
    on_gpus = workers.gpus >= 1 and device != "cpu"
    return "nccl" if on_gpus and torch.distributed.is_nccl_available() else "gloo"


@ray.remote(num_cpus=0)
class _Failure:
    """Why a process gave up, for the others that wait for it, and how often the group has begun in vain."""

    def __init__(self) -> None:
        self._error: DssganError | None = None
        self._starts = 0

    def put(self, error: DssganError) -> None:
        self._error = self._error or error

    def get(self) -> DssganError | None:
        return self._error

    def begin(self) -> int:
        """Count a start of the group since the last validation."""
        self._starts += 1
        return self._starts

    def progress(self) -> None:
        self._starts = 0


def train_distributed(
    config: TrainConfig,
    dataset: Dataset,
    store: Store,
    name: str,
    *,
    workers: Workers,
    report: Report | None = None,
    callbacks: Sequence[Any] = (),
    shared_phases: SharedPhases | None = None,
    localise: Localise = unchanged,
    waits: bool = False,
    command: str | None = None,
) -> TrainingResult:
    """Train in several processes: gloo between processors, NCCL between GPUs.

    A group that loses a process, or a machine, starts again from the last checkpoint as soon as there is room. One of
    whose processes meets an error of the user's making, such as a file that cannot be read, ends at once: the others
    would wait for that process endlessly.

    Args:
        config: the configuration; `batch_size` is per process.
        dataset: what to learn from; the processes get it without its test partition.
        store: where checkpoints go.
        name: name of the training's folder there. A checkpoint in it is resumed from.
        workers: the processes.
        report: called in this process after each validation with its metrics and the folder.
        callbacks: callbacks of Ray Train.
        shared_phases: where trainings share their supervised phases.
        localise: returns the data set with files of the machine of a process.
        waits: wait for machines that are not there, in place of an error.
        command: the command that repeats the training, for its record; None for this process's.

    Returns:
        What came of it.

    Raises:
        ConfigError: the machine or cluster has not room for so many processes.
        DssganError: the training failed; the message gives the cause.
    """
    import ray.train.torch  # takes seconds to import

    with ray_running(), tempfile.TemporaryDirectory(prefix="dssgan-train-") as scratch:
        for kind, amount in () if waits else workers.resources.items():
            available, needed = ray.cluster_resources().get(kind, 0), workers.num * amount
            if available < needed:
                raise ConfigError(
                    f"{workers.num} workers need {needed:g} {kind}s, but there are {available:g}: use fewer"
                )
        learnt = replace(guarded(dataset), test=())
        with _forwarding(report, store, name) as messages:
            failure = _Failure.options(scheduling_strategy=on_this_machine()).remote()  # type: ignore[attr-defined]
            job = _Job(
                config, learnt, localise, store, name, shared_phases, messages, failure,
                num_threads=None if workers.gpus else workers.cpus, command=command or this_command(),
            )  # fmt: skip
            from dssgan.training.process_group import AddressedTorchConfig  # Ray's Train takes seconds to import

            trainer = ray.train.torch.TorchTrainer(
                _work,
                train_loop_config={"job": job},
                torch_config=AddressedTorchConfig(backend=_backend(workers, config.device)),
                scaling_config=ray.train.ScalingConfig(
                    num_workers=workers.num, use_gpu=workers.gpus > 0, resources_per_worker=workers.resources
                ),
                run_config=ray.train.RunConfig(
                    # Ray's own notes are of no use later: the checkpoint is in the store
                    name="ray", storage_path=scratch, callbacks=list(callbacks),
                    # `_work` counts those of the group
                    failure_config=ray.train.FailureConfig(
                        max_failures=-1, controller_failure_limit=_MAX_FAILED_STARTS
                    ),
                ),
            )  # fmt: skip
            # Ray passes it on from here to the process that starts the group
            os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] = str(_SECONDS_TO_START)
            try:
                result = trainer.fit()
            except ray.train.TrainingFailedError as error:
                raise DssganError(f"{name}: the processes failed ({str(error).splitlines()[-1]})") from error
        outcome: TrainingResult | DssganError = result.return_value
        if isinstance(outcome, DssganError):
            raise outcome
        return outcome


def _work(inputs: dict[str, Any]) -> TrainingResult | DssganError:
    """Train in one of the processes."""
    import ray.train

    job: _Job = inputs["job"]
    known: DssganError | None = ray.get(job.failure.get.remote())
    if known is not None:
        return known  # the group was started again after a process had put it there
    if job.num_threads is not None:
        torch.set_num_threads(job.num_threads)
    context = ray.train.get_context()
    rank, size = context.get_world_rank(), context.get_world_size()
    folder = job.store.local(job.name)

    def report(metrics: dict[str, float], _checkpoint: Any) -> None:
        if rank == 0:
            job.store.publish(job.name)
            job.failure.progress.remote()
        ray.train.report(metrics)
        if rank == 0 and job.messages is not None:
            job.messages.put(metrics)

    try:
        if rank == 0 and ray.get(job.failure.begin.remote()) > MAX_CRASHES:
            raise DssganError(f"{job.name}: its processes ended {MAX_CRASHES} times without a validation between")
        job.store.fetch(job.name)
        folder.mkdir(parents=True, exist_ok=True)
        dataset = job.localise(job.dataset)
        resumes = find_position(folder) is not None
        torch.distributed.barrier()  # no process writes one before all have looked
        outcome = train(
            job.config,
            dataset,
            folder,
            report=report,
            world=World(rank, size, _wrap, lambda value: _gather(value, size)),
            resume_from=folder if resumes else None,
            shared_phases=job.shared_phases,
            command=job.command,
        )
        if rank == 0:
            job.store.publish(job.name)
    except (DssganError, MemoryError) as error:
        reported = (
            error
            if isinstance(error, DssganError)
            else DssganError(
                f"{job.name}: process {rank} ran out of memory; set accumulate=2 or more, or use fewer workers"
            )
        )
        ray.get(job.failure.put.remote(reported))
        # Ray ends the group when one process fails; those that wait in a collective could not end by themselves
        raise
    finally:
        job.store.forget(job.name)
    return outcome


def _wrap(module: nn.Module) -> nn.Module:
    # it is on its device already, which Ray has made the current one where it is a GPU; no buffer ever changes, and
    # sending them would only cost time
    return nn.parallel.DistributedDataParallel(module, broadcast_buffers=False)


def _gather(value: Any, size: int) -> list[Any]:
    values: list[Any] = [None] * size
    torch.distributed.all_gather_object(values, value)
    return values


@contextmanager
def _forwarding(report: Report | None, store: Store, name: str) -> Iterator[Any]:
    """Call `report` in this process with what the leading worker puts into the queue that is yielded."""
    if report is None:
        yield None
        return
    from ray.util.queue import Queue

    messages = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": on_this_machine()})
    listener = threading.Thread(target=_listen, args=(messages, report, store.local(name)), daemon=True)
    listener.start()
    try:
        yield messages
    finally:
        messages.put(_END)
        listener.join(timeout=10)


def _listen(messages: Any, report: Callable[[dict[str, float], Any], None], folder: Any) -> None:
    with suppress(ray.exceptions.RayActorError):  # Ray has ended
        while (message := messages.get()) != _END:
            report(message, folder)
