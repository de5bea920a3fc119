"""Choosing an ensemble's members and their weights, from the products of each validation song."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from dssgan.ensembling.products import SongProducts
from dssgan.errors import DataError

_PICKS_A_MEMBER = 3  # repeating a member is how the average gets weights
_RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_USUAL_RIDGE = 0.1
_SONGS_FOR_RIDGE = 3  # fewer do not determine a ridge
_SILENCE = 1e-6  # energy of a source in a band


def monitored_source(songs: Sequence[SongProducts]) -> int:
    """Find the source that choices go by: the first that sounds in any song.

    Raises:
        DataError: all are silent in all songs.
    """
    for source in range(songs[0].num_sources):
        if any(song.energy[source] > 0 for song in songs):
            return source
    raise DataError("every source of every validation song is silent, so nothing can be scored; choose other songs")


def usdr_of(songs: Sequence[SongProducts], weights: Tensor, source: int) -> float:
    """Score a weighted sum with mixture consistency: mean over the songs of one source's uSDR.

    Bands are those of a spectrogram, whose edges overlap by a few bins, so weights that differ between bands are scored
    to some hundredths of a decibel; equal ones exactly.

    Args:
        songs: products of songs, all with the same candidates.
        weights: what each candidate counts, (sources, candidates, bands).
        source: number of the source.

    Returns:
        dB; songs in which the source is silent do not count.
    """
    scores = []
    for song in songs:
        if song.energy[source] <= 0:
            continue
        error = sum(
            float(row @ gram @ row)
            for row, gram in zip(_error_rows(song, weights, source), song.gram, strict=True)
        )  # fmt: skip
        scores.append(10 * np.log10(float(song.energy[source]) / max(error, 1e-30)))
    return float(np.mean(scores))


def score_alone(songs: Sequence[SongProducts], candidate: int, source: int) -> float:
    """Score one candidate as `dssgan separate` runs it: mean over the songs of one source's uSDR.

    Args:
        songs: products of songs, as `song_products` returns them.
        candidate: its number.
        source: number of the source.

    Returns:
        dB; songs in which the source is silent do not count.
    """
    scores = [
        10 * torch.log10(song.energy[source] / song.error[candidate, source])
        for song in songs
        if song.energy[source] > 0
    ]
    return float(torch.stack(scores).mean())


def band_sdr_of(songs: Sequence[SongProducts], weights: Tensor, source: int) -> Tensor:
    """Score a weighted sum with mixture consistency in each band: mean over the songs of one source's SDR there.

    Args:
        songs: products of songs, all with the same candidates.
        weights: what each candidate counts, (sources, candidates, bands).
        source: number of the source.

    Returns:
        dB, (bands,); songs in which the source is silent in a band do not count there; NaN where all are.
    """
    scores = []
    for song in songs:
        rows = _error_rows(song, weights, source)
        error = torch.einsum("bi,bij,bj->b", rows, song.gram, rows)
        index = song.num_candidates * song.num_sources + source
        energy = song.gram[:, index, index]
        sdr = 10 * torch.log10(energy / error.clamp_min(1e-30))
        scores.append(torch.where(energy > _SILENCE, sdr, torch.nan))
    return torch.stack(scores).nanmean(dim=0)


def _error_rows(song: SongProducts, weights: Tensor, source: int) -> Tensor:
    """Return a source's error as a sum of the song's signals, (bands, signals)."""
    transform, offset = _error_map(song.num_sources, song.num_candidates, source)
    flat = weights.double().permute(2, 1, 0).flatten(1)  # (bands, candidates * sources)
    return flat @ transform.T + offset


def _error_map(num_sources: int, num_candidates: int, source: int) -> tuple[Tensor, Tensor]:
    """Return how a source's error depends on the weights: transform @ weights + offset, in terms of the signals.

    With a_s the weighted sum for source s and x the mix, consistency gives a_s + (x - sum of all a) / S.

    Returns:
        (signals, candidates * sources) and (signals,).
    """
    count = num_candidates * num_sources
    transform = torch.zeros(count + num_sources + 1, count, dtype=torch.float64)
    owner = torch.arange(count) % num_sources
    transform[torch.arange(count), torch.arange(count)] = (owner == source).double() - 1 / num_sources
    offset = torch.zeros(count + num_sources + 1, dtype=torch.float64)
    offset[count + source], offset[-1] = -1.0, 1 / num_sources
    return transform, offset


def average_weights(picks: Sequence[int], song: SongProducts) -> Tensor:
    """Return the weights of an average in which a candidate counts as often as it was picked."""
    share = torch.zeros(song.num_candidates, dtype=torch.float64)
    for index, count in Counter(picks).items():
        share[index] = count / len(picks)
    return share[None, :, None].expand(song.num_sources, -1, len(song.gram))


def choose_members(songs: Sequence[SongProducts], max_members: int, *, min_members: int = 1) -> tuple[list[int], float]:
    """Pick candidates greedily: each time the one whose addition raises the average's score most.

    Source: Caruana et al., "Ensemble selection from libraries of models", ICML 2004, sections 2 and 2.1, with
    replacement: a candidate that is picked twice counts twice in the average.

    Args:
        songs: products of songs, as `song_products` returns them.
        max_members: how many different ones at most.
        min_members: how many different ones at least, where there are so many: weights per band may find use for a
            member that the average has none for.

    Returns:
        Indices of the candidates in the order they were picked, and the average's score in dB.
    """
    source = monitored_source(songs)
    everyone = range(songs[0].num_candidates)
    min_members = min(min_members, max_members, len(everyone))
    picks: list[int] = []
    best = -float("inf")
    while len(picks) < _PICKS_A_MEMBER * max_members:
        members = set(picks)
        must_add = len(members) < min_members
        allowed = [
            index
            for index in everyone
            if (index not in members if must_add else index in members or len(members) < max_members)
        ]
        scores = {index: usdr_of(songs, average_weights([*picks, index], songs[0]), source) for index in allowed}
        index = max(scores, key=lambda key: scores[key])
        if not must_add and scores[index] <= best:
            break
        picks.append(index)
        best = scores[index]
    return picks, best


@dataclass(frozen=True)
class MemberChoice:
    """Members chosen from the candidates, and their weights.

    Args:
        members: numbers of the candidates chosen, in the order they were picked.
        average: weights of their average, (sources, candidates, bands); 0 for all others.
        fitted: fitted weights, likewise.
    """

    members: tuple[int, ...]
    average: Tensor
    fitted: Tensor


def choose(songs: Sequence[SongProducts], max_members: int, *, min_members: int) -> MemberChoice:
    """Choose members, and fit their weights with the ridge that suits songs it was not fitted on.

    Args:
        songs: products of songs, as `song_products` returns them.
        max_members: how many different ones at most.
        min_members: see `choose_members`.
    """
    picks, _ = choose_members(songs, max_members, min_members=min_members)
    members = tuple(dict.fromkeys(picks))
    of_members = [song.of(members) for song in songs]
    average = average_weights([members.index(pick) for pick in picks], of_members[0])
    fitted = fit_weights(of_members, average, ridge=_choose_ridge(of_members, average))

    def among_all(weights: Tensor) -> Tensor:
        full = torch.zeros(weights.shape[0], songs[0].num_candidates, weights.shape[2], dtype=torch.float64)
        full[:, list(members)] = weights.double()
        return full

    return MemberChoice(members, among_all(average), among_all(fitted))


def leave_one_out(songs: Sequence[SongProducts], max_members: int, *, min_members: int) -> tuple[float, float] | None:
    """Score the average and the fitted weights on songs that neither members nor weights were chosen on.

    Args:
        songs: products of songs, as `song_products` returns them.
        max_members: as for `choose`.
        min_members: likewise.

    Returns:
        Mean uSDR of each over the songs, each left out in turn, dB; None where there are fewer than two.
    """
    source = monitored_source(songs)
    scores = []
    for number, song in enumerate(songs):
        others = [*songs[:number], *songs[number + 1 :]]
        if song.energy[source] <= 0 or not any(other.energy[source] > 0 for other in others):
            continue
        found = choose(others, max_members, min_members=min_members)
        scores.append([usdr_of([song], weights, source) for weights in (found.average, found.fitted)])
    if not scores:
        return None
    average, fitted = np.mean(scores, axis=0)
    return float(average), float(fitted)


def _choose_ridge(songs: Sequence[SongProducts], prior: Tensor) -> float:
    source = monitored_source(songs)
    scored = [number for number, song in enumerate(songs) if song.energy[source] > 0]
    if len(scored) < _SONGS_FOR_RIDGE:
        return _USUAL_RIDGE

    def left_out(ridge: float) -> float:
        return float(np.mean([
            usdr_of([songs[number]], fit_weights([*songs[:number], *songs[number + 1 :]], prior, ridge=ridge), source)
            for number in scored
        ]))  # fmt: skip

    return max(_RIDGES, key=left_out)


def fit_weights(songs: Sequence[SongProducts], prior: Tensor, *, ridge: float = _USUAL_RIDGE) -> Tensor:
    """Fit each candidate's weight in each band by non-negative ridge regression on the sources.

    For one band, with w the weights of all candidates' estimates of all sources and e_s(w) the error of source s after
    mixture consistency, minimise over w >= 0

        sum_s |e_s(w)|^2 / |s|^2 + r trace(A) / n |w - w_0|^2

    where A is the first term's matrix, n its size and w_0 the weights of the average. A band with little to go by keeps
    these. Every song and source counts alike. Source: Breiman, "Stacked regressions", 1996.

    Args:
        songs: products of the members alone.
        prior: w_0, (sources, candidates, bands).
        ridge: r.

    Returns:
        Weights, (sources, candidates, bands).
    """
    first = songs[0]
    num_sources, num_candidates, num_bands = first.num_sources, first.num_candidates, len(first.gram)
    maps = [_error_map(num_sources, num_candidates, source) for source in range(num_sources)]
    count = num_candidates * num_sources
    weights = prior.double().clone()
    for band in range(num_bands):
        matrix = torch.zeros(count, count, dtype=torch.float64)
        target = torch.zeros(count, dtype=torch.float64)
        for song in songs:
            gram = song.gram[band]
            for source, (transform, offset) in enumerate(maps):
                energy = gram[count + source, count + source]
                if energy <= _SILENCE:
                    continue  # silence says nothing about the weights
                matrix += transform.T @ gram @ transform / energy
                target -= transform.T @ gram @ offset / energy
        scale = matrix.trace() / count
        if scale <= 0:
            continue  # this band is silent: the average stays
        pull = max(ridge, 1e-9) * scale  # a trace of ridge parts members that are the same
        before = prior[..., band].double().T.flatten()  # candidate by candidate
        # |L^T w - L^-1 c|^2 has the same minimum as w^T A w - 2 c^T w where A = L L^T
        lower = np.linalg.cholesky((matrix + pull * torch.eye(count)).numpy())
        found = nnls(lower.T, np.linalg.solve(lower, (target + pull * before).numpy()))[0]
        weights[..., band] = torch.from_numpy(found).reshape(num_candidates, num_sources).T
    return weights.float()
