"""The command line as a user meets it: real processes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import dssgan

from dssgan.cli import COMMANDS
from dssgan.data.bundled import FOLDER
from dssgan.data.loading import load_dataset
from dssgan.runs.store import FolderStore
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle

HEAVY = ("torch", "ray", "museval", "optuna", "pandas", "scipy", "matplotlib", "pydantic", "soundfile")


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
def test_what_the_user_can_correct_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = dssgan(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("dssgan: ")
    assert message in lines[-1]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir()), "a command that failed at once left something behind"


@pytest.mark.slow
def test_train_then_resume_and_separate(tmp_path: Path) -> None:
    small = [
        "separator.name=unet", "separator.preset=parity", "separator.num_layers=2", "separator.num_initial_filters=2",
        "critic.preset=parity", "critic.num_initial_filters=2", "supervised_loss.name=log_magnitude",
        "steps_per_epoch=2", "phase_one.epochs=1", "segment_seconds=1", "batch_size=2", "critic_steps=1",
        "validation_seconds=2",
    ]  # fmt: skip
    assert "no training to resume" in dssgan("train", "-o", "run", "--resume", cwd=tmp_path).stderr
    shutil.copytree(FOLDER, tmp_path / "other")
    manifest = json.loads((tmp_path / "other" / "dataset.json").read_text())
    manifest["valid"] = manifest["valid"][:1]
    (tmp_path / "other" / "dataset.json").write_text(json.dumps(manifest))
    done = dssgan("train", *small, "phase_two.epochs=1", "-o", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "run/bundle" in done.stderr
    again = dssgan("train", *small, "-o", "run", cwd=tmp_path)
    assert again.returncode == 2
    assert "add --resume" in again.stderr
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    for words, message in (
        (["alpha=0.5"], "alpha=0.0, not 0.5"),
        (["separator.num_layers=3"], "separator.num_layers=2, not 3"),
        (["phase_two.epochs=0"], "phase_two.epochs=1, not 0; only more extends it"),
        (["phase_one.epochs=2"], "phase_one.epochs=1, not 2; that phase is over"),
        (["--data", "other"], "was begun with other data"),
    ):
        refused = dssgan("train", *words, "-o", "run", "--resume", cwd=tmp_path)
        assert refused.returncode == 2, words
        assert message in refused.stderr.splitlines()[-1]
        assert "Traceback" not in refused.stderr
        assert json.loads((tmp_path / "run" / "run.json").read_text()) == record
    with FolderStore(tmp_path / "run").hold("training"):
        assert "another process runs this training" in dssgan("train", "-o", "run", "--resume", cwd=tmp_path).stderr
    # what it began with need not be said again
    longer = dssgan("train", "phase_two.epochs=2", "-o", "run", "--resume", cwd=tmp_path)
    assert longer.returncode == 0, longer.stderr
    assert "epoch   3" in longer.stderr
    assert "epoch   1" not in longer.stderr
    extended = json.loads((tmp_path / "run" / "run.json").read_text())
    two = record["settings"]["phase_two"] | {"epochs": 2}
    assert extended["settings"] == record["settings"] | {"phase_two": two}
    assert extended["command"] == record["command"]
    assert len(extended["resumed"]) == 1
    averaged = dssgan("ensemble", "./run", "-o", "mine.yaml", "-q", cwd=tmp_path)
    assert averaged.returncode == 0, averaged.stderr
    assert averaged.stderr == ""
    assert (tmp_path / "mine" / "member_1" / "model.json").exists()
    explained = dssgan("ensemble", "explain", "mine.yaml", "-o", "explained.png", cwd=tmp_path)
    assert explained.returncode == 0, explained.stderr
    for words in ("Weights for drums", "if left out", "best member (mine/member_1)", "Picture: explained.png"):
        assert words in explained.stderr
    refused = dssgan("ensemble", "explain", "mine.yaml", "-o", "explained.doc", cwd=tmp_path)
    assert refused.stderr.startswith("dssgan: explained.doc: is no name for a picture")


def test_data_convert(tmp_path: Path) -> None:
    """A manifest in another folder names the same files."""
    made = dssgan("data", "convert", str(FOLDER / "dataset.json"), "songs.json", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    original, converted = load_dataset(), load_dataset(tmp_path / "songs.json")
    assert converted.train_unsup == original.train_unsup
    for partition in ("train_sup", "valid", "test"):
        assert converted.partition(partition) == original.partition(partition)
    refused = dssgan("data", "convert", "songs.json", "songs.pkl", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == "dssgan: songs.pkl: cannot be the name of a data set; end it in .json\n"
    shown = dssgan("data", "show", "songs.json", cwd=tmp_path)
    assert converted.fingerprint in shown.stderr
    missing = dssgan("data", "convert", "dataset.json", "dataset2.json", cwd=tmp_path)
    assert missing.returncode == 2
    assert "dataset.json" in missing.stderr


def test_data_show_says_whom_a_model_has_to_thank(tmp_path: Path) -> None:
    data = {"name": "songs", "fingerprint": "f" * 64, "licence": "CC-BY-4.0", "credits": ["Kit by Ada Drummer"],
            "rights": [{"tracks": ["one"], "licence": "CC-BY-4.0", "holder": "Bob", "source": "an album"}]}  # fmt: skip
    parent = data | {"name": "parents' songs", "credits": ["Loops by Cy"], "rights": []}
    separator = build_separator("unet", {"num_layers": 2, "num_initial_filters": 2})
    save_bundle(tmp_path / "bundle", "unet", separator, metadata={"data": data, "parents": [parent]})
    (tmp_path / "mine.yaml").write_text("members: [bundle]\n")
    for model in ("bundle", "mine.yaml"):
        shown = dssgan("data", "show", model, cwd=tmp_path).stderr
        for words in ("songs (CC-BY-4.0)", "Kit by Ada Drummer", "one: CC-BY-4.0, Bob, an album", "Loops by Cy"):
            assert words in shown
    assert dssgan("data", "show", "default").returncode == 0


@pytest.mark.parametrize(
    "words",
    [["sweep", "quick", "--trials", "1", "-o", "file"], ["train", "-o", "file/run"], ["train", "-o", "x" * 300],
     ["evaluate", "mix", "--bss", "fast", "-j", "1", "-o", "file/results"]],
)  # fmt: skip
def test_a_place_that_cannot_be_one_is_one_line(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    done = dssgan(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "choose another " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "kept"
