"""What is away for a while is tried again; what is wrong is not."""

import random
import time

import pytest

from dssgan.errors import ConfigError
from dssgan.runs.retry import Patience


class Away:
    """Fails a number of times, then answers."""

    def __init__(self, times: int) -> None:
        self.times, self.calls = times, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise OSError("away")
        return "here"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_it_is_tried_until_it_answers_and_said_once(pauses: list[float]) -> None:
    said: list[str] = []
    server = Away(7)
    assert Patience().attempt(server, OSError, what="the server", on_message=said.append) == "here"
    assert server.calls == 8
    assert said == ["the server does not answer; waiting for it", "the server answers again"]
    # pauses are drawn between nothing and what doubles from 0.4 s up to 10 s
    assert all(pause <= min(10, 0.4 * 2**number) for number, pause in enumerate(pauses))


def test_not_all_come_back_at_once(pauses: list[float]) -> None:
    random.seed(0)
    for _ in range(20):
        Patience().attempt(Away(1), OSError)
    assert len({round(pause, 3) for pause in pauses}) > 10


def test_an_error_of_another_kind_is_not_tried_again() -> None:
    server = Away(3)
    with pytest.raises(OSError, match="away"):
        Patience().attempt(server, KeyError)
    assert server.calls == 1


def test_patience_ends_with_the_last_error() -> None:
    server = Away(10**6)
    began = time.monotonic()
    with pytest.raises(OSError, match="away"):
        Patience(minutes=1 / 60).attempt(server, OSError)
    assert server.calls > 1
    assert time.monotonic() - began < 30
    with pytest.raises(OSError, match="away"):
        Patience(0).attempt(server := Away(1), OSError)
    assert server.calls == 1
    with pytest.raises(ConfigError, match="patience=-1"):
        Patience(-1)
