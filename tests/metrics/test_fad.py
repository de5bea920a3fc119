"""Fréchet audio distance: by hand, beside a matrix square root, and with a CLAP of random weights, made here."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

from dssgan.errors import ConfigError
from dssgan.metrics import fad as module
from dssgan.metrics.catalogue import find_metrics
from dssgan.metrics.fad import fad, find_clap, frechet_distance

RATE = 44100


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    with module._without_torchaudio():
        from transformers import ClapAudioConfig, ClapAudioModelWithProjection, ClapFeatureExtractor
    torch.manual_seed(0)
    config = ClapAudioConfig(
        patch_embeds_hidden_size=8, hidden_size=64, depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2],
        projection_dim=16,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("clap")
    ClapAudioModelWithProjection(config).save_pretrained(folder)
    ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(folder)  # as of the published weights
    return folder


def test_two_gaussians_by_hand() -> None:
    # standard deviations 1 and 3, means 0 and 2: 2² + (1 - 3)²
    one, other = (np.array([-1.0, 0, 1])[:, None] * scale for scale in (1, 3))
    assert frechet_distance(one, other + 2) == pytest.approx(8)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-12)
    assert math.isnan(frechet_distance(one, one[:1]))


def test_equals_the_square_root_of_matrices() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(40, 5)), rng.normal(size=(30, 5)) @ rng.normal(size=(5, 5)) + 1
    covariances = [np.cov(samples, rowvar=False) for samples in (one, other)]
    means = np.square(one.mean(axis=0) - other.mean(axis=0)).sum()
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = means + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-9)


def test_more_of_the_rest_is_further_away(song, clap: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    monkeypatch.setenv("DSSGAN_CLAP", str(clap))
    sources = song[1]
    drums, rest = (np.tile(source, (1, 13 * RATE // source.shape[1] + 1))[:, : 13 * RATE] for source in sources)
    found = [fad(drums + share * rest, drums, RATE) for share in (0, 0.1, 1)]
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert 0 < found[1] < found[2]
    assert math.isnan(fad(drums, np.zeros_like(drums), RATE))
    assert capfd.readouterr() == ("", "")  # no progress bars of transformers'
    assert math.isnan(fad(drums[:, : 9 * RATE], drums[:, : 9 * RATE], RATE))


def test_what_has_to_be_downloaded_is_said_and_nothing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("DSSGAN_CLAP", raising=False)
    with pytest.raises(ConfigError, match=r"laion/clap-htsat-unfused, some 0\.6 GB, which are not here: 'hf download"):
        find_metrics(["fad"])
    monkeypatch.setenv("DSSGAN_CLAP", str(tmp_path))
    with pytest.raises(ConfigError, match=r"DSSGAN_CLAP=.*holds no config\.json"):
        find_clap()
    assert not any(tmp_path.iterdir())


def test_a_torchaudio_that_does_not_load_is_no_obstacle() -> None:
    with module._without_torchaudio():
        assert sys.modules["torchaudio"] is None
    assert "torchaudio" not in sys.modules or sys.modules["torchaudio"] is not None
