"""What is validated is what users get."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset
from dssgan.data.track import Track
from dssgan.errors import ConfigError, DataError
from dssgan.inference.separator import Separator
from dssgan.metrics.catalogue import Monitored
from dssgan.metrics.sdr import usdr
from dssgan.separators import SeparatorModel, build_separator
from dssgan.separators.ensemble import Ensemble
from dssgan.training.settings import make_config
from dssgan.training.validation import Validation

RATE = 44100


def independent(seed: int) -> SeparatorModel:
    """A separator whose estimates do not sum to the mix."""
    torch.manual_seed(seed)
    return build_separator("unet", {"num_initial_filters": 2, "num_layers": 2, "n_fft": 512, "hop_samples": 256}).eval()


@pytest.mark.parametrize(
    "model", [independent(0), Ensemble([independent(0), independent(1)]).eval()], ids=["independent heads", "ensemble"]
)
def test_validation_scores_what_separate_writes(model: SeparatorModel, bundled: Dataset) -> None:
    seconds = 10.0
    scores = Validation(bundled, model, seconds).run()
    found = []
    for track in bundled.valid:
        mix, references = (part[..., : round(seconds * RATE)] for part in track.load(RATE, 2))
        stems = Separator(model, "model").separate(mix, RATE)
        found.append(usdr(torch.from_numpy(np.stack(list(stems.values()))), torch.from_numpy(references.copy())))
    expected = torch.stack(found).mean(dim=0)
    for index, source in enumerate(model.sources):
        assert scores[f"usdr/{source}"] == pytest.approx(float(expected[index]), abs=1e-4)


def test_validation_begins_where_drums_do(tmp_path: Path, bundled: Dataset) -> None:
    drums = np.zeros((1, 10 * RATE), np.float32)
    drums[:, 7 * RATE :] = 0.1 * np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    other = 0.1 * np.random.default_rng(1).standard_normal(10 * RATE).astype(np.float32)[None]
    for name, audio in (("drums", drums), ("other", other)):
        files.write(tmp_path / f"{name}.wav", audio, RATE)
    track = Track("late", None, (AudioFile.of(tmp_path / "drums.wav"), AudioFile.of(tmp_path / "other.wav")))
    model = independent(0)
    for seconds, start in ((2.0, 7.0), (5.0, 5.0), (8.0, 0.0)):
        validation = Validation(replace(bundled, valid=(track,)), model, seconds)
        mix, sources = validation._excerpts[0].load()
        assert mix.shape[-1] == sources.shape[-1] == round(seconds * RATE)
        first = round(start * RATE)
        np.testing.assert_allclose(sources[1, 0], other[0, first : first + mix.shape[-1]], atol=2**-15)
        assert validation.monitored == "usdr/drums"
        assert np.isfinite(validation.run()["usdr/drums"])


def test_any_metric_may_decide(bundled: Dataset) -> None:
    model = independent(0)
    validation = Validation(bundled, model, 5.0, "si_sar", ["attack_error"])
    scores = validation.run()
    assert validation.monitored == "si_sar/drums"
    assert validation.decisive(scores) == scores["si_sar/drums"]
    assert {"usdr/other", "si_sar/other", "attack_error/drums", "onset_sdr/drums"} <= set(scores)
    # less of it is better
    of_attacks = Validation(bundled, model, 5.0, "attack_error")
    assert of_attacks.decisive(scores) == -scores["attack_error/drums"] < 0
    assert Validation(bundled, model, 5.0, "fullness/other").monitored == "fullness/other"


def test_where_nothing_is_called_drums_the_mean_decides(bundled: Dataset) -> None:
    pieces = replace(bundled, sources=("kick", "snare"), takes="drums")
    torch.manual_seed(0)
    small = {"num_initial_filters": 2, "num_layers": 2, "n_fft": 512, "hop_samples": 256}
    model = build_separator("unet", {**small, "sources": ["kick", "snare"]}).eval()
    validation = Validation(pieces, model, 5.0)
    scores = validation.run()
    assert validation.monitored == "usdr/mean"
    assert validation.decisive(scores) == pytest.approx((scores["usdr/kick"] + scores["usdr/snare"]) / 2)
    assert Validation(pieces, model, 5.0, "si_sar/snare").monitored == "si_sar/snare"
    # a piece that no song has is left out
    snareless = tuple(replace(track, sources=(track.sources[0], None)) for track in pieces.valid)
    alone = Validation(replace(pieces, valid=snareless), model, 5.0)
    found = alone.run()
    assert alone.decisive(found) == pytest.approx(found["usdr/kick"])
    struck_model = build_separator("unet", {**small, "sources": ["kick", "other"]}).eval()
    struck = Validation(replace(pieces, sources=("kick", "other")), struck_model, 5.0, "onset_f1")
    assert struck.decisive(scores := struck.run()) == scores["onset_f1/mean"] == scores["onset_f1/kick"]
    # and of songs the mean may be asked for
    assert Validation(bundled, independent(0), 5.0, "usdr/mean").monitored == "usdr/mean"
    titles = [Monitored.parse(text).of(sources).title for text, sources in (
        ("usdr", ("kick", "snare")), ("usdr", ("drums", "other")), ("si_sar/other", ("drums", "other")),
    )]  # fmt: skip
    assert titles == ["mean uSDR [dB]", "drums uSDR [dB]", "other SI-SAR [dB]"]


def test_what_cannot_decide_is_refused(bundled: Dataset) -> None:
    for monitor, reason in (
        ("sdr", "metric 'sdr'"), ("usdr/vocals", "the separator has no vocals"), ("bleed/other", "only drums have it"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=reason):
            Validation(bundled, independent(0), 5.0, monitor)
    drumless = tuple(replace(track, sources=(None, track.sources[1])) for track in bundled.valid)
    with pytest.raises(DataError, match="drums of every validation track"):
        Validation(replace(bundled, valid=drumless), independent(0), 5.0, "usdr/drums")
    with pytest.raises(ConfigError, match="metric 'sdr'"):
        make_config({"monitor": "sdr"})
    with pytest.raises(ConfigError, match="metric 'loud'"):
        make_config({"validation_metrics": ["loud"]})
