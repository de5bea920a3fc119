"""What a teacher is sure of, and how it gives way to its student."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_training import config, run, weights

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError, DataError, ModelError
from dssgan.separators import SeparatorModel, build_separator
from dssgan.separators.bundle import save_bundle
from dssgan.separators.loading import find_model
from dssgan.training.config import SelfBoost
from dssgan.training.self_boost import SelfBoosting, agreement_db, label, separate_twice
from dssgan.training.settings import make_config

BOOSTED = {"alpha": 0.0, "beta": 0.0, "self_boost": {"share": 0.5, "min_agreement_db": -100.0, "chunk_seconds": 1.0}}


def test_agreement_by_hand() -> None:
    # three chunks of 4: no difference, a difference of a tenth of the mix (20 dB), a silent mix; the rest is no chunk
    mix = np.ones((1, 14), np.float32)
    mix[:, 8:12] = 0
    first = np.stack([mix, 0 * mix])
    second = first.copy()
    second[0, :, 4:8] -= 0.1
    second[1, :, 4:8] += 0.1
    found = agreement_db(first, second, mix, 4)
    assert found.shape == (3,)
    assert found[0] > 200
    assert found[1] == pytest.approx(20, abs=1e-5)
    assert np.isnan(found[2])


def test_a_teacher_that_does_not_hear_frames_agrees_with_itself(song: tuple[NDArray, NDArray]) -> None:
    # a fresh separator halves the mix, whatever its frames: both passes are equal, and sum to the mix
    torch.manual_seed(0)
    teacher = build_separator("tdf_unet", {}, "micro").eval()
    with torch.no_grad():
        for parameter in teacher.last[-1].parameters():  # type: ignore[union-attr, index]
            parameter[parameter.abs() < 0.4] = 0
    mix = song[0]
    first, second = separate_twice(teacher, mix)
    np.testing.assert_allclose(first, second, atol=1e-5)
    np.testing.assert_allclose(first.sum(axis=0), mix, atol=1e-6)
    np.testing.assert_allclose(first[0], mix / 2, atol=1e-4)


def test_labels_are_pairs_that_sum_to_the_mix(bundled: Dataset, tmp_path: Path) -> None:
    teacher = find_model("default").load().members[0]
    mixes = [mix for mix in bundled.train_unsup.mixes if mix.label.endswith("potassium.ogg")]
    everything = label(teacher, mixes, tmp_path / "all", SelfBoost(min_agreement_db=-100))
    assert len(everything.tracks) == 1
    assert everything.kept_seconds == pytest.approx(45, abs=3)
    mix, sources = everything.tracks[0].load()
    true = mixes[0].read()[:, : mix.shape[1]]
    assert np.abs(mix - true).max() <= 1 / 32768 + 1e-7
    assert np.abs(sources[0]).max() > 0.01

    # at the median half of the chunks are dropped, and what is kept is cut at a chunk's border
    some = label(teacher, mixes, tmp_path / "some", SelfBoost(min_agreement_db=everything.agreement_db))
    assert 0.4 < some.kept_seconds / everything.kept_seconds < 0.6
    assert all(track.duration % 3 == pytest.approx(0, abs=1e-6) for track in some.tracks)
    none = label(teacher, mixes, tmp_path / "some", SelfBoost(min_agreement_db=500))
    assert none.tracks == ()
    assert not list((tmp_path / "some").glob("*"))


def test_phase_two_learns_from_labels_and_tells_so(tmp_path: Path, bundled: Dataset) -> None:
    outcome, reports = run(tmp_path, bundled, config(**BOOSTED))
    assert outcome is not None
    assert "teacher/score" not in reports[0]
    for metrics in reports[2:]:
        assert metrics["teacher/kept"] == pytest.approx(1, abs=0.05)
        assert "loss/critic" not in metrics
    assert reports[2]["teacher/score"] == outcome.phase_one_score
    assert reports[3]["teacher/score"] == max(outcome.phase_one_score, reports[2]["score"])
    assert not (tmp_path / "labels" / "0").exists()
    _, plain = run(tmp_path / "plain", bundled, config(alpha=0.0, beta=0.0))
    assert plain[-1]["loss/supervised"] != reports[-1]["loss/supervised"]


@pytest.mark.parametrize("stop_at", [2, 3])
def test_resumed_equals_uninterrupted(tmp_path: Path, bundled: Dataset, stop_at: int) -> None:
    settings = config(**BOOSTED, adversarial_learning_rate=3e-3, adversarial_epochs=2)
    _, reports = run(tmp_path / "whole", bundled, settings)
    run(tmp_path / "parts", bundled, settings, stop_at=stop_at)
    _, resumed = run(tmp_path / "parts", bundled, settings, resume=True)
    teachers = [metrics["teacher/score"] for metrics in reports[stop_at:]]
    assert [metrics["teacher/score"] for metrics in resumed] == teachers
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_a_teacher_is_replaced_by_a_better_student_alone(tmp_path: Path, bundled: Dataset) -> None:
    mixes = bundled.train_unsup.mixes

    def boosting() -> SelfBoosting:
        model = build_separator("tdf_unet", {}, "micro")
        settings = SelfBoost(share=0.5, min_agreement_db=-100)
        return SelfBoosting(model, settings, mixes, tmp_path / "labels")

    def refuse(_separator: SeparatorModel) -> float:
        raise AssertionError("the student's score is known")

    first, second = (build_separator("tdf_unet", {}, "micro").state_dict() for _ in range(2))
    taught = boosting()
    taught.begin(first, 3.0, refuse)
    assert taught.consider(second, 2.9) is None
    assert taught.consider(second, 3.0) is None
    assert taught.score == 3.0
    assert taught.consider(second, 3.1) is not None
    assert taught.score == 3.1
    for name, value in second.items():
        assert torch.equal(value, taught.teacher.state_dict()[name])
    assert len(list((tmp_path / "labels").iterdir())) == 1  # the first teacher's labels are gone

    other = boosting()
    other.load_state_dict(taught.state_dict())
    other.begin(first, 0.0, refuse)  # goes on with the teacher it had
    assert other.score == 3.1
    for name, value in second.items():
        assert torch.equal(value, other.teacher.state_dict()[name])
    other.end()
    assert not (tmp_path / "labels").exists()


@pytest.mark.slow
def test_an_ensemble_may_teach(tmp_path: Path, bundled: Dataset) -> None:
    settings = {**BOOSTED["self_boost"], "teacher": "default"}  # type: ignore[dict-item]
    separator = {"name": "tdf_unet", "preset": "micro"}
    _, reports = run(
        tmp_path, bundled, config(**{**BOOSTED, "self_boost": settings, "separator": separator}, segment_seconds=0.5)
    )
    assert reports[2]["teacher/score"] > 5  # what the shipped ensemble reaches, and no beginner


def test_a_teacher_of_another_kind_is_refused(tmp_path: Path, bundled: Dataset) -> None:
    other = build_separator("unet", {"sources": ("drums", "vocals"), "num_layers": 1, "num_initial_filters": 2})
    save_bundle(tmp_path / "other", "unet", other, metadata={})
    teacher = {"share": 0.5, "teacher": str(tmp_path / "other")}
    with pytest.raises(ModelError, match=r"other: its sources are drums, vocals, but the separator's are drums, other"):
        run(tmp_path / "run", bundled, config(**{**BOOSTED, "self_boost": teacher}))


@pytest.mark.slow
def test_a_teacher_of_another_rate_labels(tmp_path: Path, bundled: Dataset) -> None:
    """The default ensemble, stereo at 44.1 kHz, teaches a student that is mono at 8 kHz."""
    teacher = {"share": 0.5, "teacher": "default", "min_agreement_db": 10.0}
    _, reports = run(tmp_path, bundled, config(**{**BOOSTED, "self_boost": teacher}))
    assert reports[-1]["teacher/kept"] > 0


def test_nothing_to_label_is_refused(tmp_path: Path, bundled: Dataset) -> None:
    without = replace(bundled, train_unsup=replace(bundled.train_unsup, mixes=()))
    with pytest.raises(DataError, match="no unpaired mixes"):
        run(tmp_path, without, config(**BOOSTED))


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"self_boost.share=2"):
        make_config({"self_boost": {"share": 2}})
    with pytest.raises(ConfigError, match="did you mean share"):
        make_config({"self_boost": {"shar": 0.5}})
