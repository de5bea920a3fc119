"""One set of numbers for a separator on many tracks: what validation, tuning and ensembles go by."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from dssgan.errors import DataError, DivergedError
from dssgan.metrics.catalogue import EstimatedSong, score_song
from dssgan.metrics.sdr import csdr, median_of_numbers, usdr
from dssgan.metrics.silence import without_noise
from dssgan.types import Audio


class LoadableTrack(Protocol):
    """What scoring needs of a track: a name, and its mix and sources as arrays."""

    @property
    def name(self) -> str: ...

    def load(self, sample_rate: int | None = None, channels: int | None = None) -> tuple[Audio, Audio]: ...


def summarise(track_csdr: Tensor, track_usdr: Tensor, sources: Sequence[str]) -> dict[str, float]:
    """Reduce the scores of many tracks to one number a source.

    cSDR is the median over tracks (SiSEC), uSDR the mean (MDX). A track in which a source has no score is left out of
    that source's number and counted, so that a score over few tracks cannot pass for one over all.

    Args:
        track_csdr: dB, (tracks, sources).
        track_usdr: dB, (tracks, sources).
        sources: names, in the order of both.

    Returns:
        For each source `csdr/SOURCE` and `usdr/SOURCE` in dB (NaN where no track has one), and
        `num_nan_tracks/csdr/SOURCE` and `num_nan_tracks/usdr/SOURCE`.
    """
    scores: dict[str, float] = {}
    for index, source in enumerate(sources):
        frames, whole = track_csdr[:, index].double(), track_usdr[:, index].double()
        scores[f"csdr/{source}"] = float(median_of_numbers(frames))
        scores[f"usdr/{source}"] = float(whole.nanmean())
        scores[f"num_nan_tracks/csdr/{source}"] = float(frames.isnan().sum())
        scores[f"num_nan_tracks/usdr/{source}"] = float(whole.isnan().sum())
    return scores


def score_tracks(
    separate: Callable[[Audio], Audio],
    tracks: Iterable[LoadableTrack],
    sample_rate: int,
    channels: int,
    *,
    sources: Sequence[str],
    also: Collection[str] = (),
) -> dict[str, float]:
    """Separate every track and score the estimates. One track is in memory at a time.

    A source that is nothing but noise counts as silent: see `dssgan.metrics.silence`.

    Args:
        separate: mix (channels, samples) to estimates (sources, channels, samples).
        tracks: what to separate.
        sample_rate: Hz at which tracks are read, separated and scored.
        channels: likewise.
        sources: names, in the order of the estimates.
        also: further metrics of `dssgan.metrics.catalogue.METRICS`.

    Returns:
        As `summarise` gives, `onset_sdr/drums` where drums are among the sources, and METRIC/SOURCE for what is asked
        for besides: means over the tracks that have it; NaN where none has.

    Raises:
        DataError: there is no track, or the estimates of one have another shape than its sources.
        DivergedError: an estimate is not finite. Left to itself it would count as a track without a score.
    """
    track_csdr, track_usdr = [], []
    further: dict[str, list[float]] = {}
    names = dict.fromkeys(("onset_sdr", *also))
    for track in tracks:
        mix, references = track.load(sample_rate, channels)
        references = without_noise(references)
        estimates = separate(mix)
        if estimates.shape != references.shape or len(references) != len(sources):
            raise DataError(
                f"{track.name}: estimates {estimates.shape} and sources {references.shape} differ for "
                f"{', '.join(sources)}; score a separator on tracks that hold its own sources"
            )
        if not np.isfinite(estimates).all():
            raise DivergedError(f"{track.name}: an estimate is not finite; train with smaller steps")
        pair = torch.from_numpy(np.ascontiguousarray(estimates)), torch.from_numpy(references)
        track_csdr.append(csdr(*pair, sample_rate))
        track_usdr.append(usdr(*pair))
        for name, by_source in score_song(
            EstimatedSong(estimates, references, mix, sample_rate, sources), names
        ).items():
            for source, score in by_source.items():
                further.setdefault(f"{name}/{source}", []).append(score)
    if not track_csdr:
        raise DataError("tracks: there is none to score; give the partition at least one")
    scores = summarise(torch.stack(track_csdr), torch.stack(track_usdr), sources)
    means = {key: float(torch.tensor(values).nanmean()) for key, values in further.items()}
    return {**means, **scores}
