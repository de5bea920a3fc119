"""Weights against numbers worked out by hand."""

import pytest
import torch

from dssgan.ensembling.stacking import TrackEstimates, choose_members, fit_weights, mean_score


def noise(seed: int, *shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def track(estimates: list[torch.Tensor], reference: torch.Tensor) -> TrackEstimates:
    return TrackEstimates("song", reference.sum(dim=0), reference, torch.stack(estimates))


def test_a_scaled_truth_gets_the_scale_back() -> None:
    # one member, half as loud as the truth: without a ridge its weight is 2
    reference = noise(0, 2, 1, 44100)
    weights = fit_weights([track([reference / 2], reference)], [0], (0.0, 1000.0), 44100, ridge=0.0)
    torch.testing.assert_close(weights, torch.full((2, 1, 2), 2.0), atol=1e-3, rtol=0)
    # with the ridge r the minimum of |s - w s/2|^2 + r |s/2|^2 (w - 1)^2 is w = (2 + r) / (1 + r)
    weights = fit_weights([track([reference / 2], reference)], [0], (0.0,), 44100, ridge=1.0)
    torch.testing.assert_close(weights, torch.full((2, 1, 1), 1.5), atol=1e-3, rtol=0)


def test_the_truth_beats_noise_and_no_weight_is_negative() -> None:
    reference = noise(0, 2, 1, 44100)
    weights = fit_weights([track([reference, -reference], reference)], [0, 1], (0.0,), 44100, ridge=0.01)
    assert (weights >= 0).all()
    assert weights[:, 1].max() < 0.01
    torch.testing.assert_close(weights[:, 0], torch.full((2, 1), 1.0), atol=0.05, rtol=0)


def test_each_band_trusts_the_member_that_is_right_there() -> None:
    spectrum = torch.fft.rfft(noise(0, 2, 1, 44100))
    frequencies = torch.fft.rfftfreq(44100, 1 / 44100)
    low = torch.fft.irfft(spectrum * (frequencies < 1000), 44100)
    high = torch.fft.irfft(spectrum * (frequencies >= 1000), 44100)
    wrong = 0.3 * noise(1, 2, 1, 44100)
    wrong_low = torch.fft.irfft(torch.fft.rfft(wrong) * (frequencies < 1000), 44100)
    reference = low + high
    estimates = [low, wrong_low + high]  # the first knows only the lows, the second only the highs
    weights = fit_weights([track(estimates, reference)], [0, 1], (0.0, 1000.0), 44100, ridge=0.01)
    assert weights[0, 0, 0] > 0.9 > 0.1 > weights[0, 1, 0]
    assert weights[0, 1, 1] > 0.9


def test_silence_keeps_the_average() -> None:
    reference = torch.zeros(2, 1, 20000)
    weights = fit_weights([track([reference, reference], reference)], [0, 1], (0.0,), 44100)
    torch.testing.assert_close(weights, torch.full((2, 2, 1), 0.5))


def test_greedy_choice_takes_the_best_then_what_helps() -> None:
    reference = noise(0, 2, 1, 44100)
    error = [noise(seed, 2, 1, 44100) for seed in range(1, 4)]
    tracks = [track([reference + 0.5 * error[0], reference + 0.4 * error[1], reference + 5 * error[2]], reference)]
    chosen, score = choose_members(tracks, max_members=3)
    assert chosen == [1, 0]  # two independent errors average out; the third would spoil them
    assert score == pytest.approx(mean_score(tracks, lambda t: t.estimates[[1, 0]].mean(dim=0)))
    assert choose_members(tracks, max_members=1)[0] == [1]
    assert choose_members(tracks, max_members=9, min_members=3)[0] == [1, 0, 2]
