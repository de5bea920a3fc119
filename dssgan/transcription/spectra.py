"""What strokes are found in: the spectrum of every piece of a kit in bands, a hundred times a second."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dssgan.types import Audio

SAMPLE_RATE = 44100  # Hz
FRAME_RATE = 100  # frames a second
NUM_BANDS = 40

_HOP_SAMPLES = SAMPLE_RATE // FRAME_RATE
_WINDOW_SAMPLES = 1024
_RANGE_HZ = (40.0, 16000.0)
_FLOOR = 1e-7  # power below which nothing is heard, at 70 dB below a stroke at full scale
_BLOCK_FRAMES = 1000


@cache
def band_weights() -> Tensor:
    """Return triangular bands whose centres are even in octaves, (bins, bands); each sums to one."""
    bins = np.arange(_WINDOW_SAMPLES // 2 + 1) * SAMPLE_RATE / _WINDOW_SAMPLES
    edges = np.geomspace(*_RANGE_HZ, NUM_BANDS + 2)
    # as wide as a bin at least, so that every band has one
    half = np.maximum(np.stack([edges[1:-1] - edges[:-2], edges[2:] - edges[1:-1]]), bins[1])
    distance = bins[:, None] - edges[1:-1]
    weights = np.maximum(1 - np.where(distance < 0, -distance / half[0], distance / half[1]), 0)
    return torch.from_numpy((weights / weights.sum(axis=0)).astype(np.float32))


class SpectrumStream:
    """Turn a stream of pieces into frames of log spectra, block by block.

    Args:
        num_pieces: number of pieces.
    """

    def __init__(self, num_pieces: int) -> None:
        # the first window is centred on the first sample
        self._waiting = np.zeros((num_pieces, _WINDOW_SAMPLES // 2), np.float32)

    def push(self, pieces: Audio) -> NDArray[np.float32]:
        """Take samples, and return the frames that are complete.

        Args:
            pieces: (pieces, samples), mono at 44.1 kHz.

        Returns:
            (frames, pieces, bands), from 0 for silence up; about 1 for a loud stroke.
        """
        self._waiting = np.concatenate([self._waiting, pieces.astype(np.float32)], axis=1)
        num_frames = max((self._waiting.shape[1] - _WINDOW_SAMPLES) // _HOP_SAMPLES + 1, 0)
        blocks = [
            self._spectra(start, min(_BLOCK_FRAMES, num_frames - start))
            for start in range(0, num_frames, _BLOCK_FRAMES)
        ]
        self._waiting = self._waiting[:, num_frames * _HOP_SAMPLES :]
        return np.concatenate([np.zeros((0, len(pieces), NUM_BANDS), np.float32), *blocks])

    def flush(self) -> NDArray[np.float32]:
        """Return the frames of what is left, as if silence followed."""
        return self.push(np.zeros((len(self._waiting), _WINDOW_SAMPLES // 2), np.float32))

    def _spectra(self, start: int, num_frames: int) -> NDArray[np.float32]:
        first = start * _HOP_SAMPLES
        samples = torch.from_numpy(self._waiting[:, first : first + (num_frames - 1) * _HOP_SAMPLES + _WINDOW_SAMPLES])
        windows = samples.unfold(1, _WINDOW_SAMPLES, _HOP_SAMPLES) * torch.hann_window(_WINDOW_SAMPLES)
        power = torch.fft.rfft(windows).abs().square() / (_WINDOW_SAMPLES / 4) ** 2
        logs = torch.log10((power @ band_weights()) / _FLOOR + 1) / -np.log10(_FLOOR)
        frames: NDArray[np.float32] = logs.movedim(0, 1).numpy()
        return frames
