"""A small evaluation, sweep and training to report on."""

from pathlib import Path

import numpy as np
import optuna
import pytest
import small_training
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset, Track
from dssgan.data.loading import load_dataset
from dssgan.evaluation.campaign import run_campaign
from dssgan.evaluation.methods import FolderMethod, MixMethod
from dssgan.evaluation.oracles import OracleMethod
from dssgan.report.build import write_report
from dssgan.runs.record import SWEEP, RecordedData, RunRecord, write_record
from dssgan.runs.store import FolderStore
from dssgan.training.phases import train
from dssgan.tuning.search.attributes import AXIS, PROGRESS
from dssgan.tuning.search.storage import default_url

RATE, SECONDS = 16000, 4
SOURCES = ("drums", "other")
# names that are markup, a script and a template; a slash cannot stand in one
NAMES = ("<b>bold", "<script>window.broken = 1", "{{ 7 * 7 }}")
NUM_TRIALS = 60


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three bundled songs, the mix, an oracle, and two systems of which the second lets more of the rest through."""
    folder = tmp_path_factory.mktemp("results")
    tracks = []
    for name, song in zip(NAMES, load_dataset(None).partition("test")[: len(NAMES)], strict=True):
        audio = song.load(RATE)[1][..., 4 * RATE : (4 + SECONDS) * RATE]
        parts = []
        for source, wave in zip(SOURCES, audio, strict=True):
            path = folder / "songs" / name / f"{source}.wav"
            files.write(path, wave, RATE, "float32")
            parts.append(AudioFile.of(path, with_fingerprint=True))
        tracks.append(Track(name, None, tuple(parts)))
        for system, share in (("first", 0.05), ("second", 0.3)):
            drums = 0.95 * audio[0] + share * audio[1]
            for source, wave in (("drums", drums), ("other", audio.sum(axis=0) - drums)):
                files.write(folder / system / name / f"{source}.wav", wave.astype(np.float32), RATE, "float32")
    methods = {
        "mix": MixMethod(), "second": FolderMethod(folder / "second"), "first": FolderMethod(folder / "first"),
        "irm1": OracleMethod("irm1"),
    }  # fmt: skip
    run_campaign(methods, tracks, folder / "out", dataset_name="songs", sources=SOURCES, sample_rate=RATE)
    return folder / "out"


def _trial(number: int, rng: np.random.Generator) -> FrozenTrial:
    alpha, beta = (float(10 ** rng.uniform(-3, 0)) for _ in "ab")
    separator = ["unet", "tdf_unet", "band_split"][number % 3]
    score = float(5 - abs(np.log10(alpha) + 1.5) + 0.1 * rng.normal())
    state = TrialState.PRUNED if number % 2 else TrialState.COMPLETE
    epochs = 3 if number % 2 else 10
    return create_trial(
        state=state, value=score if state == TrialState.COMPLETE else None,
        params={"alpha": alpha, "beta": beta, "separator.name": separator},
        distributions={
            "alpha": FloatDistribution(1e-3, 1, log=True), "beta": FloatDistribution(1e-3, 1, log=True),
            "separator.name": CategoricalDistribution(("unet", "tdf_unet", "band_split")),
        },
        intermediate_values={100 * epoch: score - 1 / epoch for epoch in range(1, epochs + 1)},
        user_attrs={
            AXIS: ["key", 100, 8, 2],
            PROGRESS: {"epoch": epochs, "best_score": score, "seconds": 36.0, "reused_seconds": 0.0},
        },
    )  # fmt: skip


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweeps") / "mine"
    folder.mkdir()
    study = optuna.create_study(storage=default_url(folder), study_name="mine", direction="maximize")
    rng = np.random.default_rng(0)
    study.add_trials([_trial(number, rng) for number in range(NUM_TRIALS)])
    details = {
        "study": "mine", "options": {"num_trials": NUM_TRIALS}, "workers": {"num": 1, "cpus": 1, "gpus": None},
        "study_url": None,
    }  # fmt: skip
    record = RunRecord(SWEEP, {}, RecordedData("songs"), details, command="dssgan sweep mine")
    write_record(FolderStore(folder), record)
    return folder


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    songs: Dataset = load_dataset(None)
    train(small_training.config(media=True), songs, folder, command="dssgan train")
    return folder


@pytest.fixture(scope="session")
def report(results: Path, sweep: Path, training: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    used = write_report([training, sweep, results], path)
    assert used == [results, sweep, training]  # verdicts on songs come first
    return path
