"""One training in several processes, by Ray Train: the same code as in one, with gradients averaged."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
import torch
import torch.distributed
from torch import nn

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError, DssganError
from dssgan.training.checkpoint import FILE
from dssgan.training.config import TrainConfig
from dssgan.training.phases import Outcome, train
from dssgan.training.world import World

MAX_CRASHES = 2  # of the group of processes; it starts again from the last checkpoint
SECONDS_TO_START = 120
_END = "end"


def train_distributed(
    config: TrainConfig,
    dataset: Dataset,
    folder: Path,
    *,
    num_workers: int,
    report: Callable[[dict[str, float], Path], None],
) -> Outcome:
    """Train in several processes: gloo between processors, NCCL between GPUs.

    A group that loses a process starts again from the last checkpoint.

    Args:
        config: the configuration; `batch_size` is per process.
        dataset: what to learn from; the processes get it without its test partition.
        folder: where checkpoints go; every machine with a process must see it. A checkpoint that is there already is
            gone on from.
        num_workers: processes.
        report: called in this process after each validation with its metrics and the folder.

    Returns:
        What came of it.

    Raises:
        ConfigError: the machine or cluster has not room for so many processes.
        DssganError: the training failed; the message says how.
    """
    import ray.train.torch  # takes seconds to import
    from ray.util.queue import Queue

    folder = folder.resolve()
    use_gpu = config.device.startswith("cuda") or (config.device == "auto" and torch.cuda.is_available())
    with ray_running():
        kind = "GPU" if use_gpu else "CPU"
        available = ray.cluster_resources().get(kind, 0)
        if available < num_workers:
            raise ConfigError(f"{num_workers} workers need as many {kind}s, but there are {available:.0f}: use fewer")
        messages = Queue()
        told = threading.Thread(target=_listen, args=(messages, folder, report), daemon=True)
        told.start()
        trainer = ray.train.torch.TorchTrainer(
            _work,
            train_loop_config={
                "config": config.as_settings(), "dataset": replace(dataset, test=()), "folder": folder,
                "messages": messages,
            },
            scaling_config=ray.train.ScalingConfig(num_workers=num_workers, use_gpu=use_gpu),
            run_config=ray.train.RunConfig(
                name="ray", storage_path=str(folder),
                failure_config=ray.train.FailureConfig(max_failures=MAX_CRASHES),
                worker_runtime_env={"env_vars": {"RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": str(SECONDS_TO_START)}},
            ),
        )  # fmt: skip
        try:
            result = trainer.fit()
        except ray.train.TrainingFailedError as error:
            raise DssganError(f"{folder}: the processes failed ({str(error).splitlines()[-1]})") from error
        finally:
            messages.put(_END)
            told.join(timeout=10)
        outcome: Outcome | DssganError = result.return_value
        if isinstance(outcome, DssganError):
            raise outcome
        return outcome


def _work(inputs: dict[str, Any]) -> Outcome | DssganError:
    """Train in one of the processes."""
    import ray.train

    context = ray.train.get_context()
    rank, size = context.get_world_rank(), context.get_world_size()
    folder: Path = inputs["folder"]

    def report(metrics: dict[str, float], _checkpoint: Path) -> None:
        ray.train.report(metrics)
        if rank == 0:
            inputs["messages"].put(metrics)

    resumes = (folder / FILE).exists()
    torch.distributed.barrier()  # nobody writes one before everybody has looked
    try:
        return train(
            TrainConfig.model_validate(inputs["config"]),
            inputs["dataset"],
            folder,
            report=report,
            world=World(rank, size, _wrap, lambda value: _gather(value, size)),
            resume_from=folder if resumes else None,
        )
    except DssganError as error:
        return error  # every process meets the same one; a crash would only be tried again


def _wrap(module: nn.Module) -> nn.Module:
    import ray.train.torch

    # no buffer ever changes, and sending them would only cost time
    wrapped: nn.Module = ray.train.torch.prepare_model(module, parallel_strategy_kwargs={"broadcast_buffers": False})
    return wrapped


def _gather(value: Any, size: int) -> list[Any]:
    values: list[Any] = [None] * size
    torch.distributed.all_gather_object(values, value)
    return values


def _listen(messages: Any, folder: Path, report: Callable[[dict[str, float], Path], None]) -> None:
    while (message := messages.get()) != _END:
        report(message, folder)


@contextmanager
def ray_running(address: str | None = None, **settings: Any) -> Iterator[None]:
    """Have Ray running meanwhile, without a word on the terminal; where it ran before, it is left running.

    Args:
        address: of a running cluster; None starts Ray on this machine.
        settings: of `ray.init`, for a Ray that is started here.
    """
    for logger in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    started = not ray.is_initialized()
    if started:
        local = settings if address is None else {}
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
    try:
        yield
    finally:
        if started:
            ray.shutdown()
