"""Whole trainings on the bundled songs, small."""

import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_training import ONE_STEP, SETTINGS, config, run, weights
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset, Track
from dssgan.data.rights import Rights
from dssgan.errors import ConfigError, DataError, DivergedError, ModelError
from dssgan.separators.bundle import load_bundle
from dssgan.training import phases
from dssgan.training.checkpoint import (
    CHECKPOINT_FILE,
    PREVIOUS_FILE,
    Position,
    find_position,
    has_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from dssgan.training.config import TrainConfig
from dssgan.training.settings import make_config

SHIPPED = Path(__file__).parents[2] / "ensembles" / "default" / "member_1"


def test_both_phases_run_and_leave_a_bundle(tmp_path: Path, bundled: Dataset) -> None:
    given = Rights(("lithium-1",), "CC-BY-4.0", "Ada Drummer", "an album", "May train (2026-02-03)", "0" * 64)
    dataset = replace(bundled, rights=(given,))
    outcome, reports = run(tmp_path, dataset, config(media=True))
    assert outcome is not None
    assert [metrics["epoch"] for metrics in reports] == [1, 2, 3, 4]
    assert [metrics["phase"] for metrics in reports] == [1, 1, 2, 2]
    assert outcome.separator_steps == 12
    assert outcome.score == max(metrics["score"] for metrics in reports)
    assert outcome.best_phase == max(reports, key=lambda metrics: metrics["score"])["phase"]
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
        "credits": list(bundled.credits),
        "share_alike": [],
        "rights": [{**asdict(given), "tracks": ["lithium-1"]}],
    }
    assert description["validation"]["score"] == outcome.score
    assert description["config"]["phase_one"]["seed"] == 0
    assert load_bundle(outcome.bundle).sources == ("drums", "other")

    events = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0, "audio": 0}).Reload()
    assert {"loss/supervised", "loss/wasserstein", "loss/gradient_penalty", "usdr/drums"} <= set(
        events.Tags()["scalars"]
    )
    assert set(events.Tags()["images"]) == {"spectrogram/mix", "spectrogram/drums", "spectrogram/other"}
    assert set(events.Tags()["audio"]) == {"sound/mix", "sound/drums", "sound/other"}


def test_a_training_on_a_processor_keeps_the_memory_that_it_frees(
    tmp_path: Path, bundled: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it a fifth of each step goes into pages that are mapped again; the allocator itself is not observed."""
    kept = []
    monkeypatch.setattr(phases, "keep_freed_memory", lambda: kept.append(True))
    run(tmp_path, bundled, make_config(ONE_STEP, {"device": "cpu"}))
    assert kept == [True]


@pytest.mark.usefixtures("played")
def test_a_training_on_synthetic_songs_resumes_and_credits_their_instruments(tmp_path: Path, bundled: Dataset) -> None:
    settings = config(synthetic=0.5, synthetic_songs=4, supervised_epochs=2, adversarial_epochs=0)
    outcome, _ = run(tmp_path / "whole", bundled, settings)
    assert outcome is not None
    described = json.loads((outcome.bundle / "model.json").read_text())["data"]
    assert set(bundled.credits) < set(described["credits"])
    assert any("timgm6mb-soundfont" in line for line in described["credits"])
    assert "GPL-2" in described["share_alike"]
    run(tmp_path / "parts", bundled, settings, stop_at=1)
    assert list((tmp_path / "parts" / "songs").glob("*/*.npy"))
    run(tmp_path / "parts", bundled, settings, resume=True)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    assert not (tmp_path / "parts" / "songs").exists()  # they are made again where they are wanted


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_resumed_equals_uninterrupted(tmp_path: Path, bundled: Dataset, stop_at: int) -> None:
    run(tmp_path / "whole", bundled, config())
    run(tmp_path / "parts", bundled, config(), stop_at=stop_at)
    _, reports = run(tmp_path / "parts", bundled, config(), resume=True)
    assert [metrics["epoch"] for metrics in reports] == list(range(stop_at + 1, 5))
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_a_training_without_a_second_phase_is_extended(tmp_path: Path, bundled: Dataset) -> None:
    # by more of its first phase, and then by a second one: as if it had been meant so from the beginning
    short, longer, whole = (
        config(supervised_epochs=one, adversarial_epochs=two) for one, two in ((1, 0), (2, 0), (2, 1))
    )
    run(tmp_path / "grows", bundled, short)
    for settings, epochs in ((longer, [2]), (whole, [3])):
        outcome, reports = run(tmp_path / "grows", bundled, settings, resume=True)
        assert [metrics["epoch"] for metrics in reports] == epochs
        expected, _ = run(tmp_path / f"{epochs}", bundled, settings)
        assert outcome is not None
        assert expected is not None
        assert outcome.score == expected.score
        found = weights(tmp_path / "grows")
        assert all(torch.equal(value, found[name]) for name, value in weights(tmp_path / f"{epochs}").items())
    with pytest.raises(ConfigError, match=r"phase_one\.epochs=2, not 3; that phase is over; extend phase_two\.epochs"):
        run(tmp_path / "grows", bundled, config(supervised_epochs=3, adversarial_epochs=1), resume=True)


def test_early_stopping_keeps_the_axis(tmp_path: Path, bundled: Dataset) -> None:
    # a separator that learns nothing never improves after its first validation
    settings = config(
        learning_rate=1e-30,
        adversarial_learning_rate=1e-30,
        supervised_epochs=9,
        adversarial_epochs=9,
        patience=2,
        steps_per_epoch=1,
    )
    outcome, reports = run(tmp_path, bundled, settings)
    assert outcome is not None
    # in each phase one validation that improves on nothing, and two that improve on that one no more
    assert [metrics["epoch"] for metrics in reports if metrics["phase"] == 1] == [1, 2, 3]
    assert [metrics["epoch"] for metrics in reports if metrics["phase"] == 2] == [10, 11, 12]


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


def test_a_training_killed_while_it_takes_a_phase_over_reports_all_of_it(tmp_path: Path, bundled: Dataset) -> None:
    shared = tmp_path / "shared"
    run(tmp_path / "first", bundled, config(), phase_one_folder=shared)
    run(tmp_path / "second", bundled, config(), phase_one_folder=shared, stop_at=1)
    assert not has_checkpoint(tmp_path / "second")  # with one, it would go on and leave the second validation out
    _, reports = run(tmp_path / "second", bundled, config(), phase_one_folder=shared)
    assert [metrics["epoch"] for metrics in reports] == [1, 2, 3, 4]


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


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, bundled: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path / "whole", bundled, config())
    run(tmp_path / "parts", bundled, config(), stop_at=3)
    file = tmp_path / "parts" / CHECKPOINT_FILE
    file.write_bytes(file.read_bytes()[:-1000])
    _, reports = run(tmp_path / "parts", bundled, config(), resume=True)
    assert [metrics["epoch"] for metrics in reports] == [3, 4]  # the third once more
    assert "going on from the one before" in caplog.text
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_checkpoints_that_are_all_damaged_are_named(
    tmp_path: Path, bundled: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, bundled, config(), stop_at=2)
    for name in (CHECKPOINT_FILE, PREVIOUS_FILE):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"checkpoint\.pt and checkpoint\.previous\.pt truncated or damaged; delete"):
        run(tmp_path, bundled, config(), resume=True)
    with pytest.raises(ModelError, match="to resume from"):
        run(tmp_path / "empty", bundled, config(), resume=True)
    # a sweep's trial has nobody to ask
    assert find_position(tmp_path) is None
    assert "every checkpoint is truncated or damaged; the training starts over" in caplog.text
    assert find_position(tmp_path / "empty") is None
    run(tmp_path, bundled, config(), stop_at=1)
    position = find_position(tmp_path)
    assert position is not None
    assert position.epoch == 1


def test_a_damaged_shared_phase_is_trained_again(
    tmp_path: Path, bundled: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    phase_one = tmp_path / "phase_one"
    run(tmp_path / "first", bundled, config(), phase_one_folder=phase_one)
    for file in phase_one.rglob("checkpoint*.pt"):
        file.write_bytes(file.read_bytes()[:-1000])
    _, reports = run(tmp_path / "second", bundled, config(), phase_one_folder=phase_one)
    assert "the shared phase is trained again" in caplog.text
    assert [metrics["epoch"] for metrics in reports] == [1, 2, 3, 4]
    assert all("reused_until" not in metrics for metrics in reports)
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_as_many_checkpoints_are_kept_as_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def epochs() -> dict[str, int]:
        return {
            file.name: torch.load(file, weights_only=True)["position"]["epoch"] for file in sorted(tmp_path.iterdir())
        }

    for epoch in range(1, 6):
        write_checkpoint(tmp_path, {}, Position(epoch=epoch), keep=3)
    assert epochs() == {CHECKPOINT_FILE: 5, "checkpoint.previous-2.pt": 3, PREVIOUS_FILE: 4}
    for name in (CHECKPOINT_FILE, PREVIOUS_FILE):
        (tmp_path / name).write_bytes(b"damaged")
    assert read_checkpoint(tmp_path)[1].epoch == 3
    assert [record.message.rpartition(", ")[2] for record in caplog.records] == [
        "checkpoint.previous.pt", "checkpoint.previous-2.pt"
    ]  # fmt: skip
    write_checkpoint(tmp_path, {}, Position(epoch=6), keep=1)
    assert epochs() == {CHECKPOINT_FILE: 6}


def test_no_flipped_byte_changes_a_checkpoint(tmp_path: Path) -> None:
    written = {"weights": torch.arange(1000.0), "rng": torch.get_rng_state()}
    write_checkpoint(tmp_path, written, Position(epoch=3))
    file, places = tmp_path / CHECKPOINT_FILE, np.random.default_rng(0)
    original = file.read_bytes()
    for place in places.integers(len(original), size=300):
        changed = bytearray(original)
        changed[place] ^= 1 << int(places.integers(8))
        file.write_bytes(changed)
        try:
            state, position = read_checkpoint(tmp_path)
        except ModelError:
            continue
        assert position == Position(epoch=3)
        assert all(torch.equal(state[name], value) for name, value in written.items())


@pytest.fixture
def soft_drums(bundled: Dataset) -> Dataset:
    """The bundled songs, validated on one where nothing is won by calling everything drums."""
    return replace(bundled, valid=tuple(track for track in bundled.valid if track.name == "the-long-road"))


def test_the_best_of_both_phases_is_kept(tmp_path: Path, soft_drums: Dataset) -> None:
    # phase two only spoils what phase one found
    settings = config(adversarial_learning_rate=0.1, alpha=0.0, beta=0.0, ema_decay=0.0)
    outcome, reports = run(tmp_path, soft_drums, settings)
    assert outcome is not None
    first = [metrics for metrics in reports if metrics["phase"] == 1]
    second = [metrics for metrics in reports if metrics["phase"] == 2]
    assert max(metrics["score"] for metrics in second) < outcome.phase_one_score
    assert outcome.score == outcome.phase_one_score == max(metrics["score"] for metrics in first)
    assert outcome.best_phase == 1
    assert [metrics["best_score"] for metrics in second] == [outcome.score] * 2
    run(tmp_path / "alone", soft_drums, replace_config(settings, adversarial_epochs=0))
    both, alone = (load_bundle(folder / "bundle").state_dict() for folder in (tmp_path, tmp_path / "alone"))
    for name, value in alone.items():
        assert torch.equal(value, both[name]), name


def test_a_better_phase_two_wins(tmp_path: Path, soft_drums: Dataset) -> None:
    outcome, reports = run(tmp_path, soft_drums, config(learning_rate=1e-7, adversarial_learning_rate=3e-3))
    assert outcome is not None
    assert outcome.best_phase == 2
    assert outcome.score == max(metrics["score"] for metrics in reports) > outcome.phase_one_score


def replace_config(settings: TrainConfig, **changes: object) -> TrainConfig:
    return make_config(settings.as_settings(), changes)


def test_the_schedule_reaches_the_optimizer_and_survives_a_restart(tmp_path: Path, bundled: Dataset) -> None:
    scheduled = config(schedule="cosine", warmup_steps=2, optimizer="adamw", weight_decay=0.1)
    run(tmp_path / "whole", bundled, scheduled)
    run(tmp_path / "parts", bundled, scheduled, stop_at=1)
    run(tmp_path / "parts", bundled, scheduled, resume=True)
    run(tmp_path / "constant", bundled, config(optimizer="adamw", weight_decay=0.1))
    whole, parts, constant = (weights(tmp_path / name) for name in ("whole", "parts", "constant"))
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name
    assert any(not torch.equal(value, constant[name]) for name, value in whole.items())


def test_a_bundle_is_trained_on(tmp_path: Path, bundled: Dataset) -> None:
    run(tmp_path / "first", bundled, config(supervised_epochs=1, adversarial_epochs=0))
    bundle = tmp_path / "first" / "bundle"
    frozen = {"learning_rate": 1e-12, "ema_decay": 0.0, "start_from": str(bundle)}
    settings = make_config(
        {key: value for key, value in SETTINGS.items() if key != "separator"}, {**frozen, "adversarial_epochs": 0}
    )
    outcome, _ = run(tmp_path / "second", bundled, settings)
    assert outcome is not None
    before, after = load_bundle(bundle), load_bundle(outcome.bundle)
    assert before.arguments == after.arguments
    for name, value in before.state_dict().items():
        torch.testing.assert_close(value, after.state_dict()[name], atol=1e-9, rtol=0)
    with pytest.raises(ConfigError, match=r"start_from=.*: is another separator"):
        config(start_from=str(bundle), separator={"num_layers": 3})
    with pytest.raises(ConfigError, match=r"start_from=[^:]*nowhere: there is no such model"):
        config(start_from=str(tmp_path / "nowhere"))


def test_a_fine_tuning_gives_nothing_worse_than_what_it_started_from(tmp_path: Path, bundled: Dataset) -> None:
    songs = replace(bundled, valid=bundled.valid[:1])
    run(tmp_path / "first", songs, config(supervised_epochs=1, adversarial_epochs=0))
    bundle = tmp_path / "first" / "bundle"
    # a rate at which every epoch makes it worse
    changes = {"learning_rate": 0.1, "ema_decay": 0.0, "start_from": str(bundle), "adversarial_epochs": 0}
    settings = make_config({key: value for key, value in SETTINGS.items() if key != "separator"}, changes)
    outcome, reports = run(tmp_path / "second", songs, settings)
    assert outcome is not None
    assert [metrics["epoch"] for metrics in reports] == [0, 1, 2]
    assert reports[0]["score"] == outcome.score > max(metrics["score"] for metrics in reports[1:])
    before, after = load_bundle(bundle).state_dict(), load_bundle(outcome.bundle).state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert json.loads((outcome.bundle / "model.json").read_text())["validation"]["epoch"] == 0
    # one that is interrupted does not begin anew
    run(tmp_path / "parts", songs, settings, stop_at=1)
    _, rest = run(tmp_path / "parts", songs, settings, resume=True)
    assert [metrics["epoch"] for metrics in rest] == [2]


def test_a_learning_rate_that_rises_on_resume_is_named(
    tmp_path: Path, bundled: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    short, longer = (config(schedule="cosine", supervised_epochs=epochs, adversarial_epochs=0) for epochs in (1, 4))
    run(tmp_path, bundled, short)
    run(tmp_path, bundled, longer, stop_at=2, resume=True)
    assert (
        "with more epochs the cosine schedule goes on at a learning rate of 0.0026, where it had fallen to"
        in caplog.text
    )
    caplog.clear()
    run(tmp_path, bundled, longer, resume=True)
    assert "learning rate" not in caplog.text


def test_another_precision_on_resume_is_named(
    tmp_path: Path, bundled: Dataset, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, bundled, config(), stop_at=1)
    monkeypatch.setattr(torch, "__version__", "9.9")
    run(tmp_path, bundled, config(), resume=True)
    assert "and goes on with 9.9; results may differ slightly" in caplog.text


def test_a_bundle_of_an_earlier_version_is_trained_on(tmp_path: Path) -> None:
    bundle = shutil.copytree(SHIPPED, tmp_path / "bundle")
    description = json.loads((bundle / "model.json").read_text())
    description["arguments"].pop("slots", None)  # an argument that came later
    (bundle / "model.json").write_text(json.dumps(description))
    settings = {key: value for key, value in SETTINGS.items() if key != "separator"}
    taken_over = make_config(settings, {"start_from": str(bundle)})
    assert taken_over.build_separator().arguments == load_bundle(SHIPPED).arguments
    with pytest.raises(ConfigError, match=r"start_from=.*: is another separator"):
        make_config(settings, {"start_from": str(bundle), "separator": {"slots": 2}})


def test_silent_drums_leave_the_choice_to_other_sources(tmp_path: Path, bundled: Dataset) -> None:
    drumless = replace(
        bundled, valid=tuple(replace(track, mix=None, sources=(None, track.sources[1])) for track in bundled.valid)
    )
    outcome, reports = run(tmp_path, drumless, config())
    assert outcome is not None
    assert [metrics["score"] for metrics in reports] == [metrics["usdr/other"] for metrics in reports]
    assert all(math.isfinite(metrics["best_score"]) for metrics in reports)


def test_validation_on_nothing_but_silence_is_refused(tmp_path: Path, bundled: Dataset) -> None:
    files.write(tmp_path / "silence.wav", np.zeros((1, 44100), np.float32), 44100)
    silence = AudioFile.of(tmp_path / "silence.wav")
    silent = replace(bundled, valid=(Track("silent", None, (silence, silence)),))
    with pytest.raises(DataError, match="nothing can be scored"):
        run(tmp_path / "run", silent, config())
    assert not (tmp_path / "run" / "bundle").exists()


def test_a_batch_that_cannot_fit_is_refused_before_it_is_tried(tmp_path: Path, bundled: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"batch_size=1000000: its audio alone takes .* GiB"):
        run(tmp_path, bundled, config(batch_size=1_000_000, segment_seconds=10.0))
    with pytest.raises(ConfigError, match=r"batch_size=40000: a step takes about .* set accumulate=\d+"):
        run(tmp_path, bundled, config(batch_size=40_000))


def test_missing_partitions_are_named(tmp_path: Path, bundled: Dataset) -> None:
    def without(**parts: object) -> Dataset:
        kept = {"train_sup": bundled.train_sup, "train_unsup": bundled.train_unsup, "valid": bundled.valid}
        return Dataset(sources=bundled.sources, **{**kept, **parts})

    with pytest.raises(DataError, match="train_sup"):
        run(tmp_path, without(train_sup=()), config())
    with pytest.raises(DataError, match="early stopping"):
        run(tmp_path, without(valid=()), config())
    with pytest.raises(DataError, match=r"phase_two\.epochs=0"):
        run(tmp_path, without(train_unsup=type(bundled.train_unsup)()), config())


def test_a_training_that_takes_over_all_it_needs_leaves_the_same_separator(tmp_path: Path, bundled: Dataset) -> None:
    settings = config(adversarial_epochs=0)
    first, _ = run(tmp_path / "first", bundled, settings, phase_one_folder=tmp_path)
    second, reports = run(tmp_path / "second", bundled, settings, phase_one_folder=tmp_path)
    assert first is not None
    assert second is not None
    assert all("reused_until" in metrics for metrics in reports)  # it has taken no step of its own
    assert second.bundle == tmp_path / "second" / "bundle"
    one, other = (load_bundle(outcome.bundle).state_dict() for outcome in (first, second))
    assert all(torch.equal(one[name], other[name]) for name in one)
