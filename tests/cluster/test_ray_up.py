"""A cluster of two hosts, for real: launched, searched on, shut down. Minutes, so only on demand: pytest -m cluster."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import create_connection, create_server

import boto3
import pytest
import yaml
from cluster import hosts
from moto.server import ThreadedMotoServer
from needs import need

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("ray")]  # one Ray at a time

ROOT = Path(__file__).parents[2]
TRIALS = 4
SMALL = (
    "batch_size=2 segment_seconds=1 steps_per_epoch=2 phase_one.epochs=1 phase_two.epochs=2 "
    "validation_seconds=2 precision=float32 media=false"
)
ALL = "--pruner none"  # none is stopped early
HIDDEN = "/tmp/ray/songs"  # where each host has files of its own
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush-hush", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip
SECONDS_TO_JOIN = 120
# Workers are not told of `ray down`: they end by and by when the head is silent. One whose Ray the head has just
# started again takes a minute and a half longer.
SECONDS_TO_END = 300
WAIT_FOR_TWO = f"""
import time, ray
ray.init("auto", log_to_driver=False, logging_level="ERROR")
deadline = time.monotonic() + {SECONDS_TO_JOIN}
while sum(node["Alive"] for node in ray.nodes()) < 2:
    assert time.monotonic() < deadline, "the worker does not join"
    time.sleep(0.5)
"""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Tell how long something took."""
    started = time.monotonic()
    yield
    print(f"{time.monotonic() - started:6.1f} s  {name}", flush=True)


def need_two_hosts() -> None:
    need(hosts.absent())
    if (reason := hosts.forbidden()) is not None:
        pytest.skip(reason)


@pytest.fixture
def two_hosts(tmp_path: Path) -> Iterator[hosts.Hosts]:
    need_two_hosts()
    folder = tmp_path / "hosts"
    folder.mkdir()
    with ExitStack() as stack:
        with step("two hosts begin"):
            made = stack.enter_context(hosts.two_hosts(folder))
        yield made
        with step("two hosts end"):
            stack.close()


def write_config(path: Path, made: hosts.Hosts) -> None:
    """Write the project's file for machines of one's own with what belongs to these two."""
    config = yaml.safe_load((ROOT / "docs/cluster/local.yaml").read_text())
    config["cluster_name"] = "dssgan-test"
    config["provider"] |= {"head_ip": made.head.address, "worker_ips": [made.worker.address]}
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(made.key)}
    # both hosts see this checkout and what is installed for it, and neither reaches a package index
    token = "~/.ray/auth_token"
    config["file_mounts"] = {token: config["file_mounts"][token]}
    keys = " ".join(f"{name}={value}" for name, value in KEYS.items())
    config["setup_commands"] = [
        f"ln -sfn {sys.prefix} ~/venv", config["setup_commands"][-1], f"echo 'export {keys}' >> ~/.bashrc",
    ]  # fmt: skip
    # a core each, so that two trials at a time need two hosts
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        commands[-1] += " --num-cpus=1 --object-store-memory=200000000"
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def trains(host: hosts.Host) -> bool:
    """Say whether a trial runs on a host."""
    return any(line.startswith("ray::ImplicitFunc") for line in host.processes().values())


@pytest.fixture
def bucket(two_hosts: hosts.Hosts, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve S3 to both hosts, and give its address."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    address = two_hosts.head.address.rpartition(".")[0] + ".1"
    with create_server((address, 0)) as free:
        port = free.getsockname()[1]
    server = ThreadedMotoServer(ip_address=address, port=port)
    server.start()
    yield f"{address}:{port}"
    server.stop()


def test_a_sweep_on_two_hosts_from_ray_up_to_ray_down(tmp_path: Path, two_hosts: hosts.Hosts, bucket: str) -> None:
    home, cluster, sweeps = tmp_path / "home", tmp_path / "cluster.yaml", tmp_path / "sweeps"
    home.mkdir()
    environment = os.environ | {
        "HOME": str(home), "TMPDIR": str(home), "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
        "RAY_UP_enable_autoscaler_v2": "0", "RAY_USAGE_STATS_ENABLED": "0",
    }  # fmt: skip

    def run(*command: str | Path, succeeds: bool = True) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) == succeeds, done.stdout
        return done.stdout

    def on_head(command: str, *, succeeds: bool = True) -> str:
        return run("ray", "exec", cluster, command, succeeds=succeeds)

    write_config(cluster, two_hosts)
    run("ray", "get-auth-token", "--generate")
    with step("ray up"):
        run("ray", "up", "--yes", cluster)
    with step("the worker joins"):
        (tmp_path / "wait.py").write_text(WAIT_FOR_TWO)
        on_head(f"python {tmp_path / 'wait.py'}")
    with step("who has no token, or is elsewhere, is kept out"):
        assert "token" in on_head("RAY_AUTH_MODE=disabled ray status", succeeds=False).lower()
        with pytest.raises(ConnectionRefusedError):
            create_connection((two_hosts.head.address, 8265), timeout=5)  # the dashboard

    with step(f"dssgan sweep, {TRIALS} trials"):
        on_head(f"dssgan sweep quick {SMALL} --trials {TRIALS} --name two -o {sweeps} --address auto {ALL}")
    with step("dssgan sweep, of songs that the worker does not see"):
        on_head(f"cp -r {ROOT}/dssgan/data/bundled {HIDDEN}")
        said = on_head(
            f"dssgan sweep quick {SMALL} --trials 1 --name none -o {sweeps} --address auto --data {HIDDEN}",
            succeeds=False,
        )
        assert f"is not there on {two_hosts.worker.address}, a machine of the cluster" in " ".join(said.split())
    with step("dssgan sweep in a bucket, of the same songs"):
        boto3.client("s3", endpoint_url=f"http://{bucket}").create_bucket(Bucket="bucket")
        place = f"'s3://bucket/sweeps?endpoint_override={bucket}&scheme=http'"
        on_head(
            f"dssgan sweep quick {SMALL} --trials {TRIALS} --name far -o {place} --address auto --data {HIDDEN} {ALL}"
        )
        assert f"{TRIALS} complete" in on_head(f"dssgan sweep status far -o {place}")
        for host in (two_hosts.head, two_hosts.worker):
            assert list((host.home / ".cache/dssgan/songs/decoded").rglob("*.wav"))
    with step("dssgan sweep status"):
        assert f"{TRIALS} complete" in on_head(f"dssgan sweep status two -o {sweeps}")
    with step("dssgan sweep, a trial of two workers, one on each host"):
        on_head(
            f"dssgan sweep quick {SMALL} --trials 1 --name pair -o {sweeps} --address auto --workers-per-trial 2 {ALL}"
        )
        assert "1 complete" in on_head(f"dssgan sweep status pair -o {sweeps}")
    with step("dssgan ensemble, evaluate and separate"):
        ensemble, song = tmp_path / "two.yaml", ROOT / "dssgan/data/bundled/valid/cpu/drums.ogg"
        on_head(f"dssgan ensemble {sweeps}/two {sweeps}/pair -o {ensemble} --address auto -q")
        on_head(f"dssgan evaluate {ensemble} -o {tmp_path}/results --address auto")
        on_head(f"dssgan separate {song} -m {ensemble} -o {tmp_path}/separated --address auto -q")
        assert {path.name for path in (tmp_path / "separated").rglob("*.wav")} == {"drums.wav", "other.wav"}
    # TensorBoard's files are named after the machine that writes them: events.out.tfevents.TIME.MACHINE...
    machines = [path.name.split(".")[4] for path in sweeps.glob("two/trials/*/tensorboard/events.out.tfevents.*")]
    assert set(machines) == {two_hosts.head.name, two_hosts.worker.name}

    with step("dssgan sweep, under which a machine dies"):
        command = f"dssgan sweep quick {SMALL} --trials {TRIALS} --name dies -o {sweeps} --address auto {ALL}"
        with ThreadPoolExecutor(1) as pool:
            sweep = pool.submit(on_head, command)
            hosts.until(lambda: trains(two_hosts.worker), "no trial gets to the worker", SECONDS_TO_JOIN)
            for number in two_hosts.worker.processes():
                os.kill(number, signal.SIGKILL)
            assert "Traceback" not in sweep.result()
        assert f"{TRIALS} complete" in on_head(f"dssgan sweep status dies -o {sweeps}")

    with step("ray down"):
        run("ray", "down", "--yes", cluster)
    with step("the last process ends"):
        for host in (two_hosts.head, two_hosts.worker):
            hosts.until(lambda host=host: not host.processes(), f"{host.name} does not come to rest", SECONDS_TO_END)


def test_two_hosts_leave_nothing(tmp_path: Path) -> None:
    need_two_hosts()
    with hosts.two_hosts(tmp_path) as made:
        ssh = ["ssh", "-i", made.key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        found = subprocess.run(
            [*ssh, f"root@{made.worker.address}", "hostname; pwd; nohup sleep 600 >/dev/null 2>&1 &"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert found.stdout.split() == [made.worker.name, str(made.worker.home)]
        hosts.until(lambda: "sleep 600" in made.worker.processes().values(), "it does not start")
        assert "sleep 600" not in made.head.processes().values()
    assert not made.head.processes()
    assert not made.worker.processes()
    assert not [path for path in Path("/sys/class/net").iterdir() if path.name.startswith("dssgan")]
