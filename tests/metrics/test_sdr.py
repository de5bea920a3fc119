import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from museval.metrics import Framing, bss_eval

from dssgan.data.loading import load_dataset
from dssgan.errors import AudioError
from dssgan.metrics.sdr import csdr, frame_sdr, median_of_numbers, usdr


@pytest.fixture(scope="module")
def song():
    """Eight seconds and a bit of a bundled song: an estimate full of the other source, and the truth, float64."""
    track = load_dataset(None).partition("test")[0]
    mix, sources = track.load()
    rate = track.sources[0].sample_rate
    # the loudest 8.3 s of drums: frames in which both sources play
    energy = np.cumsum(np.square(sources[0].astype(np.float64)).sum(axis=0))
    length = min(int(8.3 * rate), mix.shape[1])
    start = int(np.argmax(energy[length - 1 :] - energy[: len(energy) - length + 1]))
    span = slice(start, start + length)
    sources, mix = sources[..., span].astype(np.float64), mix[:, span].astype(np.float64)
    noise = np.random.default_rng(0).standard_normal(mix.shape)
    return np.stack([0.7 * mix + 0.01 * noise, 0.6 * mix]), sources, rate


def museval_sdr(estimate, reference, rate, hop_seconds=1.0):
    time_first = (np.moveaxis(audio, 1, 2) for audio in (reference, estimate))
    return bss_eval(*time_first, window=rate, hop=int(hop_seconds * rate))[0]


def test_sdr_by_hand():
    # two frames of two samples at 2 Hz, one channel. Frame 0 of source 0: signal 3^2 + 4^2 = 25, error 0.5^2 = 0.25,
    # a ratio of 100: 20 dB. Source 1: signal 1, error 1 + 9 = 10: -10 dB. Frame 1: 4 / 4 and 100 / 1: 0 and 20 dB
    reference = torch.tensor([[[3.0, 4.0, 0.0, 2.0]], [[1.0, 0.0, 6.0, 8.0]]])
    estimate = torch.tensor([[[3.0, 4.5, 2.0, 2.0]], [[2.0, 3.0, 6.0, 7.0]]])
    expected = torch.tensor([[20.0, 0.0], [-10.0, 20.0]], dtype=torch.float64)
    torch.testing.assert_close(frame_sdr(estimate, reference, sample_rate=2), expected)
    torch.testing.assert_close(csdr(estimate, reference, sample_rate=2), expected.mean(dim=1))
    # whole track: 29 / 4.25 and 101 / 11
    whole = torch.tensor([10 * math.log10(29 / 4.25), 10 * math.log10(101 / 11)], dtype=torch.float64)
    torch.testing.assert_close(usdr(estimate, reference), whole)


def test_both_channels_count_as_one_signal():
    # signal 1 + 9 = 10, error 1 in the second channel: 10 dB, where the channels alone have infinity and 9.5 dB
    reference = torch.tensor([[[1.0], [3.0]], [[1.0], [1.0]]])
    estimate = torch.tensor([[[1.0], [2.0]], [[2.0], [1.0]]])
    assert frame_sdr(estimate, reference, sample_rate=1)[0, 0] == pytest.approx(10.0)


def test_equals_museval_on_a_song(song):
    estimate, reference, rate = song
    expected = museval_sdr(estimate, reference, rate)
    assert expected.shape == (2, 8)
    assert np.isfinite(expected).any()
    measured = frame_sdr(torch.from_numpy(estimate), torch.from_numpy(reference), rate)
    np.testing.assert_allclose(measured.numpy(), expected, rtol=0, atol=1e-6)
    single = frame_sdr(torch.from_numpy(estimate).float(), torch.from_numpy(reference).float(), rate)
    np.testing.assert_allclose(single.numpy(), expected, rtol=0, atol=1e-5)  # the input's rounding, not the sum's
    np.testing.assert_allclose(
        csdr(torch.from_numpy(estimate), torch.from_numpy(reference), rate), np.nanmedian(expected, axis=1), atol=1e-6
    )


def test_overlapping_frames_equal_museval(song):
    estimate, reference, rate = (*(audio[..., : int(2.6 * song[2])] for audio in song[:2]), song[2])
    measured = frame_sdr(torch.from_numpy(estimate), torch.from_numpy(reference), rate, hop_seconds=0.5)
    expected = museval_sdr(estimate, reference, rate, hop_seconds=0.5)
    np.testing.assert_allclose(measured.numpy(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("silence", ["estimate", "reference", "opposite channels"])
def test_one_silent_source_makes_its_frame_nan_for_all_as_in_museval(song, silence):
    rate = song[2]
    estimate, reference = (audio[..., : 3 * rate].copy() for audio in song[:2])
    second = slice(rate, 2 * rate)
    if silence == "estimate":
        estimate[1, :, second] = 0
    elif silence == "reference":
        reference[0, :, second] = 0
    else:  # museval adds the channels up before it asks whether there is anything
        estimate[0, 1, second] = -estimate[0, 0, second]
    measured = frame_sdr(torch.from_numpy(estimate), torch.from_numpy(reference), rate).numpy()
    assert np.isnan(measured[:, 1]).all()
    assert not np.isnan(measured[:, [0, 2]]).any()
    np.testing.assert_allclose(measured, museval_sdr(estimate, reference, rate), rtol=0, atol=1e-6)


@given(num_samples=st.integers(1, 60), window=st.integers(1, 20), hop=st.integers(1, 20))
def test_as_many_frames_as_museval_makes(num_samples, window, hop):
    audio = torch.ones(2, 1, num_samples)
    frames = list(Framing(window, hop, num_samples))
    # at 1 Hz a second is a sample. The estimate's error tells the frames apart
    estimate = audio * torch.arange(2.0, num_samples + 2)
    measured = frame_sdr(estimate, audio, 1, window_seconds=window, hop_seconds=hop)
    expected = [10 * math.log10(1 / float((estimate - audio)[0, 0, cut].square().mean())) for cut in frames]
    assert measured.shape == (2, len(frames))
    np.testing.assert_allclose(measured[0], expected)


def test_perfect_estimate_is_infinite_and_silence_has_no_number():
    audio = torch.ones(2, 2, 8)
    assert frame_sdr(audio, audio, 4).tolist() == [[math.inf] * 2] * 2
    assert usdr(audio, audio).tolist() == [math.inf] * 2
    reference = torch.stack([torch.zeros(2, 8), torch.ones(2, 8)])
    assert usdr(audio / 2, reference).isnan().tolist() == [True, False]
    assert csdr(audio / 2, reference, 4).isnan().all()
    assert usdr(torch.zeros(2, 2, 8), audio).tolist() == [0.0, 0.0]  # an estimate of nothing is as far off as the music


def test_batches_and_long_sums():
    generator = torch.Generator().manual_seed(0)
    reference = torch.randn(3, 2, 2, 40, generator=generator)
    estimate = reference + 0.1 * torch.randn(3, 2, 2, 40, generator=generator)
    one = torch.stack([frame_sdr(*pair, 10) for pair in zip(estimate, reference, strict=True)])
    assert torch.equal(frame_sdr(estimate, reference, 10), one)
    # 2^21 + 3 equal samples, error a tenth: 20 dB to the last digits, which a float32 sum would not hold
    long = torch.full((2, 1, 2**21 + 3), 0.5)
    torch.testing.assert_close(usdr(long * 0.9, long), torch.full((2,), 20.0, dtype=torch.float64), atol=1e-5, rtol=0)


@given(st.lists(st.one_of(st.just(math.nan), st.floats(-100, 100)), min_size=1, max_size=9))
def test_median_is_numpys(values):
    numbers = [value for value in values if not math.isnan(value)]
    expected = np.median(numbers) if numbers else math.nan
    measured = float(median_of_numbers(torch.tensor(values, dtype=torch.float64)))
    assert measured == pytest.approx(expected, nan_ok=True)


def test_refuses_what_it_cannot_measure():
    with pytest.raises(AudioError, match="no samples"):
        usdr(torch.ones(2, 1, 0), torch.ones(2, 1, 0))
    with pytest.raises(ValueError, match=r"estimate \(2, 1, 3\), reference \(2, 1, 4\)"):
        frame_sdr(torch.ones(2, 1, 3), torch.ones(2, 1, 4), 1)
    with pytest.raises(ValueError, match="shorter than one sample"):
        frame_sdr(torch.ones(2, 1, 4), torch.ones(2, 1, 4), 10, hop_seconds=0.01)
