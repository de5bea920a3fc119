"""Tasks on a cluster: all of them, once each, and one line where a task fails or its worker dies."""

import os
import signal
from pathlib import Path

import pytest

from dssgan.errors import ConfigError, DataError, DssganError
from dssgan.parallel.cluster import STARTS, cluster_map, on_this_machine, ray_running, require_seen

pytestmark = pytest.mark.xdist_group("ray")  # one Ray at a time


def square(number: int) -> int:
    return number**2


def fail(number: int) -> int:
    raise DataError(f"song {number}: is no song")


def die(_number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_a_cluster_works_like_map(cluster: str, tmp_path: Path) -> None:
    import ray

    ray.cloudpickle.register_pickle_by_value(__import__("sys").modules[__name__])
    with cluster_map(cluster, label=lambda number: f"song {number}", advice="buy memory") as map_unordered:
        assert sorted(map_unordered(square, range(10))) == [number**2 for number in range(10)]
        assert list(map_unordered(square, [])) == []
        with pytest.raises(DataError, match=r"^song 3: is no song$"):
            list(map_unordered(fail, [3]))
        with pytest.raises(DssganError, match=r"^song 7: its worker died, perhaps for want of memory; buy memory$"):
            list(map_unordered(die, [7]))
        require_seen([tmp_path / "nowhere"])  # one machine sees what it sees
    assert not ray.is_initialized()


@pytest.mark.slow
def test_an_actor_stays_on_the_machine_of_who_makes_it() -> None:
    import ray
    from ray.cluster_utils import Cluster

    class Somebody:
        def where(self) -> str:
            return ray.get_runtime_context().get_node_id()

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100_000_000})
    made.add_node(num_cpus=1, object_store_memory=100_000_000)
    try:
        with ray_running(made.address):
            kept = ray.remote(num_cpus=0)(Somebody).options(scheduling_strategy=on_this_machine())
            found = ray.get([somebody.where.remote() for somebody in [kept.remote() for _ in range(4)]])
            assert set(found) == {ray.get_runtime_context().get_node_id()}
    finally:
        made.shutdown()


def test_a_busy_machine_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    start, calls = ray.init, []

    def times_out(num_failures: int) -> None:
        def init(**settings: object) -> None:
            calls.append(settings)
            if len(calls) <= num_failures:
                raise Exception("The current node timed out\nduring startup.")
            start(**settings)

        calls.clear()
        monkeypatch.setattr(ray, "init", init)

    times_out(1)
    with ray_running(num_cpus=1, include_dashboard=False, object_store_memory=100_000_000):
        assert ray.is_initialized()
    assert len(calls) == 2
    times_out(STARTS)
    message = r"^Ray does not start on this machine \(The current node timed out during startup\.\); try again"
    with pytest.raises(DssganError, match=message), ray_running():
        pass
    assert len(calls) == STARTS
    assert not ray.is_initialized()


@pytest.mark.parametrize("kind", ["a path that is too long for a socket", "a file"])
def test_a_place_that_ray_cannot_use_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    place = tmp_path / ("x" * 120 if kind != "a file" else "file")
    place.touch() if kind == "a file" else place.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(place))
    message = r"Ray cannot write its files .*; set RAY_TMPDIR to the short path"
    with pytest.raises(DssganError, match=message), ray_running(num_cpus=1, include_dashboard=False):
        pass


def test_no_cluster_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(ConfigError, match="nowhere: is no address of a Ray cluster"), cluster_map("nowhere"):
        pass
