"""What pip installs is enough for what it is said to be enough for."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from dssgan.data.bundled import FOLDER

pytestmark = pytest.mark.slow

SONG = FOLDER / "train_unsup" / "mixes" / "potassium.ogg"
# Hides what does not come with some extras, so that importing it fails as where nobody installed it. It looks for what
# is there itself: Ray, where a test has imported it, adds packages of its own to the path.
SCRIPT = """
import json, sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from packaging.requirements import Requirement

def normal(name):
    return name.lower().replace("_", "-")

extras, arguments = json.loads(sys.argv[1])
brought, waiting, seen = set(), [("dssgan", frozenset(extras))], set()
while waiting:
    one = name, wanted = waiting.pop()
    if one in seen:
        continue
    seen.add(one)
    brought.add(normal(name))
    try:
        stated = distribution(name).requires or []
    except PackageNotFoundError:  # of another system
        continue
    for needed in map(Requirement, stated):
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in {"", *wanted}):
            waiting.append((needed.name, frozenset(needed.extras)))
hidden = {module for module, owners in packages_distributions().items() if not brought & set(map(normal, owners))}
assert "pytest" in hidden
for module in list(sys.modules):
    if module.partition(".")[0] in hidden:
        del sys.modules[module]
sys.modules |= dict.fromkeys(hidden)
sys.argv = ["dssgan", *arguments]
from dssgan.cli import main
main()
"""


def run(extras: Iterable[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    given = json.dumps([list(extras), list(map(str, arguments))])
    return subprocess.run([sys.executable, "-c", SCRIPT, given], capture_output=True, text=True, check=False)


def test_separation_needs_the_plain_package_alone(tmp_path: Path) -> None:
    song = tmp_path / "song.ogg"
    song.write_bytes(SONG.read_bytes())
    done = run((), "separate", song, "-o", tmp_path / "out", "-d", "cpu", "--format", "flac", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "out" / "song" / "drums.flac").is_file()
    assert run((), "models").returncode == 0
    assert run((), "data", "show", "default").returncode == 0


@pytest.mark.parametrize(
    ("extra", "command"),
    [
        ("train", ("train", "phase_one.epochs=0", "phase_two.epochs=0")), ("sweep", ("sweep", "status", "nowhere")),
        ("evaluate", ("evaluate", "nowhere")), ("report", ("report", "nowhere")),
        ("sweep", ("ensemble", "nowhere", "-o", "e.yaml")), ("train", ("data", "check", "nowhere")),
        ("synthetic", ("data", "synth", "songs", "--songs", "1", "--seconds", "1")),
        ("export", ("export", "nowhere", "-o", "a.onnx")), ("all", ("demo", "--help")),
        ("app", ("app", "--library", "songs", "--host", "203.0.113.1", "--password", "cannot be listened on")),
    ],
)  # fmt: skip
def test_each_extra_is_enough_and_named_where_it_is_missing(
    extra: str, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run((extra,), *command)
    assert "pip install" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (("train",), "dssgan: train needs psutil, which is not installed; pip install 'dssgan[train]'"),
        (("sweep", "quick"), "pip install 'dssgan[sweep]'"),
        (("evaluate", "mix"), "pip install 'dssgan[evaluate]'"),
        (("report", "results"), "pip install 'dssgan[report]'"),
        (("ensemble", "x", "-o", "e.yaml"), "pip install 'dssgan[sweep]'"),
        (("demo",), "pip install 'dssgan[all]'"),
        (("app", "--library", "songs"), "app needs starlette, which is not installed; pip install 'dssgan[app]'"),
        (("separate", SONG, "--address", "auto"), "needs ray, which is not installed; pip install 'dssgan[sweep]'"),
        (("separate", SONG, "-m", "demucs:a.th"), "pip install 'dssgan[demucs]'"),
    ],
)
def test_what_is_missing_is_named_in_one_line(
    command: tuple[object, ...], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.th").write_bytes(b"")
    done = run((), *command)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert line in done.stderr


def test_a_metric_names_the_extra_that_brings_it(tmp_path: Path) -> None:
    done = run(("evaluate",), "evaluate", "mix", "--also", "visqol", "-o", tmp_path)
    assert done.stderr == "dssgan: evaluate needs visqol, which is not installed; pip install 'dssgan[perceptual]'\n"
    assert not any(tmp_path.iterdir())


def test_from_python_the_line_is_an_import_error() -> None:
    hidden = {"museval": None, "pandas": None}
    code = f"import sys; sys.modules |= {hidden}; from dssgan import evaluate"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (
        "ImportError: dssgan.evaluate needs pandas, which is not installed; pip install 'dssgan[evaluate]'"
        in done.stderr
    )
