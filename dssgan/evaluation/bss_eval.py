"""BSS Eval v4 of one track by museval, the field's own implementation. The only module that imports it."""

from collections.abc import Sequence
from typing import Any

import museval
import numpy as np
import numpy.typing as npt

from dssgan.errors import DataError
from dssgan.evaluation.frame import METRICS

Audio = npt.NDArray[np.float32]

if not hasattr(np.linalg, "linalg"):
    # museval 0.4.1 catches a singular system (a reference of bare clicks) by the error's name in numpy 1, and then
    # solves it by least squares; without the name numpy 2.4 stops at an AttributeError instead
    np.linalg.linalg = np.linalg  # type: ignore[attr-defined]


def evaluate_track(
    references: Audio,
    estimates: Audio,
    sources: Sequence[str],
    sample_rate: int,
    track_name: str,
    window_seconds: float = 1.0,
    hop_seconds: float = 1.0,
) -> Any:
    """Score the estimates of one track with BSS Eval v4: SDR, ISR, SIR and SAR in every frame.

    All sources of a track are scored together, since interference is measured against the others. A frame in which any
    source is silent, in the references or the estimates, is NaN for all of them (museval's rule); so are all frames of
    a track with a source that is silent throughout, where museval itself raises.

    Args:
        references: true sources, (sources, channels, samples).
        estimates: same shape. Nothing is padded, cut or filled with zeros.
        sources: names, at least two.
        sample_rate: Hz.
        track_name: kept in the result and named in errors.
        window_seconds: length of a frame.
        hop_seconds: stride between frames.

    Returns:
        museval.TrackStore: its `json` is museval's own format, in steps of 1e-5 dB.

    Raises:
        DataError: fewer than two sources, an estimate missing, of another size or not finite.
    """
    if len(sources) < 2:
        raise DataError(f"{track_name}: BSS Eval needs at least two sources; pass every source of the model")
    if estimates.shape != references.shape or len(references) != len(sources):
        raise DataError(
            f"{track_name}: estimates {estimates.shape} and references {references.shape} must both be "
            f"(sources, channels, samples) for {', '.join(sources)}; separate the track again"
        )
    for kind, audio in (("estimate", estimates), ("reference", references)):
        for source, values in zip(sources, audio, strict=True):
            if not np.isfinite(values).all():
                raise DataError(f"{track_name}: the {kind} of {source} is not finite; separate or export it again")

    window, hop = int(window_seconds * sample_rate), int(hop_seconds * sample_rate)
    # museval takes (sources, samples, channels), and float32 as it is: it copies what it works on to float64 itself
    true, guessed = np.moveaxis(references, 1, 2), np.moveaxis(estimates, 1, 2)
    if any((audio.sum(axis=2) == 0).all(axis=1).any() for audio in (true, guessed)):
        num_frames = museval.metrics.Framing(window, hop, true.shape[1]).nwin
        scores = np.full((len(METRICS), len(sources), num_frames), np.nan)
    else:
        # what museval.evaluate calls for v4, without its copies of a whole song
        scores = np.stack(
            museval.metrics.bss_eval(
                true,
                guessed,
                window=window,
                hop=hop,
                compute_permutation=False,
                framewise_filters=False,
                bsseval_sources_version=False,
            )[: len(METRICS)]
        )

    store = museval.TrackStore(track_name, win=window_seconds, hop=hop_seconds)
    for index, source in enumerate(sources):
        store.add_target(source, {metric: scores[row, index].tolist() for row, metric in enumerate(METRICS)})
    return store
