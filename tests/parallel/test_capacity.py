"""What a cluster has and may still start, from its settings."""

from pathlib import Path

import pytest
import yaml

from dssgan.parallel import capacity
from dssgan.parallel.capacity import Capacity, Growth, parse_growth

ROOT = Path(__file__).parents[2]
HEAD = {"CPU": 4.0, "node:__internal_head__": 1.0}
GPU = {"CPU": 8.0, "GPU": 1.0}


def test_kinds_and_their_numbers_are_read_from_a_clusters_settings() -> None:
    kinds = {"head": {"resources": {"CPU": 4}}, "gpu": {"max_workers": 3, "resources": {"CPU": 8, "GPU": 1}},
             "cpu": {"resources": {"CPU": 64}}}  # fmt: skip
    growth = parse_growth({"head_node_type": "head", "max_workers": 5, "available_node_types": kinds})
    assert growth == Growth(((GPU, 3), ({"CPU": 64.0}, 5)), 5)


def test_the_projects_own_clusters_may_grow() -> None:
    growth = parse_growth(yaml.safe_load((ROOT / "cluster.yaml").read_text()))
    assert growth.max_machines > 0


@pytest.mark.parametrize(
    ("growth", "workers", "left"),
    [
        (Growth(((GPU, 3),), 2), [], ((GPU, 2),)),  # two beside the head at most, whatever the kind allows
        (Growth(((GPU, 3),), 9), [GPU], ((GPU, 2),)),
        (Growth(((GPU, 3),), 3), [{"CPU": 2.0}] * 2, ((GPU, 1),)),
        (Growth(((GPU, 1), ({"CPU": 64.0}, 4)), 4), [GPU], (({"CPU": 64.0}, 3),)),
        (Growth(), [GPU], ()),
    ],
)
def test_machines_that_are_there_are_subtracted(
    growth: Growth, workers: list[dict[str, float]], left: tuple[object, ...]
) -> None:
    assert capacity._left(growth, workers) == left


def test_room_is_counted_on_machines_that_are_there_and_that_may_come() -> None:
    growing = Capacity((HEAD,), ((GPU, 2),))
    assert growing.has_gpus
    assert growing.num_processes({"CPU": 1.0, "GPU": 1.0}) == 2
    assert growing.num_processes_now({"CPU": 1.0, "GPU": 1.0}) == 0
    assert growing.num_processes({"CPU": 4.0}) == 5
    assert not Capacity((HEAD,), ((GPU, 0),)).has_gpus
