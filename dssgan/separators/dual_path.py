"""Recurrence along time and along frequency in turn: what sc_lite and band_split share."""

from typing import TypeAlias

from torch import Tensor, nn

State: TypeAlias = tuple[Tensor, Tensor]


class Recurrence(nn.Module):
    """Normalise each cell, run an LSTM along the second last axis, and add its output to the input.

    Each cell is normalised on its own, so a causal one stays causal.

    Args:
        width: features of a cell.
        hidden: units of the LSTM in each direction.
        bidirectional: look both ways.
    """

    def __init__(self, width: int, hidden: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.lstm = nn.LSTM(width, hidden, batch_first=True, bidirectional=bidirectional)
        self.out = nn.Linear(hidden * (1 + bidirectional), width)

    def forward(self, x: Tensor) -> Tensor:
        """Transform: (batch, rows, steps, width) to the same shape."""
        return self.advance(x, None)[0]

    def advance(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Transform what comes next.

        Args:
            x: (batch, rows, steps, width).
            state: state of the LSTM after the steps before; None at the beginning.

        Returns:
            The same shape, and the state after these steps.
        """
        y, after = self.lstm(self.norm(x).flatten(0, 1), state)
        return x + self.out(y).unflatten(0, x.shape[:2]), after


class DualPath(nn.Module):
    """Recurrence along time, the same for every band, then along bands, the same for every frame.

    Source: Luo and Yu, "Music source separation with band-split RNN", 2022, section 2.2, arXiv 2209.15174; after
    Luo et al., "Dual-path RNN", 2019, arXiv 1910.06379.

    Args:
        width: features of a cell.
        hidden: units of each LSTM in each direction.
        causal: look back only along time; along bands both ways still.
    """

    def __init__(self, width: int, hidden: int, *, causal: bool = False) -> None:
        super().__init__()
        self.time = Recurrence(width, hidden, bidirectional=not causal)
        self.bands = Recurrence(width, hidden, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        """Transform: (batch, bands, frames, width) to the same shape."""
        return self.advance(x, None)[0]

    def advance(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Transform frames that come next; see `Recurrence.advance`."""
        y, after = self.time.advance(x, state)
        return self.bands(y.transpose(1, 2)).transpose(1, 2), after
