"""Scores from products against numbers worked out by hand."""

import pytest
import torch
from ensembling.made_songs import direct_usdr, even, noise, song

from dssgan.ensembling.product_scores import band_sdr_of, monitored_source, score_alone, usdr_of
from dssgan.ensembling.products import SongProducts
from dssgan.errors import DataError


def test_scores_from_products_are_those_of_the_stems() -> None:
    reference = noise(0, 2, 2, 600_000)  # several blocks, and a part of one
    estimates = [reference + factor * noise(seed, 2, 2, 600_000) for seed, factor in ((1, 0.3), (2, 0.6))]
    products = song(estimates, reference, (0.0, 1000.0))
    for picks in ([0], [1], [0, 1], [0, 0, 1]):
        expected = direct_usdr(torch.stack([estimates[pick] for pick in picks]).mean(dim=0), reference)
        assert usdr_of([products], even(picks, products), 0) == pytest.approx(expected, abs=1e-4)
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
    bands = band_sdr_of([products], even([0], products), 0)
    expected = [direct_usdr(1.1 * low, low), direct_usdr(0.5 * high, high)]
    torch.testing.assert_close(bands, torch.tensor(expected, dtype=torch.float64), atol=0.2, rtol=0)
    assert expected == pytest.approx([23.0, 9.0], abs=0.5)
    silent = song([low], torch.zeros_like(low))
    assert band_sdr_of([silent], even([0], silent), 0).isnan().all()


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
        monitored_source([song([noise(0, 2, 1, 9000)], torch.zeros(2, 1, 9000))])
