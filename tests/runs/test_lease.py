"""One process at a time on a sweep in a bucket."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dssgan.errors import ConfigError
from dssgan.runs import lease
from dssgan.runs.lease import leased
from dssgan.runs.store import FolderStore


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    monkeypatch.setattr(lease, "SECONDS_BETWEEN_BEATS", 0.2)
    monkeypatch.setattr(lease, "SECONDS_TO_LAPSE", 1.0)
    monkeypatch.setattr(lease, "_SECONDS_TO_CONFIRM", 0.05)
    return FolderStore(tmp_path)


def left_behind(store: FolderStore, *, machine: str = "elsewhere", process: int = 7) -> None:
    store.write_text("driver/lease.json", json.dumps({"id": "x", "machine": machine, "process": process, "beat": 3}))


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_second_one_is_refused_while_the_first_lives(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with leased(store, "sweep") as taken:
        message = f"another process runs this sweep \\(process {os.getpid()} on {socket.gethostname()}\\)"
        # as another machine sees it, which knows nothing of this one's processes
        monkeypatch.setattr(lease, "_ended_here", lambda _: False)
        with pytest.raises(ConfigError, match=message), leased(store, "sweep"):
            raise AssertionError
        time.sleep(0.5)
        assert not taken()
    assert store.read_text("driver/lease.json") is None
    with leased(store, "sweep"):
        pass


def test_one_that_has_ended_elsewhere_is_waited_for_and_followed(store: FolderStore) -> None:
    left_behind(store)
    said: list[str] = []
    began = time.monotonic()
    with leased(store, "sweep", said.append):
        assert time.monotonic() - began >= 1.0
    assert "to see that process 7 on elsewhere no longer runs this sweep" in said[0]


def test_one_that_has_ended_on_this_machine_is_followed_at_once(store: FolderStore) -> None:
    left_behind(store, machine=socket.gethostname(), process=ended_process())
    said: list[str] = []
    with leased(store, "sweep", said.append):
        assert said == []
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        left_behind(store, machine=socket.gethostname(), process=process.pid)  # lives, but does not beat
        with leased(store, "sweep", said.append):
            assert len(said) == 1
        process.communicate()


def test_one_that_was_asleep_learns_that_another_took_over(store: FolderStore) -> None:
    with leased(store, "sweep") as taken:
        left_behind(store)
        deadline = time.monotonic() + 10
        while not taken():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert store.read_text("driver/lease.json") is not None  # the other one's stays


def test_of_two_that_begin_at_once_one_goes_on(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_SECONDS_TO_CONFIRM", 0.3)
    together, outcomes = threading.Barrier(2), []

    def begin() -> None:
        together.wait()
        try:
            with leased(store, "sweep"):
                time.sleep(1)
                outcomes.append("goes on")
        except ConfigError:
            outcomes.append("refused")

    threads = [threading.Thread(target=begin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["goes on", "refused"]
