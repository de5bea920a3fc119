"""The lines of docs/app.md for programs run as they stand."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from running_app import RunningApp

from dssgan.audio.files import probe

PAGE = Path(__file__).parents[2] / "docs" / "app.md"
pytestmark = pytest.mark.xdist_group("app")


@pytest.fixture
def here(tmp_path: Path, beat: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a song.mp3."""
    command = ["ffmpeg", "-v", "error", "-i", str(beat), "-t", "3", str(tmp_path / "song.mp3")]
    subprocess.run(command, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_lines_for_the_shell(app: RunningApp, here: Path) -> None:
    (script,) = examples("bash")
    environment = {**os.environ, "APP": f"http://127.0.0.1:{app.port}", "TOKEN": app.token}
    subprocess.run(["bash", "-euc", script], check=True, env=environment, timeout=100)
    assert probe(here / "drums.flac").seconds == pytest.approx(3, abs=0.1)
    assert (here / "stems.zip").read_bytes()[:2] == b"PK"


def test_lines_of_python(app: RunningApp, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (script,) = examples("python")
    exec(script, {"app": f"http://127.0.0.1:{app.port}", "token": app.token})
    assert capsys.readouterr().out.endswith(" LUFS\n")
    assert probe(here / "drumless.mp3").seconds == pytest.approx(3, abs=0.1)
