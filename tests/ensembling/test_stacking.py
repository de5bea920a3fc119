"""Weights against numbers worked out by hand."""

import pytest
import torch

from dssgan.ensembling import stacking
from dssgan.ensembling.products import SongProducts, products_of_estimates
from dssgan.ensembling.stacking import (
    average_weights,
    band_sdr_of,
    choose,
    choose_members,
    fit_weights,
    leave_one_out,
    score_alone,
    usdr_of,
)  # fmt: skip
from dssgan.errors import DataError
from dssgan.metrics.sdr import usdr
from dssgan.separators.consistency import mixture_consistency


def noise(seed: int, *shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def song(estimates: list[torch.Tensor], reference: torch.Tensor, edges_hz: tuple[float, ...] = (0.0,)) -> SongProducts:
    mix = reference.sum(dim=0)
    return products_of_estimates(torch.stack(estimates).numpy(), mix.numpy(), reference.numpy(), edges_hz, 44100)


def fit(songs: list[SongProducts], ridge: float) -> torch.Tensor:
    return fit_weights(songs, average_weights(range(songs[0].num_candidates), songs[0]), ridge=ridge)


def direct_usdr(estimates: torch.Tensor, reference: torch.Tensor) -> float:
    consistent = mixture_consistency(estimates, reference.sum(dim=0))
    return float(usdr(consistent, reference)[0])


def test_scores_from_products_are_those_of_the_stems() -> None:
    reference = noise(0, 2, 2, 600_000)  # several blocks, and a part of one
    estimates = [reference + factor * noise(seed, 2, 2, 600_000) for seed, factor in ((1, 0.3), (2, 0.6))]
    products = song(estimates, reference, (0.0, 1000.0))
    for picks in ([0], [1], [0, 1], [0, 0, 1]):
        expected = direct_usdr(torch.stack([estimates[pick] for pick in picks]).mean(dim=0), reference)
        assert usdr_of([products], average_weights(picks, products), 0) == pytest.approx(expected, abs=1e-4)
    for index, estimate in enumerate(estimates):
        exact = 10 * torch.log10(products.energy[0] / products.error[index, 0])
        assert float(exact) == pytest.approx(direct_usdr(estimate, reference), abs=1e-4)


def test_each_band_is_scored_by_itself() -> None:
    spectrum = torch.fft.rfft(noise(0, 2, 1, 88200))
    frequencies = torch.fft.rfftfreq(88200, 1 / 44100)
    low = torch.fft.irfft(spectrum * (frequencies < 1000), 88200)
    high = torch.fft.irfft(spectrum * (frequencies >= 1100), 88200)
    # 10 % too much in the lows and half of the highs: errors of -20 and -6 dB. Two independent sources share their
    # errors by consistency: half the energy of both stays in each, for noise of equal energy that is no change
    products = song([1.1 * low + 0.5 * high], low + high, (0.0, 1050.0))
    bands = band_sdr_of([products], average_weights([0], products), 0)
    expected = [direct_usdr(1.1 * low, low), direct_usdr(0.5 * high, high)]
    torch.testing.assert_close(bands, torch.tensor(expected, dtype=torch.float64), atol=0.2, rtol=0)
    assert expected == pytest.approx([23.0, 9.0], abs=0.5)
    silent = song([low], torch.zeros_like(low))
    assert band_sdr_of([silent], average_weights([0], silent), 0).isnan().all()


def test_a_scaled_truth_gets_the_scale_back() -> None:
    # one member, half as loud as the truth: without a ridge its weight is 2
    reference = noise(0, 2, 1, 44100)
    weights = fit([song([reference / 2], reference, (0.0, 1000.0))], ridge=0.0)
    torch.testing.assert_close(weights, torch.full((2, 1, 2), 2.0), atol=1e-3, rtol=0)
    # with weights v and w, consistency leaves the error (v/4 - 1/2) d - (w/4 - 1/2) o in the drums d, and the opposite
    # in the rest o; both of energy 1 and independent: (v - 2)^2/8 + (w - 2)^2/8, to which the ridge r adds
    # r/8 (v - 1)^2 + r/8 (w - 1)^2, so the minimum is at (2 + r) / (1 + r)
    weights = fit([song([reference / 2], reference)], ridge=1.0)
    torch.testing.assert_close(weights, torch.full((2, 1, 1), 1.5), atol=1e-2, rtol=0)


def test_the_truth_beats_noise_and_no_weight_is_negative() -> None:
    reference = noise(0, 2, 1, 44100)
    weights = fit([song([reference, -reference], reference)], ridge=0.01)
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
    weights = fit([song(estimates, reference, (0.0, 1000.0))], ridge=0.01)
    assert weights[0, 0, 0] > 0.9 > 0.1 > weights[0, 1, 0]
    assert weights[0, 1, 1] > 0.9


def test_silence_keeps_the_average() -> None:
    reference = torch.zeros(2, 1, 20000)
    weights = fit([song([reference, reference], reference)], ridge=0.1)
    torch.testing.assert_close(weights, torch.full((2, 2, 1), 0.5))


def test_greedy_choice_takes_the_best_then_what_helps() -> None:
    reference = noise(0, 2, 1, 44100)
    error = [noise(seed, 2, 1, 44100) for seed in range(1, 4)]
    estimates = [reference + 0.5 * error[0], reference + 0.4 * error[1], reference + 5 * error[2]]
    songs = [song(estimates, reference)]
    picks, score = choose_members(songs, max_members=3)
    # two independent errors average out, the smaller one counting more; the third would spoil them
    assert picks[:2] == [1, 0]
    assert set(picks) == {0, 1}
    assert picks.count(1) > picks.count(0)
    average = torch.stack([estimates[pick] for pick in picks]).mean(dim=0)
    assert score == pytest.approx(direct_usdr(average, reference), abs=1e-4)
    assert set(choose_members(songs, max_members=1)[0]) == {1}
    assert set(choose_members(songs, max_members=9, min_members=3)[0]) == {0, 1, 2}


def test_a_candidate_alone_is_scored_on_every_song_with_sound_however_soft() -> None:
    def of(energy: float, error: float) -> SongProducts:
        return SongProducts(torch.zeros(1, 3, 3), torch.tensor([[error]]), torch.tensor([energy]))

    # 20 dB on a loud song, 10 dB on a soft one, and a silent one that does not count
    assert score_alone([of(100.0, 1.0), of(1e-3, 1e-4), of(0.0, 1e-4)], 0, 0) == pytest.approx(15.0, abs=1e-4)


def test_subsets_are_those_of_the_candidates_alone() -> None:
    reference = noise(0, 2, 1, 44100)
    estimates = [reference + noise(seed, 2, 1, 44100) for seed in range(1, 4)]
    part, alone = song(estimates, reference).of([2, 0]), song([estimates[2], estimates[0]], reference)
    torch.testing.assert_close(part.gram, alone.gram, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(part.error, alone.error)


def test_silence_alone_is_refused() -> None:
    with pytest.raises(DataError, match="silent"):
        choose_members([song([noise(0, 2, 1, 9000)], torch.zeros(2, 1, 9000))], 1)


def different_songs(level: float = 1.0) -> list[SongProducts]:
    """Songs of which each prefers other weights, so that every song that is fitted on shows in the scores."""
    songs = []
    for seed, factors in ((0, (0.2, 0.8)), (10, (0.8, 0.2)), (20, (0.4, 0.5))):
        reference = noise(seed, 2, 1, 44100)
        estimates = [reference + factor * noise(seed + number, 2, 1, 44100) for number, factor in enumerate(factors, 1)]
        songs.append(song([level * estimate for estimate in estimates], level * reference))
    return songs


def test_a_song_that_is_left_out_changes_nothing_of_what_is_fitted() -> None:
    songs = different_songs()
    scores = leave_one_out(songs, 2, min_members=2)
    assert scores is not None
    expected = []
    for number in range(3):
        others = [other for index, other in enumerate(songs) if index != number]
        found = choose(others, 2, min_members=2)
        expected.append([usdr_of([songs[number]], weights, 0) for weights in (found.average, found.fitted)])
    assert scores == pytest.approx(torch.tensor(expected).mean(dim=0).tolist(), abs=1e-4)
    assert leave_one_out(songs[:1], 2, min_members=2) is None


def test_soft_songs_count_as_loud_ones_do() -> None:
    loud, soft = different_songs(), different_songs(1e-3)
    assert 0 < soft[0].energy[0] < 1e-2
    assert leave_one_out(soft, 2, min_members=2) == pytest.approx(leave_one_out(loud, 2, min_members=2), abs=1e-3)
    torch.testing.assert_close(
        choose(soft, 2, min_members=2).fitted, choose(loud, 2, min_members=2).fitted, atol=1e-4, rtol=0
    )


def test_what_suits_one_song_alone_is_seen_through() -> None:
    """Half as loud as the truth in two songs and twice as loud in one: no weight suits a song by what others say."""
    songs = []
    for number, level in enumerate((0.5, 0.5, 2.0)):
        reference = noise(number, 2, 1, 44100)
        songs.append(song([level * reference + 0.1 * noise(number + 5, 2, 1, 44100)], reference))
    fitted = choose(songs, 1, min_members=1).fitted
    left_out = leave_one_out(songs, 1, min_members=1)
    assert left_out is not None
    assert usdr_of(songs, fitted, 0) > left_out[1] + 0.5


def test_the_ridge_follows_the_songs() -> None:
    # where all songs want weights of 2, what pulls towards 1 is wrong
    songs = []
    for number in range(4):
        reference = noise(number, 2, 1, 44100)
        songs.append(song([reference / 2], reference))
    fitted = choose(songs, 1, min_members=1).fitted
    torch.testing.assert_close(fitted, torch.full((2, 1, 1), 2.0, dtype=torch.float64), atol=0.03, rtol=0)


def test_who_is_not_chosen_has_no_weight() -> None:
    reference = noise(0, 2, 1, 44100)
    found = choose([song([reference, noise(9, 2, 1, 44100), 0.9 * reference], reference)], 2, min_members=2)
    assert set(found.members) == {0, 2}
    assert not found.fitted[:, 1].any()
    assert not found.average[:, 1].any()


def test_a_loud_song_counts_no_more_than_a_soft_one() -> None:
    # the first candidate is right on one song and the second on the other, 40 dB softer: each half as good as the other
    songs = []
    for seed, level in ((0, 1.0), (10, 0.01)):
        reference = noise(seed, 2, 1, 44100)
        right, wrong = reference + 0.1 * noise(seed + 1, 2, 1, 44100), reference + noise(seed + 2, 2, 1, 44100)
        estimates = [right, wrong] if seed == 0 else [wrong, right]
        songs.append(song([level * estimate for estimate in estimates], level * reference))
    weights = fit(songs, ridge=1e-6)[0, :, 0]
    assert float(weights[0] - weights[1]) == pytest.approx(0, abs=0.05)


def test_the_ridge_is_chosen_on_songs_that_were_not_fitted() -> None:
    # what is best differs from song to song by chance alone
    generator = torch.Generator().manual_seed(0)
    songs = []
    for seed in (0, 100, 200):
        reference = noise(seed, 2, 1, 8000)
        sizes = (1 + 1.2 * (torch.rand(5, generator=generator) - 0.5)).tolist()
        songs.append(song([reference + size * noise(seed + number, 2, 1, 8000)
                           for number, size in enumerate(sizes, 1)], reference))  # fmt: skip
    prior = average_weights(range(5), songs[0])
    within = {ridge: usdr_of(songs, fit_weights(songs, prior, ridge=ridge), 0) for ridge in stacking._RIDGES}
    assert max(within, key=lambda ridge: within[ridge]) == min(stacking._RIDGES)  # on its own songs the loosest wins
    assert stacking._choose_ridge(songs, prior) > 10 * min(stacking._RIDGES)
