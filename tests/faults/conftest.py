"""What the tests of faults share: chance, the sweep that nothing happened to, and the table of what was lost."""

import os
import random
from collections.abc import Iterator

import pytest
from faults.record import Record
from faults.sweeps import Outcome, Sweep, wait_for_no_processes

_SEED = int(os.environ.get("FAULTS_SEED", str(random.randrange(10**6))))
_RECORD = Record()


@pytest.fixture
def chance(number: int, request: pytest.FixtureRequest) -> random.Random:
    name = f"{_SEED} {request.function.__name__} {number}"
    print(f"drawn from {name}")
    return random.Random(name)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    sweep = Sweep(tmp_path_factory.mktemp("undisturbed"))
    sweep.run_to_its_end()
    outcome = sweep.outcome()
    assert [state for _, state, *_ in outcome.values()] == ["COMPLETE"] * sweep.trials
    assert len(set(outcome.values())) == sweep.trials
    return outcome


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    wait_for_no_processes()
    yield
    wait_for_no_processes()


@pytest.fixture
def record() -> Record:
    return _RECORD


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _RECORD.rows:
        return
    terminalreporter.section(f"faults, FAULTS_SEED={_SEED}")
    for line in _RECORD.table():
        terminalreporter.line(line)
