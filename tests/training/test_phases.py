"""Whole trainings on the bundled songs, small."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from small_training import config, run, weights
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dssgan.data.dataset import Dataset
from dssgan.data.rights import Rights
from dssgan.errors import DataError, DivergedError, ModelError
from dssgan.separators.bundle import load_bundle
from dssgan.training.checkpoint import FILE


def test_both_phases_run_and_leave_a_bundle(tmp_path: Path, bundled: Dataset) -> None:
    given = Rights(("lithium-1",), "CC-BY-4.0", "Ada Drummer", "an album", "May train (2026-02-03)", "0" * 64)
    dataset = replace(bundled, rights=(given,))
    outcome, reports = run(tmp_path, dataset, config(media=True))
    assert outcome is not None
    assert [metrics["epoch"] for metrics in reports] == [1, 2, 3, 4]
    assert [metrics["phase"] for metrics in reports] == [1, 1, 2, 2]
    assert outcome.separator_steps == 12
    assert outcome.score == max(metrics["score"] for metrics in reports[2:])
    assert outcome.phase_one_score == max(metrics["score"] for metrics in reports[:2])
    assert {
        "loss/critic",
        "loss/wasserstein",
        "loss/gradient_penalty",
        "loss/adversarial",
        "loss/additivity",
    } <= reports[3].keys()

    description = json.loads((outcome.bundle / "model.json").read_text())
    assert description["data"] == {
        "name": bundled.name,
        "fingerprint": bundled.fingerprint,
        "licence": bundled.licence,
        "rights": [{**asdict(given), "tracks": ["lithium-1"]}],
    }
    assert description["validation"]["score"] == outcome.score
    assert description["config"]["seed"] == 0
    assert load_bundle(outcome.bundle).sources == ("drums", "other")

    events = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0, "audio": 0}).Reload()
    assert {"loss/supervised", "loss/wasserstein", "loss/gradient_penalty", "usdr/drums"} <= set(
        events.Tags()["scalars"]
    )
    assert set(events.Tags()["images"]) == {"spectrogram/mix", "spectrogram/drums", "spectrogram/other"}
    assert set(events.Tags()["audio"]) == {"sound/mix", "sound/drums", "sound/other"}


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_resumed_equals_uninterrupted(tmp_path: Path, bundled: Dataset, stop_at: int) -> None:
    run(tmp_path / "whole", bundled, config())
    run(tmp_path / "parts", bundled, config(), stop_at=stop_at)
    _, reports = run(tmp_path / "parts", bundled, config(), resume=True)
    assert [metrics["epoch"] for metrics in reports] == list(range(stop_at + 1, 5))
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_early_stopping_keeps_the_axis(tmp_path: Path, bundled: Dataset) -> None:
    # a separator that learns nothing never improves after its first validation
    settings = config(
        learning_rate=1e-12,
        adversarial_learning_rate=1e-12,
        supervised_epochs=9,
        adversarial_epochs=9,
        patience=1,
        steps_per_epoch=1,
    )
    outcome, reports = run(tmp_path, bundled, settings)
    assert outcome is not None
    assert len([metrics for metrics in reports if metrics["phase"] == 1]) < 9
    assert next(metrics["epoch"] for metrics in reports if metrics["phase"] == 2) == 10


def test_phase_one_is_trained_once_and_changes_nothing(tmp_path: Path, bundled: Dataset) -> None:
    shared = tmp_path / "shared"
    run(tmp_path / "first", bundled, config(alpha=0.5), phase_one_folder=shared)
    _, reports = run(tmp_path / "second", bundled, config(alpha=0.02), phase_one_folder=shared)
    assert [metrics["epoch"] for metrics in reports] == [1, 2, 3, 4]
    assert [metrics.get("reused_until") for metrics in reports] == [2, 2, None, None]
    assert [metrics["seconds"] == 0 for metrics in reports] == [True, True, False, False]
    assert reports[-1]["reused_seconds"] > 0
    run(tmp_path / "alone", bundled, config(alpha=0.02))
    second, alone = weights(tmp_path / "second"), weights(tmp_path / "alone")
    for name, value in alone.items():
        assert torch.equal(value, second[name]), name


@pytest.mark.parametrize("critic", [4, 8])
def test_a_shared_phase_that_was_cut_short_is_taken_up(tmp_path: Path, bundled: Dataset, critic: int) -> None:
    shared = tmp_path / "shared"
    run(tmp_path / "first", bundled, config(critic={"num_initial_filters": critic}), stop_at=1,
        phase_one_folder=shared)  # fmt: skip
    assert load_bundle(tmp_path / "first" / "bundle").sources == bundled.sources  # what was cut can be used
    _, reports = run(tmp_path / "second", bundled, config(alpha=0.02), phase_one_folder=shared)
    assert [metrics.get("reused_until") for metrics in reports] == [1, None, None, None]
    run(tmp_path / "alone", bundled, config(alpha=0.02))
    second, alone = weights(tmp_path / "second"), weights(tmp_path / "alone")
    for name, value in alone.items():
        assert torch.equal(value, second[name]), name


def test_scratch_starts_phase_two_anew(tmp_path: Path, bundled: Dataset) -> None:
    run(tmp_path / "warm", bundled, config(), stop_at=3)
    run(tmp_path / "scratch", bundled, config(init="scratch"), stop_at=3)
    warm, scratch = weights(tmp_path / "warm"), weights(tmp_path / "scratch")
    assert any(not torch.equal(value, scratch[name]) for name, value in warm.items())


def test_without_alpha_and_beta_phase_two_goes_on_supervised(tmp_path: Path, bundled: Dataset) -> None:
    _, reports = run(tmp_path, bundled, config(alpha=0.0, beta=0.0))
    assert "loss/critic" not in reports[-1]
    assert reports[-1]["separator_steps"] == 12


def test_divergence_is_an_error(tmp_path: Path, bundled: Dataset) -> None:
    with pytest.raises(DivergedError, match="lower learning_rate"):
        run(tmp_path, bundled, config(learning_rate=1e30))


def test_a_truncated_checkpoint_is_named(tmp_path: Path, bundled: Dataset) -> None:
    run(tmp_path, bundled, config(), stop_at=1)
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"checkpoint\.pt: truncated or damaged"):
        run(tmp_path, bundled, config(), resume=True)
    with pytest.raises(ModelError, match="to resume from"):
        run(tmp_path / "empty", bundled, config(), resume=True)


def test_missing_partitions_are_named(tmp_path: Path, bundled: Dataset) -> None:
    def without(**parts: object) -> Dataset:
        kept = {"train_sup": bundled.train_sup, "train_unsup": bundled.train_unsup, "valid": bundled.valid}
        return Dataset(sources=bundled.sources, **{**kept, **parts})

    with pytest.raises(DataError, match="train_sup"):
        run(tmp_path, without(train_sup=()), config())
    with pytest.raises(DataError, match="early stopping"):
        run(tmp_path, without(valid=()), config())
    with pytest.raises(DataError, match="adversarial_epochs=0"):
        run(tmp_path, without(train_unsup=type(bundled.train_unsup)()), config())
