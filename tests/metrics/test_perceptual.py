"""What models of hearing say, beside calling their packages by hand."""

import math

import numpy as np
import pytest

from dssgan.audio.resample import resample
from dssgan.metrics import perceptual

REASON = "pip install 'dssgan[perceptual]' brings it; ViSQOL needs a C compiler for that"
RATE = 44100


@pytest.fixture(scope="module")
def drums(song) -> np.ndarray:
    return song[1][0][:, : 2 * RATE]


@pytest.fixture(scope="module")
def worse(song, drums) -> np.ndarray:
    return drums + 0.2 * song[1][1][:, : 2 * RATE]


def test_zimtohrli_is_what_its_package_gives(drums: np.ndarray, worse: np.ndarray) -> None:
    zimtohrli = pytest.importorskip("zimtohrli", reason=REASON)
    by_hand = [resample(audio.mean(axis=0, keepdims=True), RATE, 48000)[0] for audio in (drums, worse)]
    assert perceptual.zimtohrli(worse, drums, RATE) == pytest.approx(zimtohrli.mos_from_signals(*by_hand), abs=1e-4)
    assert perceptual.zimtohrli(drums, drums, RATE) == pytest.approx(5)


def test_visqol_is_what_its_package_gives(drums: np.ndarray, worse: np.ndarray) -> None:
    visqol = pytest.importorskip("visqol", reason=REASON)
    by_hand = [resample(audio.mean(axis=0, keepdims=True), RATE, 48000)[0] for audio in (drums, worse)]
    model = visqol.VisqolApi()
    model.create(mode="audio")
    score = model.measure_from_arrays(*map(np.float64, by_hand), 48000).moslqo
    # with the search for delays, which ours leaves out
    assert perceptual.visqol(worse, drums, RATE) == pytest.approx(score, abs=0.05)
    assert score < 4.65
    assert perceptual.visqol(drums, drums, RATE) > 4.7  # its highest is 4.73


@pytest.mark.parametrize("name", ["zimtohrli", "visqol"])
def test_silence_and_moments_have_no_score(name: str, drums: np.ndarray) -> None:
    pytest.importorskip(name, reason=REASON)
    rate = getattr(perceptual, name)
    assert math.isnan(rate(drums, np.zeros_like(drums), RATE))
    assert 1 <= rate(np.zeros_like(drums), drums, RATE) < 2
    if name == "visqol":
        assert math.isnan(rate(drums[:, :1000], drums[:, :1000], RATE))
