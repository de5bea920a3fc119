"""Types and names that every package uses."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]  # (channels, samples) in [-1, 1], unless a docstring gives another shape
Signal = NDArray[np.floating[Any]]  # audio in the precision that a metric computes in

Progress = Callable[[float, float], None]  # called with what is done and with the whole, in the same unit

DRUMS = "drums"
OTHER = "other"
KIT_STEMS = ("kick", "snare", "toms", "hihat", "cymbals")  # what drums are taken apart into; they sum to the drums
