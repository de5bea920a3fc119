"""What `import dssgan` offers, and that the examples in its docstrings run."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import dssgan


@pytest.mark.parametrize("name", [name for name in dssgan.__all__ if name != "DssganError"])
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = getattr(dssgan, name)
    assert found.__doc__
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for example in doctest.DocTestFinder(recurse=False).find(found, name):
        assert runner.run(example).failed == 0


@pytest.mark.parametrize("name", ["Separator", "build_ensemble", "evaluate", "load_dataset", "train"])
def test_what_people_call_has_an_example(name: str) -> None:
    assert ">>> " in (getattr(dssgan, name).__doc__ or "")


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'separator'"):
        dssgan.separator  # noqa: B018


def test_torch_is_imported_when_it_is_needed() -> None:
    code = "import sys, dssgan; dssgan.Dataset; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
