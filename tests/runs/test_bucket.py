"""A bucket as a store: a real S3 protocol on a loopback port."""

import errno
import os
import threading
import time

import pytest
from moto.server import ThreadedMotoServer

from dssgan.errors import ConfigError, WriteError
from dssgan.runs import bucket
from dssgan.runs.bucket import BucketStore
from dssgan.runs.location import join, open_store
from dssgan.runs.retry import Patience
from dssgan.runs.store import require_writable


def on_another_machine(store: BucketStore, monkeypatch: pytest.MonkeyPatch) -> BucketStore:
    """Return the same bucket as it is seen from another machine: without this one's copies."""
    monkeypatch.setattr(bucket, "_scratches", {})
    monkeypatch.setattr(bucket, "_published", {})
    return BucketStore(store.url)


def test_files_and_folders_come_back_on_another_machine(bucket_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(join(bucket_url, "mine"))
    assert isinstance(store, BucketStore)
    assert store.read_text("note.txt") is None
    store.write_text("note.txt", "grüße")
    folder = store.local("trials/0000")
    (folder / "bundle").mkdir(parents=True)
    (folder / "bundle" / "model.json").write_text("{}")
    (folder / "checkpoint.pt").write_bytes(b"\0" * 100_000)
    store.publish("trials/0000")
    other = on_another_machine(store, monkeypatch)
    assert other.read_text("note.txt") == "grüße"
    other.fetch("trials/0000")
    assert (other.local("trials/0000") / "checkpoint.pt").read_bytes() == b"\0" * 100_000
    assert (other.local("trials/0000") / "bundle" / "model.json").read_text() == "{}"
    other.delete("trials/0000")
    assert not other.local("trials/0000").exists()
    store.fetch("trials/0000")
    assert not list(store.local("trials/0000").rglob("*.pt"))


def test_what_did_not_change_is_not_sent_again(bucket_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(join(bucket_url, "mine"))
    store.local("run").mkdir(parents=True)
    for name in ("checkpoint.pt", "log.txt"):
        (store.local("run") / name).write_text(name)
    sent: list[str] = []
    upload = BucketStore.upload
    monkeypatch.setattr(BucketStore, "upload", lambda self, path, name: (sent.append(name), upload(self, path, name)))
    store.publish("run")
    assert sent == ["run/log.txt", "run/checkpoint.pt"]  # the checkpoint last: whoever finds it finds the rest
    (store.local("run") / "log.txt").write_text("more than before")
    store.publish("run")
    assert sent[2:] == ["run/log.txt"]


def test_a_bucket_that_is_away_for_a_while_is_waited_for(bucket_url: str, bucket_server: ThreadedMotoServer) -> None:
    store = open_store(join(bucket_url, "mine"))
    bucket_server.stop()
    again = threading.Timer(1.5, bucket_server.start)
    again.start()
    began = time.monotonic()
    store.write_text("note.txt", "late")
    again.join()
    assert time.monotonic() - began > 1.0
    assert store.read_text("note.txt") == "late"


def test_each_bad_url_is_one_line(bucket_url: str) -> None:
    with pytest.raises(ConfigError, match="check the name and the keys in the environment"):
        require_writable(open_store(bucket_url.replace("s3://bucket", "s3://nobodys")))
    require_writable(open_store(bucket_url))
    with pytest.raises(ConfigError, match="has a key in its URL") as caught:
        open_store(bucket_url.replace("s3://", "s3://key:hush-hush@"))
    assert "hush-hush" not in str(caught.value)
    with pytest.raises(ConfigError, match="cannot be opened"):
        open_store("ftp://host/folder")
    with pytest.raises(WriteError, match=r"does not answer .*; when it does, add --resume"):
        open_store("s3://bucket/x?endpoint_override=127.0.0.1:1&scheme=http", Patience(0.01))


def test_a_full_disk_here_is_not_taken_for_a_bucket_that_is_away(
    bucket_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(bucket_url)
    store.write_text("folder/file", "text")

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(bucket.shutil, "copyfileobj", no_space)
    with pytest.raises(WriteError, match=r"cannot hold a copy of s3://.* \(No space left on device\)"):
        store.fetch("folder")
