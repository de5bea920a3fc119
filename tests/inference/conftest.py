"""Separators whose right answer is known."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dssgan.separators.base import SeparatorModel

torch.set_num_threads(1)  # the tests themselves run side by side


class FirSplit(SeparatorModel):
    """Drums are the mix through a low-pass filter of `2 reach + 1` taps, other is the rest: linear, time-invariant."""

    def __init__(self, *, sample_rate: int = 8000, channels: int = 1, reach: int = 8) -> None:
        super().__init__(("drums", "other"), sample_rate, channels)
        self.reach = reach
        taps = torch.hann_window(2 * reach + 3, periodic=False)[1:-1]
        self.register_buffer("taps", (taps / taps.sum())[None, None])

    def forward(self, mix: Tensor) -> Tensor:
        batch, channels, samples = mix.shape
        low = functional.conv1d(mix.reshape(batch * channels, 1, samples), self.taps, padding=self.reach)
        drums = low.reshape(mix.shape)
        return torch.stack([drums, mix - drums], dim=1)


class Gains(SeparatorModel):
    """Each source is the mix times a number of its own."""

    def __init__(self, *gains: float, sample_rate: int = 8000, channels: int = 1) -> None:
        super().__init__(tuple(f"part{index}" for index in range(len(gains))), sample_rate, channels)
        self.gains = gains

    def forward(self, mix: Tensor) -> Tensor:
        return torch.stack([mix * gain for gain in self.gains], dim=1)


class Alternating(Gains):
    """A model that changes its mind with every segment, as badly as one can."""

    num_calls = 0

    def forward(self, mix: Tensor) -> Tensor:
        self.num_calls += 1
        gain = 0.1 if self.num_calls % 2 else 0.9
        return torch.stack([mix * gain, mix * (1 - gain)], dim=1)


class Broken(Gains):
    """A model that gives what no model should."""

    def forward(self, mix: Tensor) -> Tensor:
        return super().forward(mix) * math.nan


@pytest.fixture(scope="session")
def models() -> dict[str, type[SeparatorModel]]:
    return {"fir": FirSplit, "gains": Gains, "alternating": Alternating, "broken": Broken}
