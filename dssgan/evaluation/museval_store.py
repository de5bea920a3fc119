"""Scores of one track as museval stores them. The only module that imports it."""

import math
from collections.abc import Sequence
from typing import Any

import museval
import numpy as np

from dssgan.errors import DataError
from dssgan.metrics.bss_eval import METRICS, References
from dssgan.types import Audio


def evaluate_track(references: References, estimates: Audio, sources: Sequence[str], track_name: str) -> Any:
    """Score the estimates of one track with BSS Eval: SDR, ISR, SIR and SAR in every frame.

    All sources of a track are scored together, since interference is measured against the others. A frame in which any
    source is silent, in the references or the estimates, is NaN for all of them (museval's rule); so are all frames of
    a track with a source that is silent throughout, where museval itself raises.

    Args:
        references: true sources.
        estimates: the same shape, (sources, channels, samples). Nothing is padded, cut or filled with zeros.
        sources: names, at least two.
        track_name: kept in the result and named in errors.

    Returns:
        museval.TrackStore: its `json` is museval's own format, in steps of 1e-5 dB.

    Raises:
        DataError: fewer than two sources, an estimate missing, of another size or not finite.
    """
    if len(sources) < 2:
        raise DataError(f"{track_name}: BSS Eval needs at least two sources; pass every source of the model")
    if estimates.shape != references.sources.shape or len(estimates) != len(sources):
        raise DataError(
            f"{track_name}: estimates {estimates.shape} and references {references.sources.shape} must both be "
            f"(sources, channels, samples) for {', '.join(sources)}; separate the track again"
        )
    for source, values in zip(sources, estimates, strict=True):
        if not np.isfinite(values).all():
            raise DataError(f"{track_name}: the estimate of {source} is not finite; separate or export it again")

    scores = references.score(estimates)
    window, hop = references.version.window_seconds, references.version.hop_seconds
    if math.isinf(window):  # one frame, as long as the track
        window = hop = estimates.shape[-1] / references.sample_rate
    store = museval.TrackStore(track_name, win=window, hop=hop)
    for index, source in enumerate(sources):
        store.add_target(source, {metric: scores[row, index].tolist() for row, metric in enumerate(METRICS)})
    return store
