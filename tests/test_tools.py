"""The tools that measure the tests."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def mutants() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tools" / "mutants.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["mutants"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_mutated_and_what_tests_it_are_there(mutants: ModuleType) -> None:
    for file, tests in mutants.TARGETS.items():
        assert (ROOT / file).is_file(), file
        assert tests
        for path in tests:
            assert (ROOT / path).exists(), path


@pytest.mark.slow
def test_a_wrong_change_is_noticed_and_a_harmless_one_survives(mutants: ModuleType) -> None:
    file = "dssgan/training/schedules.py"
    source = (ROOT / file).read_text()
    wrong = source.replace("(step + 1) / warmup_steps", "(step - 1) / warmup_steps")
    assert wrong != source
    assert not mutants.survives(mutants.Mutant(file, 1, "", wrong))
    assert not mutants.survives(mutants.Mutant(file, 1, "", "no Python at all"))
    assert mutants.survives(mutants.Mutant(file, 1, "", f"{source}\n# nothing"))
    with pytest.raises(SystemExit, match="ended with 4"):
        mutants.run_tests(("tests/nowhere.py",))
