"""Recordings far from the ordinary level."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dssgan.audio import files
from dssgan.data.loading import load_dataset
from dssgan.inference.level import Level, SlowGain, measure_level
from dssgan.inference.live import LiveSeparator
from dssgan.inference.separator import Separator
from dssgan.metrics.sdr import usdr
from dssgan.separators import build_separator

RATE = 44100
NOISE = np.random.default_rng(0).normal(0, 1, (2, 3 * RATE)).astype(np.float32)


def level_of(gain_db: float, offset: float = 0.0) -> Level:
    return measure_level([(NOISE * 10 ** (gain_db / 20) + offset).astype(np.float32)], RATE)


@pytest.mark.parametrize("gain_db", [-41.5, -30, -18, -6.5])
def test_ordinary_recordings_stay_as_they_are(gain_db: float) -> None:
    assert level_of(gain_db) == Level()
    assert level_of(gain_db).normalise(NOISE) is NOISE
    assert level_of(gain_db).restore(NOISE) is NOISE


@pytest.mark.parametrize("gain_db", [-120, -80, -43, -5, 20, 80])
def test_others_come_to_the_usual_level_and_back(gain_db: float) -> None:
    level = level_of(gain_db)
    recording = (NOISE * 10 ** (gain_db / 20)).astype(np.float32)
    there = level.normalise(recording)
    assert 10 * np.log10(np.square(there).mean()) == pytest.approx(-18, abs=0.05)
    np.testing.assert_allclose(level.restore(there), recording, rtol=1e-6)


def test_a_recording_shorter_than_a_window_is_measured_whole_and_the_rest_of_a_longer_one_not() -> None:
    loud = 100 * NOISE
    assert measure_level([loud[:, : RATE // 10]], RATE).gain == pytest.approx(10 ** (-58 / 20), rel=0.05)
    # a window at an ordinary level; the 0.2 s after it are no whole window
    both = np.concatenate([0.1 * NOISE[:, : round(0.4 * RATE)], loud[:, : RATE // 5]], axis=1)
    assert measure_level([both], RATE).gain == 1


def test_what_is_constant_is_no_music() -> None:
    assert level_of(-18, offset=0.005) == Level()
    level = level_of(-18, offset=0.3)
    assert level.gain == 1
    assert level.offset == pytest.approx((0.3, 0.3), abs=1e-3)
    np.testing.assert_allclose(level.normalise(NOISE + np.float32(0.3)).mean(), 0, atol=1e-3)
    assert level_of(-80, offset=1.0).gain == pytest.approx(10 ** (62 / 20), rel=0.02)


def test_silence_is_left_alone_and_does_not_count() -> None:
    assert measure_level([np.zeros((2, RATE), np.float32)], RATE) == Level()
    assert measure_level([], RATE) == Level()
    quiet = np.concatenate([np.zeros((2, 20 * RATE), np.float32), NOISE * 0.05], axis=1)
    assert measure_level([quiet], RATE) == Level()  # -26 dB where it sounds


@given(st.lists(st.integers(0, 50_000), max_size=12), st.sampled_from([1.0, 1e-4, 300.0]))
def test_it_does_not_matter_how_a_recording_is_cut(edges: list[int], gain: float) -> None:
    recording = NOISE[:, :50_000] * np.float32(gain)
    cuts = [0, *sorted(edges), 50_000]
    blocks = [recording[:, start:end] for start, end in pairwise(cuts)]
    cut, whole = measure_level(blocks, RATE), measure_level([recording], RATE)
    assert cut.gain == pytest.approx(whole.gain, rel=1e-12)


@pytest.fixture(scope="module")
def song() -> tuple[np.ndarray, np.ndarray]:
    mix, sources = load_dataset().valid[0].load(RATE, 2)
    return mix[:, : 5 * RATE], sources[:, :, : 5 * RATE]


def test_drums_are_as_good_from_minus_80_to_80_db(song: tuple[np.ndarray, np.ndarray]) -> None:
    separator = Separator.load("fast", "cpu", precision="float32")
    mix, sources = song
    scores = {}
    for gain_db in (-80, -30, 0, 12, 40, 80):
        gain = np.float32(10 ** (gain_db / 20))
        stems = separator.separate(mix * gain, RATE)
        np.testing.assert_allclose(sum(stems.values()), mix * gain, atol=1e-6 * gain)
        estimates = torch.from_numpy(np.stack(list(stems.values())))
        scores[gain_db] = float(usdr(estimates, torch.from_numpy(sources * gain))[0])
    assert max(scores.values()) - min(scores.values()) < 0.1, scores


def test_files_and_arrays_of_any_level_agree(song: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    separator = Separator.load("fast", "cpu", precision="float32")
    loud = song[0][:, :RATE] * np.float32(100) + np.float32(20)
    files.write(tmp_path / "loud.wav", loud, RATE, "float32")
    from dssgan.inference.output import OutputSettings

    separator.separate_file(tmp_path / "loud.wav", tmp_path / "out", OutputSettings(subtype="float32"))
    stems = separator.separate(loud, RATE)
    for name, stem in stems.items():
        np.testing.assert_allclose(files.read(tmp_path / "out" / f"{name}.wav"), stem, atol=1e-4)
    np.testing.assert_allclose(sum(stems.values()), loud, atol=1e-4)


def test_a_slow_gain_does_nothing_to_what_is_ordinary_and_follows_what_is_not() -> None:
    ordinary = [10 ** (level_db / 10) for level_db in (-18, -30, -20, -90, -10, -35)] * 50
    assert set(SlowGain(0.02).next_gains(ordinary)) == {1.0}
    loud = SlowGain(0.02).next_gains([1e4] * 5)  # 40 dB
    assert loud == pytest.approx([10 ** (-58 / 20)] * 5)
    # a stream that becomes so follows by 12 dB a second
    gain = SlowGain(0.02)
    gain.next_gains([10**-1.8] * 100)
    after = 20 * np.log10(gain.next_gains([1e4] * 1000))
    steps = np.diff(after)
    assert steps.min() >= -0.2400001
    assert after[-1] == pytest.approx(-58, abs=1)


def test_a_live_stream_of_any_level_gives_the_same_stems() -> None:
    torch.manual_seed(0)
    model = build_separator("band_split", {"num_layers": 1}, preset="causal").eval()
    music = load_dataset().valid[0].load(RATE, 2)[0][:, : 2 * RATE]

    def stems(gain: float) -> np.ndarray:
        live = LiveSeparator(model)
        return np.concatenate([live.push(music * np.float32(gain)), live.flush()], axis=-1) / gain

    usual, loud, soft = stems(1.0), stems(1e3), stems(1e-3)
    power = np.square(usual).mean()
    for other in (loud, soft):
        assert np.square(other - usual).mean() < 1e-2 * power
