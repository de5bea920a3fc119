"""What trials ask for and what a cluster has or will have."""

import pytest

from dssgan.errors import ConfigError
from dssgan.parallel.capacity import Capacity
from dssgan.training.distributed import Workers
from dssgan.tuning.ray.resources import Waiting, choose_max_concurrent, choose_workers, describe_wait

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


def test_where_any_machine_may_be_started_nothing_is_refused() -> None:
    unknown = Capacity(({"CPU": 1.0},), may_grow=True)
    workers = choose_workers(unknown, num=2, cpus=4, gpus=1.0)
    assert workers == Workers(2, 4, 1.0)
    assert choose_workers(unknown, num=1, cpus=1, gpus=None) == Workers(1, 1, 0.0)
    assert choose_max_concurrent(unknown, workers) == 1
    assert choose_max_concurrent(unknown, Workers(1, 1, 0.0)) == 2  # one more than there is room for has it grow
    assert describe_wait(unknown, workers) == (
        "waiting for machines: 2 times 4 CPU and 1 GPU are needed, there is room for 0, and the cluster's autoscaler "
        "has been asked for more"
    )


def test_a_wait_is_reported_once_and_so_is_its_end() -> None:
    said: list[str] = []
    waiting = Waiting(Workers(2, 1, 0.0), said.append)
    two, one = Capacity(({"CPU": 1.0}, {"CPU": 1.0})), Capacity(({"CPU": 1.0},))
    for capacity in (two, one, one, two, two):
        waiting.look(capacity)
    assert said == [
        "waiting for machines: 2 times 1 CPU are needed, there is room for 1, and the cluster starts no others: add "
        "machines, or restart those that are gone",
        "the machines that a trial needs are there",
    ]


def test_a_sweep_says_what_it_waits_for() -> None:
    growing = Capacity(({"CPU": 4.0},), (({"CPU": 8.0, "GPU": 1.0}, 3), ({"CPU": 64.0}, 9)))
    assert describe_wait(GPUS, Workers(2, 1, 1.0)) is None
    assert describe_wait(growing, Workers(1, 1, 0.0)) is None
    assert describe_wait(growing, Workers(2, 1, 1.0)) == (
        "waiting for machines: 2 times 1 CPU and 1 GPU are needed, there is room for 0, and the cluster may start "
        "3 more machines that have it"
    )
