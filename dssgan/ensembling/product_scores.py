"""Scores of candidates and of their weighted sums, from the products of each validation song."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dssgan.ensembling.products import SongProducts
from dssgan.errors import DataError
from dssgan.metrics.catalogue import MEAN
from dssgan.types import DRUMS

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


def judged_sources(songs: Sequence[SongProducts], names: Sequence[str]) -> tuple[int, ...]:
    """Find the sources whose mean choices go by: the drums, and where no source is called that, all that sound.

    Args:
        songs: products of songs, all with the same candidates.
        names: names of the sources.

    Raises:
        DataError: all are silent in all songs.
    """
    first = monitored_source(songs)
    if DRUMS in names:
        return (first,)
    return tuple(source for source in range(len(names)) if any(song.energy[source] > 0 for song in songs))


def scored_name(sources: Sequence[int], names: Sequence[str]) -> str:
    """Return what scores of some sources are of: the one, or the mean of all."""
    return names[sources[0]] if len(sources) == 1 else MEAN


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


def mean_alone(songs: Sequence[SongProducts], candidate: int, sources: Sequence[int]) -> float:
    """Return the mean of `score_alone` over those of some sources that sound in any of the songs."""
    sounding = [source for source in sources if any(song.energy[source] > 0 for song in songs)]
    return float(np.mean([score_alone(songs, candidate, source) for source in sounding]))


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
    transform, offset = error_map(song.num_sources, song.num_candidates, source)
    flat = weights.double().permute(2, 1, 0).flatten(1)  # (bands, candidates * sources)
    return flat @ transform.T + offset


def error_map(num_sources: int, num_candidates: int, source: int) -> tuple[Tensor, Tensor]:
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
