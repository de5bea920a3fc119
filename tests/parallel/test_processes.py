"""Work in processes of this machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dssgan.errors import DataError, DssganError
from dssgan.parallel.processes import map_in_processes


def square(number: int) -> int:
    return number * number


def fail(number: int) -> int:
    raise DataError(f"song {number}: is broken")


def die(number: int) -> int:  # noqa: ARG001
    os._exit(1)


def test_results_come_from_other_processes_in_any_order() -> None:
    assert sorted(map_in_processes(2)(square, [1, 2, 3])) == [1, 4, 9]
    assert list(map_in_processes(1)(square, [1, 2, 3])) == [1, 4, 9]


def test_workers_share_the_cores_among_their_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    done = run(tmp_path, "import os\nfrom dssgan.parallel.processes import map_in_processes\n"
                         "def threads(number):\n"
                         "    import torch\n"
                         "    return torch.get_num_threads()\n"
                         "if __name__ == '__main__':\n"
                         "    print({*map_in_processes(os.cpu_count() or 1)(threads, range(max(os.cpu_count(), 2)))})\n"
               )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "{1}"), done.stderr


def test_an_error_and_a_death_are_one_line() -> None:
    with pytest.raises(DataError, match="is broken"):
        list(map_in_processes(2)(fail, [1, 2]))
    with pytest.raises(DssganError, match="a worker process died, perhaps for want of memory"):
        list(map_in_processes(2)(die, [1, 2]))


def run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(text)
    return subprocess.run([sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=False)


def test_a_script_without_a_guard_is_not_run_again(tmp_path: Path) -> None:
    done = run(tmp_path, "import math\nfrom dssgan.parallel.processes import map_in_processes\n"
                         "print('once')\nprint(sorted(map_in_processes(2)(math.sqrt, [1.0, 4.0])))\n"
                         "print(__file__ == 'script.py' or __file__.endswith('/script.py'))\n")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["once", "[1.0,", "2.0]", "True"]


def test_work_that_a_script_defines_itself_is_found_there(tmp_path: Path) -> None:
    done = run(tmp_path, "from dssgan.parallel.processes import map_in_processes\n"
                         "def half(number): return number / 2\n"
                         "if __name__ == '__main__':\n"
                         "    print(sorted(map_in_processes(2)(half, [1, 2])))\n")  # fmt: skip
    assert (done.returncode, done.stdout.split()) == (0, ["[0.5,", "1.0]"]), done.stderr


@pytest.mark.slow
def test_training_and_fitting_in_a_script_without_a_guard(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", "from dssgan.data.guard import guarded; from dssgan import load_dataset\n"
         "import dssgan.data.recording_facts as known; known._WORTH_PROCESSES_SECONDS = 0\n"
         "print(guarded(load_dataset()).name)"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_sigterm_ends_work_that_is_under_way_and_cleans_up(tmp_path: Path) -> None:
    text = """
import sys, time
from pathlib import Path
from dssgan import atomic
from dssgan.parallel.processes import exit_on_signals, map_in_processes

def work(number):
    with atomic.replacing(Path(f"{number}.wav")) as temporary:
        temporary.write_text("half")
        time.sleep(60)

if __name__ == "__main__":
    exit_on_signals()
    list(map_in_processes(2)(work, [1, 2, 3, 4]))
"""
    (tmp_path / "script.py").write_text(text)
    process = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob(".*~*"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]
