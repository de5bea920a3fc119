"""Drum-aware scores against numbers worked out by hand, and on a real song."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from dssgan.metrics.drums import ONSET_WINDOW_SECONDS, _around, onset_f1, onset_times, score_drums

RATE = 44100
Audio = NDArray[np.float32]


def hits(times: list[float], seconds: float = 3.0, level: float = 0.5) -> Audio:
    """Bursts of noise that decay within some 50 ms."""
    audio = np.zeros((2, round(seconds * RATE)), np.float32)
    generator = np.random.default_rng(0)
    burst = (
        level * generator.standard_normal(4000).astype(np.float32) * np.exp(-np.arange(4000) / 600).astype(np.float32)
    )
    for time in times:
        start = round(time * RATE)
        part = burst[: audio.shape[1] - start]
        audio[:, start : start + len(part)] += part
    return audio


def noise(seconds: float = 3.0, level: float = 0.1) -> Audio:
    generator = np.random.default_rng(1)
    return (level * generator.standard_normal((2, round(seconds * RATE)))).astype(np.float32)


def test_onsets_are_where_the_hits_are() -> None:
    # at every place between two frames, which are 10 ms apart
    times = [0.0, *(0.5 + 0.3 * index + 0.001 * index for index in range(11))]
    found = onset_times(hits(times, seconds=4.0), RATE)
    assert len(found) == len(times)
    assert abs(found - times).max() < ONSET_WINDOW_SECONDS[0]  # or the windows would cut attacks off
    assert abs(np.median(found - times)) < 0.003


def test_no_hits_no_onsets() -> None:
    assert len(onset_times(np.zeros((2, RATE), np.float32), RATE)) == 0
    assert len(onset_times(np.ones((2, 10), np.float32), RATE)) == 0


def test_half_the_level_is_6_db_everywhere() -> None:
    drums = hits([0.2, 1.0, 1.8])
    scores = score_drums(drums / 2, drums, drums + noise(), RATE)
    expected = 20 * math.log10(2)
    assert scores.onset_sdr_db == pytest.approx(expected, abs=1e-4)
    assert scores.num_onsets == 3
    for band, found in scores.band_sdr_db.items():
        assert found == pytest.approx(expected, abs=1e-4), band


def test_noise_between_hits_is_bleed_and_leaves_onsets_whole() -> None:
    drums = hits([0.2, 2.0])
    other = noise()
    wrong = np.zeros_like(other)
    wrong[:, RATE : RATE + RATE // 2] = 0.1 * other[:, RATE : RATE + RATE // 2]  # 20 dB below the mix, half a second
    scores = score_drums(drums + wrong, drums, drums + other, RATE)
    assert scores.onset_sdr_db == math.inf
    # drums are silent for about 2.6 s of 3, of which the bleed fills half a second
    share = 0.5 / scores.silent_seconds
    assert scores.bleed_db == pytest.approx(-20 + 10 * math.log10(share), abs=0.2)
    assert 2.3 < scores.silent_seconds < 2.9


def test_silence_counts_from_a_fifth_of_a_second() -> None:
    for pause_seconds, expected in [(0.19, 0.0), (0.2, 0.2), (0.5, 0.5)]:
        drums = np.full((2, 2 * RATE), 0.5, np.float32)
        drums[:, RATE : RATE + round(pause_seconds * RATE)] = 0.0009  # a little below -60 dB
        mix = drums + np.float32(0.1)
        assert score_drums(drums, drums, mix, RATE).silent_seconds == pytest.approx(expected)


def test_error_in_one_band_stays_in_it() -> None:
    drums = noise(level=0.2)
    time = np.arange(drums.shape[1]) / RATE
    hum = np.broadcast_to(0.3 * np.sin(2 * np.pi * 60 * time), drums.shape).astype(np.float32)
    bands = score_drums(drums + hum, drums, drums, RATE).band_sdr_db
    assert bands["kick"] < 0
    assert bands["snare"] > 30
    assert bands["cymbals"] > 30


def test_what_cannot_be_said_is_nan() -> None:
    silence = np.zeros((2, RATE), np.float32)
    scores = score_drums(silence, silence, noise(1.0), RATE)
    assert math.isnan(scores.onset_sdr_db)
    assert all(math.isnan(found) for found in scores.band_sdr_db.values())
    assert scores.silent_seconds == 1.0
    assert scores.bleed_db == -math.inf
    drums = noise(1.0)
    assert math.isnan(score_drums(drums, drums, drums, RATE).bleed_db)  # the drums never pause
    assert math.isnan(score_drums(silence, silence, silence, RATE).bleed_db)  # nothing plays


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="must be alike"):
        score_drums(noise(1.0), noise(1.0), noise(2.0), RATE)


def test_a_real_song(song: tuple[Audio, Audio]) -> None:
    mix, (drums, _) = song
    found = onset_times(drums, RATE)
    assert 8 <= len(found) <= 60  # eighths at 132 beats a minute would be 18 in four seconds
    good = score_drums((0.9 * drums + 0.1 * mix).astype(np.float32), drums, mix, RATE)
    bad = score_drums(mix, drums, mix, RATE)
    assert good.onset_sdr_db == pytest.approx(bad.onset_sdr_db + 20, abs=0.01)
    for band, value in bad.band_sdr_db.items():
        assert good.band_sdr_db[band] == pytest.approx(value + 20, abs=0.01)


def test_attacks_that_are_softer_by_6_db_and_one_that_is_gone() -> None:
    drums = hits([0.2, 1.0, 1.8])
    soft = score_drums(drums / 2, drums, drums + noise(), RATE)
    assert soft.attack_error_db == pytest.approx(20 * math.log10(2), abs=1e-3)
    assert score_drums(2 * drums, drums, drums + noise(), RATE).attack_error_db == pytest.approx(soft.attack_error_db)
    lost = drums.copy()
    lost[:, round(0.9 * RATE) : round(1.3 * RATE)] = 0
    assert score_drums(lost, drums, drums + noise(), RATE).attack_error_db == pytest.approx(60 / 3, abs=0.1)
    # a hit that is smeared keeps its energy and loses its attack
    smeared = np.stack([np.convolve(channel, np.ones(4000) / 60)[: drums.shape[1]] for channel in drums])
    assert score_drums(smeared.astype(np.float32), drums, drums + noise(), RATE).attack_error_db > 3


def test_onsets_agree_by_mirex_s_count() -> None:
    drums = hits([0.2, 0.8, 1.4, 2.0])
    assert onset_f1(drums / 2, drums, RATE) == 1
    # three of four found, and one where none is: precision and recall are both 3 / 4
    assert onset_f1(hits([0.2, 0.8, 1.4, 2.5]), drums, RATE) == pytest.approx(0.75)
    assert onset_f1(hits([0.2, 0.8]), drums, RATE) == pytest.approx(2 / 3)
    assert onset_f1(np.zeros_like(drums), drums, RATE) == 0
    assert math.isnan(onset_f1(drums, np.zeros_like(drums), RATE))


def test_an_onsets_window_begins_just_before_it_and_lasts_a_tenth_of_a_second() -> None:
    near = _around(np.array([0.5]), 1000, 1000)
    assert np.flatnonzero(near).tolist() == list(range(490, 600))
