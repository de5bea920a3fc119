"""Sweeps on clusters that grow and shrink: machines come for trials, go when they are idle, and are lost."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import ray
import ray.experimental.internal_kv
import yaml
from cluster.growing import growing_cluster, machines_beside_the_head, sweep
from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
from ray.cluster_utils import Cluster

from dssgan.parallel.capacity import Capacity
from dssgan.tuning.ray.sweep import read_sweep
from dssgan.tuning.results import SweepResult

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("ray")]  # one Ray at a time

SPACE = """
def space(trial):
    trial.suggest_float("alpha", 1e-4, 1e-1, log=True)
"""
SMALL = (
    "separator.name=unet", "separator.num_layers=2", "separator.num_initial_filters=2", "separator.n_fft=512",
    "separator.hop_samples=256", "separator.sample_rate=8192", "separator.channels=1", "batch_size=1",
    "segment_seconds=1", "critic_steps=1", "phase_one.epochs=1", "validation_seconds=2", "precision=float32",
    "media=false", "device=cpu",
)  # fmt: skip
SHORT = ("steps_per_epoch=2", "phase_two.epochs=2")
LONG = ("steps_per_epoch=40", "phase_two.epochs=6")


def run(folder: Path, *words: str, num_trials: int) -> subprocess.Popen[str]:
    (folder / "space.py").write_text(SPACE)
    options = ("--trials", num_trials, "--name", "grown", "--pruner", "none")
    return sweep(folder / "space.py", *SMALL, *words, *options, folder=folder)


def ended(process: subprocess.Popen[str], seconds: float = 300) -> str:
    output, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    return " ".join(output.split())


def under_way(process: subprocess.Popen[str], folder: Path) -> None:
    def has_begun() -> bool:
        assert process.poll() is None, ended(process)
        return (folder / "grown" / "trials" / "0000" / "checkpoint.pt").exists()

    until(has_begun, "no trial gets under way")


def until(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def trials(folder: Path) -> SweepResult:
    return read_sweep(folder / "grown", "grown")


def test_trials_of_several_workers_begin_on_a_cluster_without_any(tmp_path: Path) -> None:
    with growing_cluster({"cpu": ({"CPU": 1}, 2)}):
        assert not machines_beside_the_head()
        output = ended(run(tmp_path, *SHORT, "--workers-per-trial", "2", num_trials=2))
        assert "waiting for machines: 2 times 1 CPU are needed, there is room for 1" in output
        assert "may start 2 more machines" in output
        assert [trial.state for trial in trials(tmp_path).trials] == ["complete"] * 2
        until(lambda: not machines_beside_the_head(), "idle machines stay")


def test_gpus_that_come_only_when_asked_for_are_asked_for(tmp_path: Path) -> None:
    with growing_cluster({"gpu": ({"CPU": 1, "GPU": 1}, 1)}):
        output = ended(run(tmp_path, *SHORT, num_trials=2))
        assert "waiting for machines: 1 times 1 CPU and 1 GPU are needed, there is room for 0" in output
        assert [trial.state for trial in trials(tmp_path).trials] == ["complete"] * 2


def test_what_no_machine_can_ever_give_is_refused_before_any_trial(tmp_path: Path) -> None:
    with growing_cluster({"cpu": ({"CPU": 1}, 2)}):
        process = run(tmp_path, *SHORT, "--workers-per-trial", "4", num_trials=1)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 2
        assert "each worker needs 1 CPU, and the cluster has room for 3" in " ".join(output.split())
        assert not (tmp_path / "grown" / "trials").exists()


def test_an_autoscaler_that_runs_elsewhere_is_known_by_a_file_or_may_start_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "no_monitor": True})
    try:
        ray.init(cluster.address, log_to_driver=False)
        assert Capacity.of_cluster().more == ()
        assert not Capacity.of_cluster().may_grow
        ray.experimental.internal_kv._internal_kv_put(DEBUG_AUTOSCALING_STATUS, b"{}")  # as on Kubernetes
        assert Capacity.of_cluster().may_grow
        growth = {"head_node_type": "head", "max_workers": 2, "available_node_types": {
            "head": {}, "gpu": {"max_workers": 3, "resources": {"CPU": 8, "GPU": 1}}}}  # fmt: skip
        (tmp_path / "ray_bootstrap_config.yaml").write_text(yaml.safe_dump(growth))
        assert not Capacity.of_cluster().may_grow
        assert Capacity.of_cluster().more == (({"CPU": 8.0, "GPU": 1.0}, 2),)
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_trial_whose_machine_is_killed_goes_on_where_another_one_comes(tmp_path: Path) -> None:
    with growing_cluster({"cpu": ({"CPU": 1}, 2)}):
        process = run(tmp_path, *LONG, "--workers-per-trial", "2", num_trials=2)
        under_way(process, tmp_path)
        machines_beside_the_head()[0].send_signal(signal.SIGKILL)
        ended(process)
        assert [trial.state for trial in trials(tmp_path).trials] == ["complete"] * 2


def test_a_trial_waits_where_its_machine_is_lost_for_good_and_goes_on_when_one_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # unlike `ray start`, Ray's test cluster does not take up the token that this machine may have
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    # no autoscaler: what is gone comes back only when somebody brings it back
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 200_000_000})
    try:
        lost = cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
        process = run(tmp_path, *LONG, "--workers-per-trial", "2", num_trials=1)
        under_way(process, tmp_path)
        cluster.remove_node(lost, allow_graceful=False)
        time.sleep(75)  # longer than Ray's own limit for a group to start, 60 s
        assert process.poll() is None
        assert trials(tmp_path).trials[0].state == "running"
        cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
        output = ended(process)
        assert "the cluster starts no others: add machines, or restart those that are gone" in output
        assert trials(tmp_path).trials[0].state == "complete"
    finally:
        cluster.shutdown()
