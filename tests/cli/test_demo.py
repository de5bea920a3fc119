"""The demo's command, run small: every stage is real."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import dssgan

from dssgan.audio import files
from dssgan.data.dataset import Dataset

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.slow]  # one Ray at a time

SMALL = [
    "steps_per_epoch=2", "phase_one.epochs=1", "phase_two.epochs=1", "critic_steps=1", "batch_size=2",
    "segment_seconds=1", "validation_seconds=3", "separator.num_initial_filters=4", "separator.num_layers=1",
    "separator.n_fft=1024", "separator.hop_samples=512", "critic.num_initial_filters=2",
]  # fmt: skip


def test_every_stage_leaves_what_it_says(tmp_path: Path, bundled: Dataset) -> None:
    # one short excerpt to validate on and one to test on
    folder = tmp_path / "data"
    for partition, track in (
        ("train_sup", bundled.train_sup[0]),
        ("valid", bundled.valid[1]),
        ("test", bundled.test[0]),
    ):
        _, sources = track.load()
        for name, audio in zip(bundled.sources, sources[..., : 3 * 44100], strict=True):
            files.write(folder / partition / track.name / f"{name}.wav", audio, 44100)
    for name, samples in zip(
        ("mixes", *bundled.sources), (bundled.train_unsup.mixes, *bundled.train_unsup.sources), strict=True
    ):
        files.write(folder / "train_unsup" / name / "potassium.wav", samples[0].read(3.0, 3.0), 44100)
    for command in (
        ["data", "import", "folders", "data"],
        ["demo", *SMALL, "--data", "data/dataset.json", "--trials", "2", "-o", "demo"],
    ):
        done = dssgan(*command, cwd=tmp_path, timeout=300)
        assert done.returncode == 0, done.stderr
    for method in ("mix", "member 1"):
        assert method in done.stderr

    said = " ".join(done.stderr.split())
    assert "The search's best trial has" in said
    assert "On the test songs," in said
    assert "too few" in said or "to fit on, where 3 are the fewest" in said
    assert "is opened for the 1st time" in " ".join(done.stderr.split())

    demo = tmp_path / "demo"
    mix, drums, other = (files.read(demo / "separated" / f"{name}.wav") for name in ("mix", "drums", "other"))
    assert np.abs(drums + other - mix).max() <= 1 / 2**15 + 1e-7
    assert (demo / "separated" / "spectrograms.png").stat().st_size > 10_000
    frame = pd.read_pickle(demo / "test" / "data.pkl")  # noqa: S301  what the command has just written
    assert list(frame.columns) == ["method", "track", "target", "metric", "score", "time"]
    assert set(frame["metric"]) == {"SDR", "ISR", "SIR", "SAR"}
    page = (demo / "report.html").read_text("utf-8")
    for said in ("<title>dssgan demo</title>", "Sweep: demo", "Evaluation: data, partition test", "too few songs"):
        assert said in page
    assert "demo/report.html" in done.stderr
    assert len(json.loads((demo / "sweep" / "run.json").read_text())["versions"]) > 5

    again = dssgan("demo", "--data", "missing.json", cwd=tmp_path, timeout=60)
    assert again.returncode == 2
    assert "missing.json" in again.stderr
