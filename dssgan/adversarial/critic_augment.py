"""Augmentation of the critics' input, so that critics cannot tell by level, silence or codec what is real."""

from dataclasses import dataclass

import torch
from torch import Tensor

_LOUDNESS_DB = -20.0
_GAIN_DB = 6.0
_LOWEST_CUTOFF = 0.45  # of Nyquist: what a low-bitrate codec leaves
_EDGE = 0.03  # width of the low-pass's slope, of Nyquist


@dataclass(frozen=True)
class AugmentParams:
    """One change of sound for every item: the same for what is real and what is not.

    Args:
        gain: factor, negative turns the polarity, (batch, sources).
        swap: whether the channels are swapped, (batch, sources).
        cutoff: cutoff of the low-pass, in parts of Nyquist; from 1 up there is none, (batch, sources).
    """

    gain: Tensor
    swap: Tensor
    cutoff: Tensor

    def part(self, items: slice) -> "AugmentParams":
        """Take some of the items."""
        return AugmentParams(self.gain[items], self.swap[items], self.cutoff[items])


@dataclass(frozen=True)
class CriticAugment:
    """Scale waveforms to one level, change real ones and estimates alike, and drop the silent.

    A critic that may listen to level, bandwidth or silence learns those: estimates are quieter than the truth, and
    unpaired recordings come through other codecs than mixes do. Everything is differentiable.

    Args:
        loudness: whether to scale every waveform to one root mean square.
        augment: change level, polarity, channels and bandwidth by chance.
        silence_db: a waveform whose root mean square is below counts as silent, dB of full scale.
    """

    loudness: bool = True
    augment: bool = True
    silence_db: float = -60.0

    def sample_params(self, batch: int, sources: int, device: torch.device | None = None) -> AugmentParams | None:
        """Draw changes from torch's own generator.

        Args:
            batch: items.
            sources: sources of an item.
            device: where the waveforms are.

        Returns:
            The changes; None where nothing is changed.
        """
        if not self.augment:
            return None
        gain_db, turn, swap, cutoff = torch.rand(4, batch, sources)
        gain = 10 ** ((2 * gain_db - 1) * _GAIN_DB / 20) * torch.where(turn < 0.5, -1.0, 1.0)
        # half of them keep their bandwidth
        cutoff = _LOWEST_CUTOFF ** (2 * cutoff - 1)
        return AugmentParams(gain.to(device), (swap < 0.5).to(device), cutoff.to(device))

    def apply(self, wave: Tensor, params: AugmentParams | None = None) -> tuple[Tensor, Tensor]:
        """Turn waveforms into the input of a critic.

        Args:
            wave: (batch, sources, channels, samples).
            params: changes that `params` gave; None changes nothing.

        Returns:
            Input of a critic, the same shape, and which of it is not silent, 1 or 0, (batch, sources).
        """
        audible = (_level(wave.detach()) >= 10 ** (self.silence_db / 20)).to(wave.dtype)
        if params is not None:
            swapped = wave.flip(-2) if wave.shape[-2] == 2 else wave
            wave = _low_pass(torch.where(params.swap[..., None, None], swapped, wave), params.cutoff)
        factor = wave.new_ones(wave.shape[:2])
        if self.loudness:
            # what is silent stays so: its level is noise, and the derivative of its factor would be huge
            factor = torch.where(audible > 0, 10 ** (_LOUDNESS_DB / 20) / _level(wave).clamp(min=1e-6), factor)
        if params is not None:
            factor = factor * params.gain
        return wave * factor[..., None, None], audible


def _level(wave: Tensor) -> Tensor:
    return (wave.square().mean(dim=(-2, -1)) + 1e-20).sqrt()


def _low_pass(wave: Tensor, cutoff: Tensor) -> Tensor:
    if (cutoff >= 1).all():
        return wave
    with torch.autocast(wave.device.type, enabled=False):
        spectrum = torch.fft.rfft(wave.float())
        frequency = torch.linspace(0, 1, spectrum.shape[-1], device=wave.device)
        slope = torch.where(cutoff < 1, cutoff, 2.0)[..., None, None]
        result: Tensor = torch.fft.irfft(spectrum * ((slope - frequency) / _EDGE).clamp(0, 1), wave.shape[-1])
    return result
