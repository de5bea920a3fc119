"""What trials ask of a cluster with GPUs, on one whose GPUs are numbers: Ray places by them, and nothing computes."""

import json
import os
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster
from small_training import ONE_STEP

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError
from dssgan.runs.store import FolderStore
from dssgan.training.config import TrainConfig
from dssgan.training.phases import TrainingResult, train
from dssgan.tuning.ray.sweep import run_sweep
from dssgan.tuning.results import SweepResult
from dssgan.tuning.search.attributes import MACHINE
from dssgan.tuning.search.options import SearchOptions
from dssgan.tuning.search.space import SearchSpace
from dssgan.tuning.sweep_files import find_study

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.slow]  # one Ray at a time

SMALL = {**ONE_STEP, "precision": "auto", "device": "cpu"}  # there are none to compute on
SPACE = SearchSpace("space.py", 'def space(trial):\n    trial.suggest_float("learning_rate", 1e-4, 1e-3)\n')


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Ray Train asks the State API, which is part of the dashboard, what a trial holds
    head = {"num_cpus": 4, "num_gpus": 2, "object_store_memory": 200_000_000, "include_dashboard": True,
            "dashboard_port": port}  # fmt: skip
    cluster = Cluster(initialize_head=True, head_node_args=head)
    yield cluster.address
    cluster.shutdown()


def train_and_note(config: TrainConfig, dataset: Dataset, folder: Path, **further: Any) -> TrainingResult:
    """Train, and note what the process was given."""
    seen = {"visible": os.environ.get("CUDA_VISIBLE_DEVICES"), "device": str(config.device)}
    (folder / "seen.json").write_text(json.dumps(seen))
    return train(config, dataset, folder, **further)


def sweep(
    folder: Path, dataset: Dataset, address: str, *, num: int = 4, **options: Any
) -> tuple[SweepResult, list[str]]:
    """Run a sweep, and give its result and where each trial was."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        result = run_sweep(
            SPACE, dataset, folder, settings=SMALL, options=SearchOptions(num, pruner="none", **options), name="test",
            address=address, train=train_and_note,
        )  # fmt: skip
    finally:
        ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    study = find_study(FolderStore(folder), "test")
    assert {trial.state for trial in result.trials} == {"complete"}
    return result, [trial.user_attrs[MACHINE] for trial in study.trials]


def visible(folder: Path) -> list[str]:
    return [json.loads(file.read_text())["visible"] for file in sorted(folder.glob("trials/*/seen.json"))]


def test_each_trial_has_a_gpu_of_its_own_by_default(tmp_path: Path, bundled: Dataset, address: str) -> None:
    _, places = sweep(tmp_path, bundled, address, num=2)
    seen = visible(tmp_path)
    assert set(seen) == {"0", "1"}
    assert all(f", 1 CPU, 1 GPU (GPU {gpu})" in place for place, gpu in zip(places, seen, strict=True))


def test_two_trials_share_a_gpu(tmp_path: Path, bundled: Dataset, address: str) -> None:
    _, places = sweep(tmp_path, bundled, address, gpus_per_worker=0.5)
    # four at a time find room, two on each
    assert Counter(visible(tmp_path)) == {"0": 2, "1": 2}
    assert all(", 1 CPU, 0.5 GPU (GPU " in place for place in places)


def test_none_are_asked_for(tmp_path: Path, bundled: Dataset, address: str) -> None:
    _, places = sweep(tmp_path, bundled, address, num=1, gpus_per_worker=0)
    assert set(visible(tmp_path)) <= {"", None}
    assert all(place.endswith(", 1 CPU") for place in places)


def test_trials_of_several_workers_get_a_gpu_for_each(tmp_path: Path, bundled: Dataset, address: str) -> None:
    _, places = sweep(tmp_path, bundled, address, num=1, workers_per_trial=2, gpus_per_worker=1)
    assert set(places) == {"2 workers, each 1 CPU, 1 GPU"}


def test_what_the_cluster_can_never_give_is_one_line(tmp_path: Path, bundled: Dataset, address: str) -> None:
    with pytest.raises(ConfigError, match="--gpus-per-worker 3: no machine of the cluster has so many GPUs"):
        sweep(tmp_path, bundled, address, gpus_per_worker=3)
    assert not (tmp_path / "run.json").exists()
