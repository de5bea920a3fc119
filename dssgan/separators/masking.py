"""What separators that mask a complex spectrogram share: transform, masks, and what the heads leave."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssgan.audio.stft import STFT
from dssgan.errors import ConfigError
from dssgan.separators.base import SeparatorModel, require_positive

Heads = Literal["residual", "independent"]


class MaskingSeparator(SeparatorModel):
    """Multiply the mix's complex spectrogram by complex masks that a network predicts.

    A subclass builds the network and gives it as `masks`; the transform, the level and the last source are here.

    Args:
        sources: names of the estimates, in order.
        sample_rate: samples per second.
        channels: audio channels.
        n_fft: STFT window, samples: short for attacks, long for tone.
        hop_samples: STFT stride, samples.
        heads: "residual" predicts all sources but the last, which is what they leave of the mix, so that additivity is
            exact; "independent" predicts every source.
        segment_seconds: what one pass sees when a long file is separated, seconds.
        slots: estimates of each source, which `forward` adds up; more than one to learn from mixtures of mixes.

    Raises:
        ConfigError: a setting out of range.
    """

    def __init__(
        self,
        *,
        sources: tuple[str, ...],
        sample_rate: int,
        channels: int,
        n_fft: int,
        hop_samples: int,
        heads: Heads,
        segment_seconds: float,
        slots: int = 1,
    ) -> None:
        super().__init__(sources, sample_rate, channels)
        require_positive(slots=slots)
        if n_fft < 2 or n_fft % 2 or not 0 < hop_samples <= n_fft // 2:
            raise ConfigError(f"n_fft={n_fft}, hop_samples={hop_samples}: give an even window and at most half of it")
        self.n_fft = n_fft
        self.hop_samples = hop_samples
        self.heads = heads
        self.segment_seconds = segment_seconds
        self.slots = slots
        self.num_masks = len(sources) * slots - (heads == "residual")
        self.stft = STFT(n_fft, hop_samples)

    @property
    def num_bins(self) -> int:
        """Frequency bins the network sees: all but Nyquist's, which holds nothing audible."""
        return self.n_fft // 2

    def masks(self, spectrum: Tensor) -> Tensor:
        """Predict masks.

        Args:
            spectrum: the mix, (batch, 2 x channels, frames, bins): real parts of all channels, then imaginary ones;
                a full-scale mix comes to about 1.

        Returns:
            (batch, masks x 2 x channels, frames, bins), laid out likewise.
        """
        raise NotImplementedError

    def start_from_an_equal_share(self, weight: Tensor, bias: Tensor) -> None:
        """Let fresh masks be about 1 / estimates: the mix in equal parts.

        Args:
            weight: weight of the last layer; made small.
            bias: bias of the last layer, seen as (masks, 2, channels, ...); may be a view.
        """
        nn.init.normal_(weight, std=0.01)
        with torch.no_grad():
            bias[:, 0] = 1 / (len(self.sources) * self.slots)
            bias[:, 1] = 0

    def forward(self, mix: Tensor, *, apart: bool = False) -> Tensor:
        """Separate; see `SeparatorModel.forward`.

        Args:
            mix: (batch, channels, samples).
            apart: whether the slots of a source are wanted one by one.

        Returns:
            (batch, sources, channels, samples), or (batch, sources, slots, channels, samples).
        """
        spectrogram = self.stft(mix)  # (B, C, F + 1, T)
        parts = torch.view_as_real(spectrogram[..., :-1, :]).permute(0, 4, 1, 3, 2)  # (B, 2, C, T, F)
        # the root of the window's energy scales a full-scale mix to about 1
        masks = self.masks(parts.flatten(1, 2) * (10 / self.n_fft**0.5)).float()
        masks = masks.unflatten(1, (self.num_masks, 2, self.channels)).permute(0, 1, 3, 5, 4, 2)  # (B, M, C, F, T, 2)
        mask = torch.view_as_complex(functional.pad(masks, (0, 0, 0, 0, 0, 1)).contiguous())
        estimates = self.stft.inverse(mask * spectrogram.unsqueeze(1), mix.shape[-1])  # (B, M, C, samples)
        if self.heads == "residual":
            rest = mix.unsqueeze(1) - estimates.sum(dim=1, keepdim=True)
            estimates = torch.cat([estimates, rest], dim=1)
        if self.slots == 1 and not apart:
            return estimates
        in_slots: Tensor = estimates.unflatten(1, (len(self.sources), self.slots))
        return in_slots if apart else in_slots.sum(dim=2)
