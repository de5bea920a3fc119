"""The cluster files: Ray takes them, and they start no GPU unasked and open nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.util import prepare_config, validate_config

from dssgan.parallel.capacity import Growth, parse_growth

ROOT = Path(__file__).parents[2]
CLOUDS = ("cluster.yaml", "docs/cluster/gcp.yaml")
LAUNCHED = (*CLOUDS, "docs/cluster/local.yaml")
KUBERAY = "docs/cluster/kuberay.yaml"


def load(name: str) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / name).read_text())
    assert isinstance(config, dict)
    return config


def kuberay(kind: str) -> dict[str, Any]:
    """Give the object of that kind, in the namespace where kubectl puts it."""
    (found,) = [item for item in yaml.safe_load_all((ROOT / KUBERAY).read_text()) if item["kind"] == kind]
    found["metadata"].setdefault("namespace", "default")
    return found


def derived() -> dict[str, Any]:
    return _derive_autoscaling_config_from_ray_cr(kuberay("RayCluster"))


@pytest.mark.parametrize("name", LAUNCHED)
def test_ray_takes_the_file(name: str) -> None:
    validate_config(prepare_config(load(name)))


def test_rays_validator_finds_a_misspelt_key() -> None:
    with pytest.raises(Exception, match="max_worker"):
        validate_config(prepare_config(load("cluster.yaml") | {"max_worker": 1}))


def test_ray_takes_the_kuberay_file() -> None:
    validate_config(derived())


@pytest.mark.parametrize("config", [*map(load, CLOUDS), derived()], ids=[*CLOUDS, KUBERAY])
def test_there_is_no_gpu_before_a_trial_asks_for_one(config: dict[str, Any]) -> None:
    kinds = dict(config["available_node_types"])
    head = kinds.pop(config["head_node_type"])
    assert not head["resources"].get("GPU")
    assert kinds
    for kind in kinds.values():
        assert kind["resources"]["GPU"] == 1
        assert kind["min_workers"] == 0
        assert 0 < kind["max_workers"] <= config["max_workers"]
    assert 0 < config["idle_timeout_minutes"] <= 15


def test_gpu_machines_are_spot_and_nothing_is_kept_of_them() -> None:
    aws, gcp = (load(name) for name in CLOUDS)
    spot = aws["available_node_types"]["gpu"]["node_config"]["InstanceMarketOptions"]
    assert spot == {"MarketType": "spot"}
    assert gcp["available_node_types"]["gpu"]["node_config"]["scheduling"]["provisioningModel"] == "SPOT"
    for config in (aws, gcp):
        assert config["provider"]["cache_stopped_nodes"] is False
    for kind in aws["available_node_types"].values():
        (disk,) = kind["node_config"]["BlockDeviceMappings"]
        assert disk["Ebs"] == {"VolumeSize": 150, "VolumeType": "gp3", "DeleteOnTermination": True}
    for kind in gcp["available_node_types"].values():
        assert all(disk["autoDelete"] for disk in kind["node_config"]["disks"])


@pytest.mark.parametrize("name", LAUNCHED)
def test_everybody_needs_the_token_and_the_dashboard_stays_at_home(name: str) -> None:
    config = load(name)
    for role in ("head", "worker"):
        stop, start = config[f"{role}_start_ray_commands"]
        assert stop == "ray stop"
        assert "RAY_AUTH_MODE=token ray start" in start
    assert re.findall(r"--dashboard-host=(\S+)", config["head_start_ray_commands"][-1]) == ["127.0.0.1"]
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    # what people type on the head needs it too
    assert any("RAY_AUTH_MODE=token" in command and "~/.bashrc" in command for command in config["setup_commands"])
    assert "0.0.0.0" not in (ROOT / name).read_text()


def test_no_port_but_ssh_is_open_to_the_world() -> None:
    provider = load("cluster.yaml")["provider"]
    # Ray's own rules are ssh and what is within the group; more would stand here
    assert set(provider["security_group"]) == {"GroupName"}
    for kind in load("cluster.yaml")["available_node_types"].values():
        assert not {"SecurityGroupIds", "NetworkInterfaces"} & set(kind["node_config"])
    assert "firewall" not in (ROOT / "docs/cluster/gcp.yaml").read_text()
    head = kuberay("RayCluster")["spec"]["headGroupSpec"]
    assert head["serviceType"] == "ClusterIP"
    assert "enableIngress" not in head


@pytest.mark.parametrize("name", LAUNCHED)
def test_what_is_copied_is_what_the_package_is_made_of(name: str) -> None:
    copied = {local for local in load(name)["file_mounts"].values() if not local.startswith("~")}
    assert all((ROOT / local).exists() for local in copied)
    # Ray reads it all at every `ray up`
    assert not copied & {".", ".venv", ".git"}
    assert {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "dssgan"} <= copied
    build = (ROOT / "pyproject.toml").read_text()
    shipped = re.findall(r'^"(\w+)" = "dssgan/shipped/', build, flags=re.MULTILINE)
    assert shipped
    assert set(shipped) <= copied


def test_head_and_workers_are_set_up_alike() -> None:
    for name in CLOUDS:
        config = prepare_config(load(name))
        assert config["head_setup_commands"] == config["worker_setup_commands"]


def test_kuberay_pods_get_what_they_ask_for() -> None:
    spec = kuberay("RayCluster")["spec"]
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["enableInTreeAutoscaling"] is True
    pinned = re.search(r"^ray==(\S+)$", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    assert pinned is not None
    assert spec["rayVersion"] == pinned[1]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    containers = [container for group in groups for container in group["template"]["spec"]["containers"]]
    assert len({container["image"] for container in containers}) == 1
    for resources in (spec["autoscalerOptions"]["resources"], *(container["resources"] for container in containers)):
        assert resources["requests"] == resources["limits"]
    (worker,) = spec["workerGroupSpecs"]
    assert (worker["replicas"], worker["minReplicas"]) == (0, 0)


def test_a_sweep_under_kuberay_knows_of_gpus_that_are_not_there_yet() -> None:
    told = kuberay("ConfigMap")["data"]["ray_bootstrap_config.yaml"]
    config = derived()
    gpu = config["available_node_types"]["gpu"]
    resources = {key: gpu["resources"][key] for key in ("CPU", "GPU")}
    assert yaml.safe_load(told) == {
        "head_node_type": config["head_node_type"],
        "max_workers": config["max_workers"],
        "available_node_types": {"gpu": {"max_workers": gpu["max_workers"], "resources": resources}},
    }
    assert parse_growth(yaml.safe_load(told)) == Growth((({"CPU": 8.0, "GPU": 1.0}, 4),), 4)
    (pod,) = [kuberay("RayCluster")["spec"]["headGroupSpec"]["template"]["spec"]]
    (mount,) = pod["containers"][0]["volumeMounts"]
    assert mount["mountPath"] == "/home/ray/ray_bootstrap_config.yaml"
    assert pod["volumes"] == [{"name": mount["name"], "configMap": {"name": kuberay("ConfigMap")["metadata"]["name"]}}]
