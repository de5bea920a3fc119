"""The command line as a user meets it: real processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from dssgan.cli import COMMANDS

HEAVY = ("torch", "ray", "museval", "optuna", "pandas", "scipy", "matplotlib", "pydantic", "soundfile")


def dssgan(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = "from dssgan.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd, timeout=120
    )


@pytest.mark.parametrize(
    "command",
    [[], *([name] for name in COMMANDS), ["data", "import"], ["data", "synth"], ["data", "decode"]],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys; from dssgan.cli import cli\n"
        f"cli([*{command!r}, '--help'], standalone_mode=False)\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout
    assert done.stdout.endswith("heavy: []\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["seprate"], "did you mean separate"),
        (["train", "alhpa=1"], "did you mean alpha"),
        (["train", "separator.name=unett"], "did you mean unet"),
        (["train", "--config", "missing.yaml"], "missing.yaml"),
        (["train", "--data", "missing.json"], "missing.json"),
        (["ensemble", "nowhere", "-o", "e.yaml"], "nowhere"),
        (["evaluate", "nowhere"], "nowhere"),
        (["evaluate"], "METHOD"),
        (["data", "show", "missing.pkl"], "missing.pkl"),
        (["data", "import", "folders", "nowhere"], "nowhere"),
        (["data", "import", "musdb", "nowhere"], "did you mean musdb18"),
        (["data", "synth", "songs", "--genre", "rokc"], "did you mean rock"),
        (["demo", "alhpa=1"], "did you mean alpha"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_the_user_can_mend_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = dssgan(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("dssgan: ")
    assert message in lines[-1]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir()), "a command that failed at once left something behind"


def test_train_then_resume_and_separate(tmp_path: Path) -> None:
    small = [
        "separator.name=unet", "separator.preset=parity", "separator.num_layers=2", "separator.num_initial_filters=2",
        "critic.preset=parity", "critic.num_initial_filters=2", "supervised_loss.name=log_magnitude",
        "steps_per_epoch=2", "supervised_epochs=1", "segment_seconds=1", "batch_size=2", "critic_steps=1",
        "validation_seconds=2",
    ]  # fmt: skip
    done = dssgan("train", *small, "adversarial_epochs=1", "-o", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "run/bundle" in done.stderr
    again = dssgan("train", *small, "-o", "run", cwd=tmp_path)
    assert again.returncode == 2
    assert "add --resume" in again.stderr
    longer = dssgan("train", *small, "adversarial_epochs=2", "-o", "run", "--resume", cwd=tmp_path)
    assert longer.returncode == 0, longer.stderr
    assert "epoch   3" in longer.stderr
    assert "epoch   1" not in longer.stderr
    averaged = dssgan("ensemble", "run", "-o", "mine.yaml", "-q", cwd=tmp_path)
    assert averaged.returncode == 0, averaged.stderr
    assert averaged.stderr == ""
    assert (tmp_path / "mine" / "member_1" / "model.json").exists()


def test_data_round_trip(tmp_path: Path) -> None:
    assert "potassium" not in dssgan("data", "show").stderr
    converted = dssgan("data", "convert", "dataset.json", "dataset.pkl", cwd=tmp_path)
    assert converted.returncode == 2
    assert "dataset.json" in converted.stderr
