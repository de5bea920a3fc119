"""What every test may use: the bundled songs, and a quiet machine."""

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import matplotlib as mpl
import numpy as np
import pytest
import torch
from browser import browser  # noqa: F401 - a fixture
from needs import need
from numpy.typing import NDArray

from dssgan.data.dataset import Dataset
from dssgan.data.loading import load_dataset
from dssgan.errors import DataError
from dssgan.separators import SeparatorModel, build_separator
from dssgan.synthesis import instruments

if TYPE_CHECKING:
    from moto.server import ThreadedMotoServer

mpl.use("Agg")
# the same examples each time, and no deadline on a machine that others use too
hypothesis.settings.register_profile("dssgan", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("dssgan")

SONG_RATE = 44100
SONG_SECONDS = 4.0


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the package caches out of the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def bundled() -> Dataset:
    """The data set that comes with the package."""
    return load_dataset()


@pytest.fixture(scope="session")
def song(bundled: Dataset) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Four seconds of a real song at 44.1 kHz: mix (2, samples) and sources (2, 2, samples); drums play throughout.

    The arrays are read-only: copy before changing.
    """
    parts = [sample.read(6.0, SONG_SECONDS) for sample in bundled.valid[1].sources if sample is not None]
    sources = np.stack(parts)
    mix = sources.sum(axis=0)
    sources.setflags(write=False)
    mix.setflags(write=False)
    return mix, sources


@pytest.fixture
def cluster() -> Iterator[str]:
    """Start a Ray cluster of the test's own, of three processors, and give its address."""
    from ray.cluster_utils import Cluster  # takes seconds to import

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 3, "object_store_memory": 200_000_000})
    yield made.address
    made.shutdown()


@pytest.fixture(scope="module")
def one_ray() -> Iterator[None]:
    """Start one Ray for all of a file's tests, for each takes ten seconds of a processor to start."""
    from dssgan.parallel.cluster import ray_running  # takes seconds to import

    with ray_running(num_cpus=2, object_store_memory=200_000_000, include_dashboard=False):
        yield


@pytest.fixture(scope="session")
def network() -> SeparatorModel:
    """A real network, small and untrained."""
    torch.manual_seed(0)
    return build_separator("tdf_unet", {}, preset="tiny").eval()


@pytest.fixture
def played() -> instruments.Instruments:
    """This machine's instruments, on which synthetic songs are played."""
    try:
        return instruments.find()
    except DataError as error:
        need(str(error))
        raise


@pytest.fixture(scope="module")
def bucket_server() -> "Iterator[ThreadedMotoServer]":
    """Run a server of S3's protocol on a loopback port."""
    from moto.server import ThreadedMotoServer  # takes seconds to import

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def bucket_url(
    bucket_server: "ThreadedMotoServer", monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> str:
    """Make a bucket of the test's own and return the URL of a folder in it."""
    import boto3

    for name, value in (("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "hush-hush"),
                        ("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_DEFAULT_REGION", "us-east-1")):  # fmt: skip
        monkeypatch.setenv(name, value)
    host, port = bucket_server.get_host_and_port()
    name = f"bucket-{abs(hash(request.node.name))}"
    boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket=name)
    return f"s3://{name}/sweeps?endpoint_override={host}:{port}&scheme=http&allow_bucket_creation=false"
