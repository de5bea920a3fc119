"""Sweeps whose database or bucket goes away for 20 s."""

import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from faults.record import Record, each_try
from faults.sweeps import NAME, Outcome, Sweep, outcome_of, wait_for_no_processes
from moto.server import ThreadedMotoServer
from tuning import postgresql

from dssgan.runs.location import join, open_store

pytestmark = pytest.mark.faults
SECONDS_AWAY = 20


@each_try
def test_database_away(
    tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    with postgresql.running("secret") as server:
        sweep = Sweep(tmp_path / "sweep", ("--study", server.url))
        running = sweep.start()
        running.reach()
        time.sleep(6 * chance.random())
        server.stop()
        time.sleep(SECONDS_AWAY)
        server.start()
        assert running.wait() == 0, running.said()
        found = outcome_of(sweep.folder / NAME, server.url)
    wait_for_no_processes()
    record.note("PostgreSQL away for 20 s", "nothing" if found == undisturbed else f"found {found}")


@pytest.fixture(scope="session")
def bucket() -> Iterator[tuple[ThreadedMotoServer, str]]:
    """A bucket of a server that can be stopped, and its URL."""
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        for name, value in (("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"),
                            ("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_DEFAULT_REGION", "us-east-1")):  # fmt: skip
            patch.setenv(name, value)
        free.close()
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
        server.start()
        boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}").create_bucket(Bucket="bucket")
        yield server, f"s3://bucket/FOLDER?endpoint_override=127.0.0.1:{port}&scheme=http"
        server.stop()


@pytest.fixture(scope="session")
def undisturbed_in_bucket(bucket: tuple[ThreadedMotoServer, str], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    # its songs are 16-bit copies in the bucket: scores differ in the sixth digit from those of a sweep in a folder
    url = bucket[1].replace("FOLDER", "undisturbed")
    Sweep(tmp_path_factory.mktemp("undisturbed"), ("-o", url)).run_to_its_end()
    return outcome_of(url.replace("undisturbed", f"undisturbed/{NAME}"))


@each_try
def test_bucket_away(
    tmp_path: Path, chance: random.Random, bucket: tuple[ThreadedMotoServer, str], undisturbed_in_bucket: Outcome,
    record: Record, number: int,
) -> None:  # fmt: skip
    server, place = bucket
    folder = f"sweeps-{number}"
    host, port = server.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
    running = Sweep(tmp_path / "sweep", ("-o", place.replace("FOLDER", folder))).start()

    def has_a_bundle() -> bool:
        found = client.list_objects_v2(Bucket="bucket", Prefix=f"{folder}/{NAME}/trials/").get("Contents", [])
        return any(item["Key"].endswith("bundle/model.json") for item in found)

    running.reach(has_a_bundle)
    time.sleep(6 * chance.random())
    server.stop()
    time.sleep(SECONDS_AWAY)
    server.start()
    assert running.wait() == 0, running.said()
    found = outcome_of(place.replace("FOLDER", f"{folder}/{NAME}"))
    wait_for_no_processes()
    record.note("the bucket away for 20 s", "nothing" if found == undisturbed_in_bucket else f"found {found}")


@each_try
def test_a_second_sweep_of_the_name_in_the_bucket(
    tmp_path: Path, bucket: tuple[ThreadedMotoServer, str], undisturbed_in_bucket: Outcome, record: Record, number: int
) -> None:
    place = bucket[1].replace("FOLDER", f"doubled-{number}")
    running = Sweep(tmp_path / "sweep", ("-o", place)).start()
    running.reach(lambda: _is_begun(place))
    second = Sweep(tmp_path / "second", ("-o", place)).start(resume=True)
    assert second.wait() == 2, second.said()
    assert "another process runs this sweep" in second.said()
    assert running.wait() == 0, running.said()
    found = outcome_of(join(place, NAME))
    wait_for_no_processes()
    record.note(
        "a second sweep started under the name in the bucket",
        "nothing" if found == undisturbed_in_bucket else f"found {found}",
    )


def _is_begun(place: str) -> bool:
    return open_store(join(place, NAME)).read_text("run.json") is not None
