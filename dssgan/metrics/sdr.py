"""Signal-to-distortion ratio in torch, cheap enough for every validation.

In images mode the SDR of BSS Eval v4 is the plain ratio of a source's energy to its error's energy in each frame: the
three error terms of the decomposition add up to `estimate - reference` for any filters. So it needs none of
the 512-tap filters that make BSS Eval slow. Source: Vincent et al., 2006, section III; Stöter, Liutkus and Ito, 2018,
section 3 (arXiv 1804.06267).
"""

import torch
from torch import Tensor

from dssgan.errors import AudioError

WINDOW_SECONDS = 1.0
HOP_SECONDS = 1.0


def frame_sdr(
    estimate: Tensor,
    reference: Tensor,
    sample_rate: int,
    window_seconds: float = WINDOW_SECONDS,
    hop_seconds: float = HOP_SECONDS,
) -> Tensor:
    """Measure every source's SDR in every frame, as BSS Eval v4 does.

    Frames are those of museval: whole windows only, so what is left over at the end is not measured; a track no longer
    than one window is one frame. A frame in which any source's reference or estimate is silent is NaN for every source.
    Silent is what museval calls silent: the channels add up to zero at every sample, so two channels in opposite phase
    are silent too. An estimate without any error is at infinity.

    Args:
        estimate: (..., sources, channels, samples), any float type; sums are kept in float64.
        reference: the true sources, same shape.
        sample_rate: Hz.
        window_seconds: length of a frame.
        hop_seconds: stride between frames.

    Returns:
        SDR in dB, float64, (..., sources, frames).

    Raises:
        AudioError: there are no samples.
    """
    _check(estimate, reference)
    num_samples = reference.shape[-1]
    window, hop = int(window_seconds * sample_rate), int(hop_seconds * sample_rate)
    if window < 1 or hop < 1:
        raise ValueError(f"window_seconds {window_seconds}, hop_seconds {hop_seconds}: shorter than one sample")
    num_frames = (num_samples - window) // hop + 1 if window < num_samples else 1
    frames = []
    for index in range(num_frames):  # one at a time: a whole song in float64 would be four times its size
        span = slice(index * hop, index * hop + window)
        cut_estimate, cut_reference = estimate[..., span].double(), reference[..., span].double()
        silent = (_is_silent(cut_estimate) | _is_silent(cut_reference)).any(dim=-1, keepdim=True)
        frames.append(_ratio_db(cut_estimate, cut_reference).masked_fill(silent, torch.nan))
    return torch.stack(frames, dim=-1)


def csdr(estimate: Tensor, reference: Tensor, sample_rate: int) -> Tensor:
    """Take the median of the frames' SDR: one track's share of SiSEC's score.

    Args:
        estimate: (..., sources, channels, samples).
        reference: same shape.
        sample_rate: Hz.

    Returns:
        Median over the frames that are not NaN, dB, float64, (..., sources); NaN where every frame is.

    Raises:
        AudioError: there are no samples.
    """
    return median_of_numbers(frame_sdr(estimate, reference, sample_rate))


def usdr(estimate: Tensor, reference: Tensor) -> Tensor:
    """Measure every source's SDR over the whole track: one track's share of the score of the MDX challenges.

    Source: Mitsufuji et al., 2022, equation 1 (arXiv 2108.13559), without its constant of 1e-7 in both sums, which
    exists to give silence a number. Here a silent reference has none: it is NaN.

    Args:
        estimate: (..., sources, channels, samples).
        reference: same shape.

    Returns:
        dB, float64, (..., sources).

    Raises:
        AudioError: there are no samples.
    """
    _check(estimate, reference)
    size = 1 << 20  # samples in float64 at a time
    signal = torch.zeros(reference.shape[:-2], dtype=torch.float64, device=reference.device)
    error = torch.zeros_like(signal)
    for start in range(0, reference.shape[-1], size):
        block = reference[..., start : start + size].double()
        signal += block.square().sum(dim=(-2, -1))
        error += (estimate[..., start : start + size].double() - block).square().sum(dim=(-2, -1))
    return _decibels(signal, error)


def median_of_numbers(values: Tensor) -> Tensor:
    """Take the median over the last axis of what is not NaN, the middle two averaged where their count is even.

    torch.nanmedian takes the lower of the two, numpy and pandas (and so museval) their mean.

    Args:
        values: (..., n).

    Returns:
        (...); NaN where nothing is a number.
    """
    count = values.isnan().logical_not().sum(dim=-1, keepdim=True)
    ordered = values.sort(dim=-1).values  # NaN sorts last
    low = ordered.gather(-1, ((count - 1) // 2).clamp(min=0))
    high = ordered.gather(-1, (count // 2).clamp(max=values.shape[-1] - 1))
    return torch.where(count > 0, (low + high) / 2, torch.nan).squeeze(-1)


def _check(estimate: Tensor, reference: Tensor) -> None:
    if estimate.shape != reference.shape or estimate.ndim < 3:
        raise ValueError(
            f"estimate {tuple(estimate.shape)}, reference {tuple(reference.shape)}: "
            "both must be (..., sources, channels, samples)"
        )
    if reference.shape[-1] == 0:
        raise AudioError("reference: holds no samples; an SDR needs at least one")


def _is_silent(audio: Tensor) -> Tensor:
    return (audio.sum(dim=-2) == 0).all(dim=-1)  # (..., sources, channels, samples) to (..., sources)


def _ratio_db(estimate: Tensor, reference: Tensor) -> Tensor:
    return _decibels(reference.square().sum(dim=(-2, -1)), (estimate - reference).square().sum(dim=(-2, -1)))


def _decibels(signal: Tensor, error: Tensor) -> Tensor:
    return torch.where(signal > 0, 10 * torch.log10(signal / error), torch.nan)
