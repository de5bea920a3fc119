"""Sweeps in a bucket: a real S3 protocol on a loopback port, from the first trial to the ensemble's candidates."""

import errno
import os
import threading
import time
from dataclasses import replace

import pytest
from click.testing import CliRunner
from moto.server import ThreadedMotoServer
from small_training import ONE_STEP

from dssgan.cli.sweep.finalists import command as finalists
from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError, WriteError
from dssgan.patience import Patience
from dssgan.separators.bundle import load_bundle
from dssgan.tuning import bucket
from dssgan.tuning.bucket import BucketStore, beside, join, open_store, require_writable
from dssgan.tuning.candidates import find_candidates
from dssgan.tuning.options import SearchOptions
from dssgan.tuning.space import SearchSpace
from dssgan.tuning.status import read_status
from dssgan.tuning.sweep import run_sweep
from dssgan.user_cache import cache_folder

SMALL = {**ONE_STEP, "adversarial_epochs": 1}
SPACE = SearchSpace("space.py", 'def space(trial):\n    trial.suggest_float("beta", 1e-4, 1e-3)\n')


def another_process(store: BucketStore, monkeypatch: pytest.MonkeyPatch) -> BucketStore:
    """Give the same place as it is seen from another machine: without this one's copies."""
    monkeypatch.setattr(bucket, "_scratches", {})
    monkeypatch.setattr(bucket, "_published", {})
    return BucketStore(store.url)


def test_files_and_folders_come_back_on_another_machine(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(join(place, "mine"))
    assert isinstance(store, BucketStore)
    assert store.read_text("note.txt") is None
    store.write_text("note.txt", "grüße")
    folder = store.local("trials/0000")
    (folder / "bundle").mkdir(parents=True)
    (folder / "bundle" / "model.json").write_text("{}")
    (folder / "checkpoint.pt").write_bytes(b"\0" * 100_000)
    store.publish("trials/0000")
    other = another_process(store, monkeypatch)
    assert other.read_text("note.txt") == "grüße"
    other.fetch("trials/0000")
    assert (other.local("trials/0000") / "checkpoint.pt").read_bytes() == b"\0" * 100_000
    assert (other.local("trials/0000") / "bundle" / "model.json").read_text() == "{}"
    other.delete("trials/0000")
    assert not other.local("trials/0000").exists()
    store.fetch("trials/0000")
    assert not list(store.local("trials/0000").rglob("*.pt"))


def test_what_did_not_change_is_not_sent_again(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(join(place, "mine"))
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


def test_a_bucket_that_is_away_for_a_while_is_waited_for(place: str, server: ThreadedMotoServer) -> None:
    store = open_store(join(place, "mine"))
    server.stop()
    again = threading.Timer(1.5, server.start)
    again.start()
    began = time.monotonic()
    store.write_text("note.txt", "late")
    again.join()
    assert time.monotonic() - began > 1.0
    assert store.read_text("note.txt") == "late"


def test_bad_places_are_one_line(place: str) -> None:
    with pytest.raises(ConfigError, match="check the name and the keys in the environment"):
        require_writable(open_store(place.replace("s3://bucket", "s3://nobodys")))
    require_writable(open_store(place))
    with pytest.raises(ConfigError, match="has a key in its URL") as caught:
        open_store(place.replace("s3://", "s3://key:hush-hush@"))
    assert "hush-hush" not in str(caught.value)
    with pytest.raises(ConfigError, match="is no place for a sweep"):
        open_store("ftp://host/folder")
    with pytest.raises(WriteError, match=r"does not answer .*; when it does, add --resume"):
        open_store("s3://bucket/x?endpoint_override=127.0.0.1:1&scheme=http", Patience(0.01))


def test_a_full_disk_here_is_not_taken_for_a_bucket_that_is_away(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(place)
    store.write_text("folder/file", "text")

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(bucket.shutil, "copyfileobj", no_space)
    with pytest.raises(WriteError, match=r"cannot hold a copy of s3://.* \(No space left on device\)"):
        store.fetch("folder")


@pytest.mark.xdist_group("ray")  # one Ray at a time
def test_a_sweep_lives_in_a_bucket(place: str, bundled: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = join(place, "mine")

    def run(num: int, *, resume: bool = False) -> None:
        run_sweep(SPACE, bundled, sweep, settings=SMALL, options=SearchOptions(num, pruner="none"), name="mine",
                  resume=resume)  # fmt: skip

    run(1)
    store = open_store(sweep)
    assert isinstance(store, BucketStore)
    # its songs lie beside it, those of the test partition do not, and it has learnt from decoded copies
    songs = {path for sample in replace(bundled, test=()).files for path in [sample.path]}
    assert len(BucketStore(beside(sweep, "songs")).list_names()) == len(songs)
    decoded = list((cache_folder("songs") / "decoded").rglob("*.wav"))
    assert len(decoded) == len(songs)
    other = another_process(store, monkeypatch)
    status = read_status(other)
    (first,) = status.result.trials
    assert first.state == "complete"
    # going on from elsewhere takes over the study and the shared phase, and trains nothing twice
    run(2, resume=True)
    other = another_process(store, monkeypatch)
    trials = read_status(other).result.trials
    assert [trial.state for trial in trials] == ["complete"] * 2
    assert trials[0] == first
    candidates = find_candidates(sweep, 20)
    assert 1 <= len(candidates) <= 2  # one where phase two improved neither, so that both have phase one's weights
    assert all(load_bundle(candidate).sources == bundled.sources for candidate in candidates)
    # its finalists are trained there, too, from the same songs
    done = CliRunner().invoke(finalists, ["mine", "-o", place, "--top", "1", "--seeds", "3"])
    assert done.exit_code == 0, done.output
    assert "promoted" in done.stderr
    finals = read_status(open_store(join(sweep, "finalists"))).result.trials
    assert [trial.state for trial in finals] == ["complete"] * 3
    assert BucketStore(beside(join(sweep, "finalists"), "songs")).list_names() == []
