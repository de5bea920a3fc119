"""Spectra of pieces in bands."""

import numpy as np
import pytest

from dssgan.transcription.spectra import FRAME_RATE, NUM_BANDS, SAMPLE_RATE, SpectrumStream, band_weights


def whole(pieces: np.ndarray) -> np.ndarray:
    stream = SpectrumStream(len(pieces))
    return np.concatenate([stream.push(pieces), stream.flush()])


def test_every_band_hears_something_and_sums_to_one() -> None:
    weights = band_weights()
    assert weights.shape == (513, NUM_BANDS)
    np.testing.assert_allclose(weights.sum(dim=0), 1, rtol=1e-5)


@pytest.mark.parametrize("block", [1, 441, 1000, 30011])
def test_blocks_change_nothing(block: int) -> None:
    pieces = np.random.default_rng(0).normal(0, 0.1, (2, 3 * block + 2000)).astype(np.float32)
    if block == 1:
        pieces = pieces[:, :50]
    stream = SpectrumStream(2)
    parts = [stream.push(pieces[:, start : start + block]) for start in range(0, pieces.shape[1], block)]
    np.testing.assert_allclose(np.concatenate([*parts, stream.flush()]), whole(pieces), atol=1e-6)


def test_frames_are_hundredths_of_a_second_and_silence_is_zero() -> None:
    click = np.zeros((1, SAMPLE_RATE), np.float32)
    click[0, SAMPLE_RATE // 2] = 1
    frames = whole(click)
    assert frames.shape == (FRAME_RATE + 1, 1, NUM_BANDS)
    energy = frames.sum(axis=(1, 2))
    assert int(energy.argmax()) == FRAME_RATE // 2
    assert not energy[: FRAME_RATE // 2 - 2].any()
    assert not energy[FRAME_RATE // 2 + 3 :].any()


def test_a_gain_shifts_what_is_loud() -> None:
    noise = np.random.default_rng(1).normal(0, 1, (1, 4410)).astype(np.float32)
    difference = whole(10 * noise) - whole(noise)
    np.testing.assert_allclose(difference[3:7], 2 / 7, atol=2e-3)  # 20 dB of the 70 from silence to full scale
