"""Music in memory, as users give it."""

import numpy as np
import torch

from dssgan.audio.info import Audio
from dssgan.errors import AudioError

_MAX_CHANNELS = 32  # more than any format of loudspeakers, fewer than the samples of any music


def as_mix(mix: Audio | torch.Tensor, sample_rate: int) -> Audio:
    """Turn what a user gives into audio, or say what is wrong with it.

    Args:
        mix: (channels, samples) or (samples,), floats, an array or a tensor.
        sample_rate: its rate, samples per second.

    Returns:
        (channels, samples), float32.

    Raises:
        AudioError: it is empty, misshapen, not of floats, or holds a sample that is not finite; or no such rate.
    """
    audio = mix.detach().cpu().numpy() if isinstance(mix, torch.Tensor) else np.asarray(mix)
    if audio.ndim not in (1, 2) or audio.size == 0:
        raise AudioError(f"mix of shape {audio.shape}: give (channels, samples) with at least one sample")
    if audio.ndim == 2 and audio.shape[0] > _MAX_CHANNELS:
        raise AudioError(f"mix of shape {audio.shape}: the mix must be (channels, samples); transpose it")
    if not np.issubdtype(audio.dtype, np.floating):
        raise AudioError(f"mix of {audio.dtype}: give floats in [-1, 1]; divide 16-bit integers by 32768")
    if sample_rate < 1:
        raise AudioError(f"sample rate {sample_rate}: give the mix's samples per second, such as 44100")
    audio = np.atleast_2d(audio).astype(np.float32)
    finite = np.isfinite(audio).all(axis=0)
    if not finite.all():
        seconds = int(finite.argmin()) / sample_rate
        raise AudioError(f"mix: holds a sample that is not a finite number at {seconds:.3f} s; mend it there")
    return audio
