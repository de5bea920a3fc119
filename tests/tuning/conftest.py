"""A bucket for the tests that need one: a real S3 protocol on a loopback port."""

import socket
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedMotoServer]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def place(server: ThreadedMotoServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Make a bucket of the test's own and give the URL of a folder in it."""
    for name, value in (("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "hush-hush"),
                        ("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_DEFAULT_REGION", "us-east-1")):  # fmt: skip
        monkeypatch.setenv(name, value)
    host, port = server.get_host_and_port()
    name = f"bucket-{abs(hash(request.node.name))}"
    boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket=name)
    return f"s3://{name}/sweeps?endpoint_override={host}:{port}&scheme=http&allow_bucket_creation=false"
