"""Scores by models of hearing, as mean opinion scores: 5 for an estimate that is indistinguishable from the reference.

Both models are third-party packages (Google's ViSQOL in Python, and Zimtohrli), which listen to mono at 48 kHz.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import soxr

from dssgan.types import Audio

if TYPE_CHECKING:
    from visqol import VisqolApi


SAMPLE_RATE = 48000


def visqol(estimate: Audio, reference: Audio, sample_rate: int) -> float:
    """Rate with ViSQOL's model for music: similarity of gammatone spectrograms, mapped to opinions on codecs.

    Estimates lie where their references lie, so ViSQOL's search for delays is off; that halves the time and moves
    scores by 0.01.

    Args:
        estimate: (channels, samples).
        reference: what it should be, the same shape.
        sample_rate: Hz.

    Returns:
        From 1 to 4.75, 1 for silence; NaN where the reference is silent or shorter than a second.

    Raises:
        ModuleNotFoundError: visqol-python is not installed.
    """
    model = _load_visqol()
    one, other = listen(reference, sample_rate), listen(estimate, sample_rate)
    if len(one) < SAMPLE_RATE or not one.any():
        return float("nan")
    if not other.any():
        return 1.0
    return float(model.measure_from_arrays(one.astype(np.float64), other.astype(np.float64), SAMPLE_RATE).moslqo)


def zimtohrli(estimate: Audio, reference: Audio, sample_rate: int) -> float:
    """Rate with Zimtohrli, a model of just noticeable differences.

    Args:
        estimate: (channels, samples).
        reference: what it should be, the same shape.
        sample_rate: Hz.

    Returns:
        From 1 to 5; NaN where the reference is silent.

    Raises:
        ModuleNotFoundError: zimtohrli is not installed.
    """
    from zimtohrli import mos_from_signals

    one, other = listen(reference, sample_rate), listen(estimate, sample_rate)
    return float(mos_from_signals(one, other)) if one.any() else float("nan")


def listen(audio: Audio, sample_rate: int) -> Audio:
    """Convert (channels, samples) to what models of hearing take: mono at `SAMPLE_RATE`, (samples,)."""
    mono: Audio = soxr.resample(audio.mean(axis=0), sample_rate, SAMPLE_RATE)
    return mono


@lru_cache(maxsize=1)
def _load_visqol() -> "VisqolApi":
    from visqol import VisqolApi

    model = VisqolApi()
    model.create(mode="audio", disable_global_alignment=True, disable_realignment=True)
    return model
