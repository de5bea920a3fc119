"""A critic on complex spectrograms of several resolutions."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from dssgan.adversarial.critics.base import Critic, Judgement
from dssgan.audio.stft import STFT
from dssgan.errors import ConfigError

# Strides along frequency; along time nothing is thinned, so every frame gets scores of its own.
_BIN_STRIDES = (4, 4, 2, 2)
_TIME_DILATIONS = (1, 1, 2, 4)


class _Resolution(nn.Module):
    """Convolutions on one spectrogram: (batch, 2 x channels, frames, bins) to a map of scores."""

    def __init__(self, channels: int, num_filters: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        width = 2 * channels
        for stride, dilation in zip(_BIN_STRIDES, _TIME_DILATIONS, strict=True):
            self.layers.append(
                weight_norm(
                    nn.Conv2d(width, num_filters, (3, 8), stride=(1, stride), dilation=(dilation, 1),
                              padding=(dilation, 3))
                )
            )  # fmt: skip
            width = num_filters
        self.last = weight_norm(nn.Conv2d(width, 1, (3, 3), padding=1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        maps = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.2)
            maps.append(x)
        return self.last(x).flatten(1), maps


class MultiResolutionCritic(Critic):
    """Score every patch of complex spectrograms at several window lengths.

    Real and imaginary parts are compressed to the power 0.3 of their magnitude, so that the quiet ring of a cymbal
    counts beside a kick. The first layers thin frequencies by 4, which halves the cost of a step. After: Defossez et
    al., "High fidelity neural audio compression", 2022, section 3.4,
    arXiv 2210.13438; the resolutions after Kumar et al., "High-fidelity audio compression with improved RVQGAN", 2023,
    section 3.4, arXiv 2306.06546.

    Args:
        channels: audio channels.
        n_ffts: STFT windows, samples; the stride is a `overlap`th of each.
        overlap: windows that cover a sample.
        num_filters: number of filters of every convolution.
        compression: power that magnitudes are raised to.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "tiny": {"num_filters": 8, "overlap": 2},
        "base": {"n_ffts": (2048, 1024, 512), "num_filters": 32, "overlap": 4},
    }

    def __init__(
        self,
        *,
        channels: int = 2,
        n_ffts: tuple[int, ...] = (2048, 512),
        overlap: int = 2,
        num_filters: int = 16,
        compression: float = 0.3,
    ) -> None:
        super().__init__()
        for n_fft in n_ffts or (0,):
            if n_fft < 64 or n_fft & (n_fft - 1):
                raise ConfigError(f"n_ffts={n_ffts}: give at least one power of two from 64 up")
        if overlap < 2 or num_filters < 1 or channels < 1:
            raise ConfigError(f"overlap={overlap}, num_filters={num_filters}: give at least 2 and 1")
        if not 0 < compression <= 1:
            raise ConfigError(f"compression={compression}: give a power above 0, at most 1")
        self.channels = channels
        self.compression = compression
        self.stfts = nn.ModuleList(STFT(n_fft, n_fft // overlap) for n_fft in n_ffts)
        self.resolutions = nn.ModuleList(_Resolution(channels, num_filters) for _ in n_ffts)

    def views(self, wave: Tensor) -> tuple[Tensor, ...]:
        """Turn waveforms into compressed complex spectrograms.

        Args:
            wave: (batch, channels, samples).

        Returns:
            One view a window length, (batch, 2 x channels, frames, bins).
        """
        return tuple(self._view(stft, wave) for stft in self.stfts)

    def _view(self, stft: nn.Module, wave: Tensor) -> Tensor:
        assert isinstance(stft, STFT)
        # the root of the window's energy makes all resolutions of one size
        parts = torch.view_as_real(stft(wave)[..., :-1, :]) * (10 / stft.n_fft**0.5)  # (B, C, F, T, 2)
        # below -40 dB of a full mix the curve is straight: steeper, and near-silence would get most of the gradient
        power = parts.square().sum(dim=-1, keepdim=True) + 1e-4
        view: Tensor = (parts * power ** ((self.compression - 1) / 2)).permute(0, 4, 1, 3, 2).flatten(1, 2)
        return view

    def judge(self, views: tuple[Tensor, ...]) -> Judgement:
        """Score patches of views: (items, patches) each."""
        scores, maps = [], []
        for resolution, view in zip(self.resolutions, views, strict=True):
            score, seen = resolution(view)
            scores.append(score)
            maps.extend(seen)
        return Judgement(tuple(scores), tuple(maps))
