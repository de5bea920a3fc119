"""Choosing an ensemble's members and their weights on the validation partition."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from dssgan.audio.stft import STFT
from dssgan.data.dataset import Dataset
from dssgan.ensembling.ensemble import HOP_SAMPLES, N_FFT
from dssgan.ensembling.postprocess import bands_of_bins
from dssgan.errors import DataError
from dssgan.inference.overlap_add import separate_array
from dssgan.metrics.sdr import usdr
from dssgan.separators import SeparatorModel


@dataclass(frozen=True)
class TrackEstimates:
    """What every candidate makes of one validation track.

    Args:
        name: of the track.
        mix: (channels, samples).
        reference: (sources, channels, samples).
        estimates: (candidates, sources, channels, samples).
    """

    name: str
    mix: Tensor
    reference: Tensor
    estimates: Tensor


def estimate_tracks(
    candidates: Sequence[SeparatorModel], dataset: Dataset, *, precision: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> list[TrackEstimates]:  # fmt: skip
    """Separate every validation track with every candidate.

    Args:
        candidates: separators of one sample rate, with the same channels and sources.
        dataset: its validation partition is used, and only that.
        precision: of the separators, see `dssgan.inference.device.uses_bf16`.
        progress: called with the separations done and all there are.

    Returns:
        One entry a track.

    Raises:
        DataError: there is no validation track, or a test track is among them.
    """
    if not dataset.valid:
        raise DataError(f"data set {dataset.name} has no validation tracks (valid) to fit an ensemble on: add some")
    dataset.forbid_test(dataset.valid, "fitting an ensemble")
    first, total = candidates[0], len(candidates) * len(dataset.valid)
    tracks: list[TrackEstimates] = []
    for track in dataset.valid:
        mix, reference = track.load(first.sample_rate, first.channels)
        estimates = []
        for candidate in candidates:
            estimates.append(torch.from_numpy(separate_array(candidate, mix, precision=precision)))
            if progress:
                progress(len(tracks) * len(candidates) + len(estimates), total)
        tracks.append(
            TrackEstimates(track.name, torch.from_numpy(mix), torch.from_numpy(reference), torch.stack(estimates))
        )
    return tracks


def mean_score(tracks: Sequence[TrackEstimates], combine: Callable[[TrackEstimates], Tensor]) -> float:
    """Score a way of combining estimates: mean over the tracks of the first source's uSDR.

    Args:
        tracks: from `estimate_tracks`.
        combine: gives (sources, channels, samples) for a track.

    Returns:
        dB; tracks where the first source is silent do not count.
    """
    scores = torch.stack([usdr(combine(track), track.reference)[0] for track in tracks])
    return float(scores.nanmean())


def choose_members(
    tracks: Sequence[TrackEstimates], max_members: int, *, min_members: int = 1
) -> tuple[list[int], float]:
    """Choose candidates greedily: each time the one whose addition raises the plain average's score most.

    Source: Caruana et al., "Ensemble selection from libraries of models", ICML 2004, section 2, without replacement:
    repeating a member is what the weights are for.

    Args:
        tracks: from `estimate_tracks`.
        max_members: how many at most.
        min_members: how many at least, where there are so many: weights per band may find use for a member that the
            plain average has none for.

    Returns:
        Indices of the candidates in the order they were chosen, and the average's score in dB.
    """
    chosen: list[int] = []
    best = -float("inf")
    left = set(range(tracks[0].estimates.shape[0]))
    while left and len(chosen) < max_members:

        def score(index: int) -> float:
            members = [*chosen, index]
            return mean_score(tracks, lambda track: track.estimates[members].mean(dim=0))

        scores = {index: score(index) for index in sorted(left)}
        index = max(scores, key=lambda key: scores[key])
        if len(chosen) >= min_members and scores[index] <= best:
            break
        chosen.append(index)
        left.remove(index)
        best = scores[index]
    return chosen, best


def fit_weights(
    tracks: Sequence[TrackEstimates], members: Sequence[int], edges_hz: tuple[float, ...], sample_rate: int,
    *, ridge: float = 0.1,
) -> Tensor:  # fmt: skip
    """Fit each member's weight in each band by non-negative ridge regression on the sources' spectrograms.

    For one source and band, with the members' estimates as columns E and the source s, minimise over w >= 0

        |s - E w|^2 + r trace(E^H E) / M |w - 1/M|^2

    The ridge pulls towards the plain average, so a band with little to go by keeps it. Every track counts alike: its
    terms are divided by its source's energy in the band. Source: Breiman, "Stacked regressions", 1996.

    Args:
        tracks: from `estimate_tracks`.
        members: indices of the chosen candidates.
        edges_hz: lower edges of the bands, Hz.
        sample_rate: samples per second.
        ridge: r.

    Returns:
        Weights, (sources, members, bands).
    """
    stft = STFT(N_FFT, HOP_SAMPLES)
    band_of_bin = bands_of_bins(edges_hz, N_FFT, sample_rate)
    num_sources, num_members, num_bands = len(tracks[0].reference), len(members), len(edges_hz)
    gram = torch.zeros(num_sources, num_bands, num_members, num_members, dtype=torch.float64)
    match = torch.zeros(num_sources, num_bands, num_members, dtype=torch.float64)
    for track in tracks:
        for source in range(num_sources):
            reference = stft(track.reference[source])  # (C, F, T)
            estimates = stft(track.estimates[list(members), source])  # (M, C, F, T)
            for band in range(num_bands):
                inside = band_of_bin == band
                wanted = torch.view_as_real(reference[:, inside]).flatten().double()
                energy = wanted.square().sum()
                if energy <= 1e-6:
                    continue  # silence says nothing about the weights
                columns = torch.view_as_real(estimates[:, :, inside]).flatten(1).double()  # (M, everything)
                gram[source, band] += columns @ columns.T / energy
                match[source, band] += columns @ wanted / energy
    weights = torch.full((num_sources, num_members, num_bands), 1 / num_members)
    for source in range(num_sources):
        for band in range(num_bands):
            energy = gram[source, band].trace() / num_members
            if energy <= 0:
                continue  # nothing was heard in this band: the average stays
            pull = max(ridge, 1e-9) * energy  # a trace of ridge parts members that are the same
            # |L^T w - L^-1 c|^2 has the same minimum as w^T A w - 2 c^T w where A = L L^T
            lower = np.linalg.cholesky((gram[source, band] + pull * torch.eye(num_members)).numpy())
            target = np.linalg.solve(lower, (match[source, band] + pull / num_members).numpy())
            weights[source, :, band] = torch.from_numpy(nnls(lower.T, target)[0])
    return weights
