"""What is made of candidates: weights against numbers worked out by hand, and steps that prove themselves."""

import numpy as np
import pytest
import torch
from ensembling.made_songs import direct_usdr, even, noise, song

from dssgan.ensembling import fitting
from dssgan.ensembling.fitting import BEST, FittingSongs, Plan, decide, leave_one_out, make
from dssgan.ensembling.product_scores import usdr_of
from dssgan.ensembling.products import SongProducts
from dssgan.metrics.scale_invariant import scale_invariant
from dssgan.separators.consistency import mixture_consistency

AVERAGE, FITTED = Plan("average", 2), Plan("fitted", 2)


def names(songs: list[SongProducts]) -> list[str]:
    return [f"song {number}" for number in range(len(songs))]


def apart(songs: list[SongProducts]) -> FittingSongs:
    return FittingSongs(songs, names(songs))


def fit(songs: list[SongProducts], ridge: float) -> torch.Tensor:
    together = apart(songs)
    everyone = range(songs[0].num_candidates)
    return torch.from_numpy(together.fit(list(everyone), together.average(list(everyone)), ridge)).float()


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


def test_a_silent_band_keeps_the_average() -> None:
    reference = noise(0, 2, 1, 44100)
    together = apart([song([reference, 0.5 * reference], reference, (0.0, 8000.0))])
    together._songs[0].normal[1] = 0
    together._songs[0].pull[1] = 0
    weights = together.fit([0, 1], together.average([0, 1]), 0.01)
    np.testing.assert_allclose(weights[..., 1], 0.5)
    assert weights[0, 0, 0] > 0.6


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


def test_greedy_choice_takes_the_best_then_what_helps() -> None:
    reference = noise(0, 2, 1, 44100)
    error = [noise(seed, 2, 1, 44100) for seed in range(1, 4)]
    estimates = [reference + 0.5 * error[0], reference + 0.4 * error[1], reference + 5 * error[2]]
    songs = [song(estimates, reference)]
    picks = apart(songs).greedy(3)
    # two independent errors average out, the smaller one counting more; the third would spoil them
    assert picks[:2] == [1, 0]
    assert set(picks) == {0, 1}
    assert picks.count(1) > picks.count(0)
    average = torch.stack([estimates[pick] for pick in picks]).mean(dim=0)
    weights = torch.from_numpy(make(apart(songs), Plan("average", 3)))
    assert usdr_of(songs, weights, 0) == pytest.approx(direct_usdr(average, reference), abs=1e-4)
    assert apart(songs).greedy(1) == [1]
    assert apart(songs).best_candidate() == 1


def test_scores_of_weights_are_those_of_their_sums() -> None:
    reference = noise(0, 2, 2, 66150)
    estimates = [reference + factor * noise(seed, 2, 2, 66150) for seed, factor in ((1, 0.3), (2, 0.6))]
    songs = [song(estimates, reference, (0.0, 1000.0))]
    together = apart(songs)
    for picks in ([0], [1], [0, 0, 1]):
        weights = together.average(picks)
        summed = torch.stack([estimates[pick] for pick in picks]).mean(dim=0)
        consistent = mixture_consistency(summed, reference.sum(dim=0))
        by_hand = scale_invariant(consistent.numpy(), reference.numpy())["si_sar"][0]
        assert together.usdr(weights)[0] == pytest.approx(direct_usdr(summed, reference), abs=1e-3)
        assert together.si_sar(weights)[0] == pytest.approx(by_hand, abs=0.02)
        torch.testing.assert_close(torch.from_numpy(weights), even(picks, songs[0]))


def different_songs(level: float = 1.0, count: int = 4) -> list[SongProducts]:
    """Songs of which each prefers other weights, so that every song that is fitted on shows in the scores."""
    songs = []
    for number in range(count):
        factors = ((0.2, 0.8), (0.8, 0.2), (0.4, 0.5), (0.6, 0.3))[number % 4]
        reference = noise(10 * number, 2, 1, 44100)
        estimates = [
            reference + factor * noise(10 * number + index, 2, 1, 44100) for index, factor in enumerate(factors, 1)
        ]
        songs.append(song([level * estimate for estimate in estimates], level * reference))
    return songs


@pytest.mark.parametrize("plan", [BEST, AVERAGE, FITTED])
def test_a_song_that_is_left_out_changes_nothing_of_what_is_chosen_or_fitted(plan: Plan) -> None:
    songs = different_songs()
    usdr, si_sar = leave_one_out(apart(songs), plan)
    for number in range(4):
        others = [one for index, one in enumerate(songs) if index != number]
        weights = torch.from_numpy(make(apart(others), plan))
        assert usdr[number] == pytest.approx(usdr_of([songs[number]], weights, 0), abs=1e-6)
    assert np.isfinite(si_sar).all()


def test_songs_of_a_group_are_left_out_together_and_count_as_one() -> None:
    songs = different_songs()
    groups = ["a record", "a record", "b", "c"]
    usdr, _ = leave_one_out(FittingSongs(songs, groups), AVERAGE)
    assert usdr.shape == (3,)
    weights = torch.from_numpy(make(apart(songs[2:]), AVERAGE))
    both = [usdr_of([one], weights, 0) for one in songs[:2]]
    assert usdr[0] == pytest.approx(np.mean(both), abs=1e-6)
    # a song that is there three times, as a group, counts as it does alone
    repeated = FittingSongs([*songs[:1] * 3, *songs[2:]], ["a", "a", "a", "b", "c"])
    once = FittingSongs([songs[0], *songs[2:]], ["a", "b", "c"])
    np.testing.assert_allclose(make(repeated, FITTED), make(once, FITTED), atol=1e-9)


def test_soft_songs_count_as_loud_ones_do() -> None:
    loud, soft = different_songs(), different_songs(1e-3)
    assert 0 < soft[0].energy[0] < 1e-2
    np.testing.assert_allclose(make(apart(soft), FITTED), make(apart(loud), FITTED), atol=1e-4)


def test_two_that_err_independently_are_averaged() -> None:
    songs = []
    for number in range(5):
        reference = noise(10 * number, 2, 1, 44100)
        songs.append(song([reference + 0.5 * noise(10 * number + index, 2, 1, 44100) for index in (1, 2)], reference))
    decision = decide(songs, names(songs), 2)
    assert decision.steps[:2] == (BEST, AVERAGE)
    assert decision.left_out is not None
    assert decision.left_out[1].mean() - decision.left_out[0].mean() == pytest.approx(3.0, abs=0.2)  # half the power
    assert decision.num_groups == 5


def test_a_member_that_does_not_help_others_is_not_taken() -> None:
    """The second candidate is better on one song of five and much worse on the others."""
    songs = []
    for number in range(5):
        reference = noise(10 * number, 2, 1, 44100)
        factors = (0.5, 0.1) if number == 0 else (0.5, 2.0)
        estimates = [
            reference + factor * noise(10 * number + index, 2, 1, 44100) for index, factor in enumerate(factors, 1)
        ]
        songs.append(song(estimates, reference))
    decision = decide(songs, names(songs), 2)
    assert AVERAGE not in decision.steps
    torch.testing.assert_close(decision.weights[0][0, :, 0], torch.tensor([1.0, 0.0], dtype=torch.float64))
    assert decision.weights[-1][:, 1].max() < 0.1


def test_what_suits_one_song_alone_is_seen_through() -> None:
    """Half as loud as the truth in two songs and twice as loud in two: no weight suits a song by what others say."""
    songs = []
    for number, level in enumerate((0.5, 0.5, 2.0, 2.0)):
        reference = noise(number, 2, 1, 44100)
        estimates = [level * reference + 0.1 * noise(number + 5 * index, 2, 1, 44100) for index in (1, 2)]
        songs.append(song(estimates, reference))
    assert "fitted" not in {plan.kind for plan in decide(songs, names(songs), 2).steps}


def test_weights_that_all_songs_want_are_fitted() -> None:
    songs = []
    for number in range(5):
        reference = noise(number, 2, 1, 44100)
        songs.append(song([reference / 2, reference / 2 + 0.01 * noise(number + 7, 2, 1, 44100)], reference))
    decision = decide(songs, names(songs), 2)
    assert decision.steps[-1] == FITTED
    np.testing.assert_allclose(decision.weights[-1].sum(dim=1).numpy(), 2, atol=0.1)


def test_a_gain_that_costs_artefacts_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    songs = different_songs(count=8)
    scores = {BEST: (np.full(8, 5.0), np.full(8, 12.0)), AVERAGE: (np.full(8, 6.0), np.full(8, 11.6)),
              FITTED: (np.full(8, 6.0), np.full(8, 11.8))}  # fmt: skip
    monkeypatch.setattr(fitting, "leave_one_out", lambda _songs, plan: scores[plan])
    assert decide(songs, names(songs), 2).steps == (BEST, FITTED)


def test_a_gain_within_its_standard_error_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    songs = different_songs()
    gain = np.array([1.0, -0.5, 0.9, -0.6])  # 0.2 on average, with a standard error of 0.4
    nothing = np.zeros(4)
    scores = {BEST: (nothing, nothing), AVERAGE: (gain, nothing), FITTED: (gain, nothing)}
    monkeypatch.setattr(fitting, "leave_one_out", lambda _songs, plan: scores[plan])
    assert decide(songs, names(songs), 2).steps == (BEST,)


@pytest.mark.parametrize(("factors", "kind"), [((0.5, 0.5), "average"), ((0.5, 5.0), "best")])
def test_of_few_songs_nothing_is_fitted(factors: tuple[float, float], kind: str) -> None:
    songs = []
    for number in range(4):
        reference = noise(10 * number, 2, 1, 44100)
        songs.append(song([reference + factor * noise(10 * number + index, 2, 1, 44100)
                           for index, factor in enumerate(factors, 1)], reference))  # fmt: skip
    decision = decide(songs, ["one", "one", "two", "two"], 2)
    assert decision.steps[-1].kind == kind
    assert decision.left_out is None
    assert decision.num_groups == 2


def test_the_ridge_is_chosen_on_songs_that_were_not_fitted() -> None:
    # what is best differs from song to song by chance alone
    generator = torch.Generator().manual_seed(0)
    songs = []
    for seed in (0, 100, 200):
        reference = noise(seed, 2, 1, 8000)
        sizes = (1 + 1.2 * (torch.rand(5, generator=generator) - 0.5)).tolist()
        songs.append(song([reference + size * noise(seed + number, 2, 1, 8000)
                           for number, size in enumerate(sizes, 1)], reference))  # fmt: skip
    together = apart(songs)
    everyone = list(range(5))
    targets = {share: together.average(everyone) for share in fitting._SHARES}
    within = {ridge: together.usdr(together.fit(everyone, targets[1.0], ridge)).mean() for ridge in fitting._RIDGES}
    assert max(within, key=lambda ridge: within[ridge]) == min(fitting._RIDGES)  # on its own songs the loosest wins
    assert fitting._choose_ridge(together, everyone, targets)[0] > min(fitting._RIDGES)
