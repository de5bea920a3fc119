"""What trials ask for and what a cluster has or will have."""

from pathlib import Path

import pytest
import yaml

from dssgan.errors import ConfigError
from dssgan.training.distributed import Workers
from dssgan.tuning import resources
from dssgan.tuning.resources import Capacity, choose_max_concurrent, choose_workers, describe_wait

CPU_ONLY = Capacity(({"CPU": 2.0}, {"CPU": 4.0}))
GPUS = Capacity(({"CPU": 8.0}, {"CPU": 8.0, "GPU": 2.0}))


def test_gpus_are_used_where_there_are_any() -> None:
    assert choose_workers(CPU_ONLY, num=1, cpus=1, gpus=None) == Workers(1, 1, 0.0)
    assert choose_workers(GPUS, num=1, cpus=1, gpus=None) == Workers(1, 1, 1.0)
    assert choose_workers(GPUS, num=1, cpus=1, gpus=0.0) == Workers(1, 1, 0.0)


@pytest.mark.parametrize(("gpus", "expected"), [(1.0, 2), (0.5, 4), (0.3, 6), (0.0, 16)])
def test_trials_find_room_by_their_share(gpus: float, expected: int) -> None:
    workers = choose_workers(GPUS, num=1, cpus=1, gpus=gpus)
    assert choose_max_concurrent(GPUS, workers) == expected


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"num": 1, "cpus": 16, "gpus": 0}, "--cpus-per-worker 16: no machine .* the largest has 8"),
        ({"num": 1, "cpus": 1, "gpus": 4}, "--gpus-per-worker 4: no machine .* the largest has 2"),
        ({"num": 3, "cpus": 1, "gpus": 1}, "--workers-per-trial 3: each worker needs 1 CPU and 1 GPU, .* room for 2"),
    ],
)
def test_what_can_never_be_is_named(asked: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_workers(GPUS, **asked)  # type: ignore[arg-type]


def test_machines_that_can_still_be_started_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap = tmp_path / "bootstrap.yaml"
    kinds = {"head": {"resources": {"CPU": 4}}, "gpu": {"max_workers": 3, "resources": {"CPU": 8, "GPU": 1}}}
    bootstrap.write_text(yaml.safe_dump({"head_node_type": "head", "max_workers": 2, "available_node_types": kinds}))
    monkeypatch.setattr(resources, "BOOTSTRAP_CONFIG", bootstrap)
    monkeypatch.setattr("ray.nodes", lambda: [{"Alive": True, "Resources": {"CPU": 4.0}}])
    capacity = Capacity.of_cluster()
    assert capacity.has_gpus
    assert capacity.num_processes({"CPU": 1.0, "GPU": 1.0}) == 2  # two workers at most, whatever the kind allows
    bootstrap.write_text("nonsense: [")
    assert Capacity.of_cluster().more == ()


def test_a_sweep_says_what_it_waits_for() -> None:
    growing = Capacity(({"CPU": 4.0},), (({"CPU": 8.0, "GPU": 1.0}, 3), ({"CPU": 64.0}, 9)))
    assert describe_wait(GPUS, Workers(2, 1, 1.0)) is None
    assert describe_wait(growing, Workers(1, 1, 0.0)) is None
    assert describe_wait(growing, Workers(2, 1, 1.0)) == (
        "waiting for machines: 2 times 1 CPU and 1 GPU are needed, there is room for 0, and the cluster may start "
        "3 more machines that have it"
    )
