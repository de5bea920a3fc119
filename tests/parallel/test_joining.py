"""Addresses without a cluster are told from clusters in seconds; a cluster that is there disturbs nobody."""

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dssgan.errors import ConfigError
from dssgan.parallel.joining import require_cluster

pytestmark = pytest.mark.xdist_group("ray")  # one Ray at a time


@pytest.fixture
def other_server() -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "there is no Ray cluster"),
        ("ray://127.0.0.1:1", "there is no Ray cluster"),
        ("no.such.host.invalid:6379", "there is no Ray cluster"),
        ("nonsense", "is no address"),
        ("127.0.0.1:port", "is no address"),
    ],
)
def test_an_address_without_a_cluster_is_one_line_at_once(address: str, message: str) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError, match=message) as caught:
        require_cluster(address)
    assert str(caught.value).startswith(f"{address}: ")
    assert time.monotonic() - began < 20


@pytest.mark.slow
def test_something_else_that_listens_is_no_cluster(other_server: int) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError, match="what answers there is no Ray cluster"):
        require_cluster(f"127.0.0.1:{other_server}")
    assert time.monotonic() - began < 20


def test_auto_without_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(ConfigError, match="no Ray cluster runs on this machine"):
        require_cluster("auto")
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")  # of one that was killed
    with pytest.raises(ConfigError, match=r"auto: there is no Ray cluster \(127\.0\.0\.1:1"):
        require_cluster("auto")


@pytest.mark.slow
def test_a_cluster_with_a_token(tmp_path: Path) -> None:
    """A cluster is joined by whoever has its token, and left alone by work that names no address."""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours = os.environ | {"HOME": str(tmp_path / "ours"), "RAY_AUTH_MODE": "token"}
    theirs = os.environ | {"HOME": str(tmp_path / "theirs")}
    ray = Path(sys.executable).with_name("ray")
    port = "6399"  # below those of Ray's workers

    def ask(environment: dict[str, str], code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
        )
        return done.stdout + done.stderr

    join = f"from dssgan.parallel.joining import require_cluster; require_cluster('127.0.0.1:{port}'); print('joined')"
    alone = (
        "import ray; from dssgan.parallel.cluster import ray_running\n"
        "with ray_running(object_store_memory=200_000_000):\n"
        "    print('CPUs', ray.cluster_resources()['CPU'])"
    )
    subprocess.run([ray, "get-auth-token", "--generate"], env=ours, check=True, capture_output=True)
    start = [ray, "start", "--head", f"--port={port}", "--num-cpus=77", "--include-dashboard=false"]
    subprocess.run(start, env=ours, check=True, capture_output=True)
    try:
        assert "joined" in ask(ours, join)
        assert "the cluster requires its token: set RAY_AUTH_MODE=token" in ask(theirs, join)
        # a machine that has a token uses it for its own cluster without being told to, which is how Ray does it
        unset = {name: value for name, value in ours.items() if name not in ("RAY_AUTH_MODE", "RAY_ADDRESS")}
        assert "joined" in ask(unset, join.replace(f"127.0.0.1:{port}", "auto"))
        for environment in (theirs, theirs | {"RAY_ADDRESS": f"127.0.0.1:{port}"}):
            told = ask(environment, alone)
            assert "CPUs" in told, told
            assert "77" not in told
    finally:
        subprocess.run([ray, "stop", "--force"], env=ours, check=False, capture_output=True)
