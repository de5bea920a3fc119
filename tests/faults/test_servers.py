"""Sweeps whose database or bucket goes away for 20 s."""

import random
import socket
import time
from pathlib import Path

import boto3
import pytest
from faults.record import Record, each_try
from faults.sweeps import NAME, Outcome, Sweep, outcome_of, wait_for_no_processes
from moto.server import ThreadedMotoServer
from tuning import postgresql

pytestmark = pytest.mark.faults
SECONDS_AWAY = 20


@pytest.mark.skipif(postgresql.missing() is not None, reason=str(postgresql.missing()))
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


@each_try
def test_bucket_away(
    tmp_path: Path, chance: random.Random, undisturbed: Outcome, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"),
                        ("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_DEFAULT_REGION", "us-east-1")):  # fmt: skip
        monkeypatch.setenv(name, value)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    server.start()
    try:
        boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}").create_bucket(Bucket="bucket")
        place = f"s3://bucket/sweeps?endpoint_override=127.0.0.1:{port}&scheme=http"
        sweep = Sweep(tmp_path / "sweep", ("-o", place))
        running = sweep.start()
        client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}")

        def has_a_bundle() -> bool:
            found = client.list_objects_v2(Bucket="bucket", Prefix=f"sweeps/{NAME}/trials/").get("Contents", [])
            return any(item["Key"].endswith("bundle/model.json") for item in found)

        running.reach(has_a_bundle)
        time.sleep(6 * chance.random())
        server.stop()
        time.sleep(SECONDS_AWAY)
        server.start()
        assert running.wait() == 0, running.said()
        url = place.replace("sweeps?", f"sweeps/{NAME}?")
        found = outcome_of(url)
    finally:
        server.stop()
    wait_for_no_processes()
    record.note("the bucket away for 20 s", "nothing" if found == undisturbed else f"found {found}")
