"""The layers of all bands side by side, so that a frame costs a few operations instead of several for each band."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssgan.separators.band_split import BandSplit
from dssgan.separators.dual_path import State


class StackedBands(nn.Module):
    """Advance a causal `BandSplit` by one frame at a time, in a fraction of its own time.

    Narrow bands are filled up with zeros to the widest, which would cost more than it saves where many frames are
    computed at once. It gives what the network's own `advance` gives, up to rounding, and holds a copy of its weights.

    Args:
        network: a network in evaluation mode.
    """

    index: Tensor
    count: Tensor
    within: Tensor
    band_of: Tensor

    def __init__(self, network: BandSplit) -> None:
        super().__init__()
        self.core = network.core
        sizes, num_bins = network.band_sizes, network.num_bins
        parts, masks = 2 * network.channels, 2 * network.channels * network.num_masks
        widest = parts * max(sizes)
        self.num_bins = num_bins

        # where each value of a band lies in a flattened frame; what fills it up is a zero behind the frame's end
        index = torch.full((len(sizes), widest), parts * num_bins)
        band_of_bin = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
        bins = torch.arange(num_bins).split(sizes)
        for band, own in enumerate(bins):
            index[band, : parts * len(own)] = (torch.arange(parts)[:, None] * num_bins + own).flatten()
        self.register_buffer("index", index)
        self.register_buffer("within", (index < parts * num_bins).float())
        self.register_buffer("count", parts * torch.tensor(sizes, dtype=torch.float32)[:, None])
        self.register_buffer("band_of", band_of_bin.repeat(masks))

        with torch.no_grad():
            entries = [_folded(layer[0], layer[1]) for layer in network.split]  # type: ignore[index]
            self.split_weight = _constant([functional.pad(w, (0, widest - w.shape[1])).T for w, _ in entries])
            self.split_bias = _constant([b[None] for _, b in entries])
            exits = [_folded(layer[0], layer[1]) for layer in network.merge]  # type: ignore[index]
            self.merge_weight = _constant([w.T for w, _ in exits])
            self.merge_bias = _constant([b[None] for _, b in exits])
            # the last layers give each band's (masks, bins); together, in the order of (masks, all bins)
            last = [layer[-1] for layer in network.merge]  # type: ignore[index]
            rows = [w.weight.unflatten(0, (masks, size)) for w, size in zip(last, sizes, strict=True)]
            biases = [w.bias.unflatten(0, (masks, size)) for w, size in zip(last, sizes, strict=True)]
            self.last_weight = nn.Parameter(torch.cat(rows, dim=1).flatten(0, 1), requires_grad=False)
            self.last_bias = nn.Parameter(torch.cat(biases, dim=1).flatten(), requires_grad=False)
        self.epsilon = network.split[0][0].eps  # type: ignore[index]

    def advance(self, frame: Tensor, states: Sequence[State | None]) -> tuple[Tensor, list[State | None]]:
        """Predict the masks of the next frame.

        Args:
            frame: (1, 2 channels, 1, bins), as for `BandSplit.advance`.
            states: states of each layer after the frame before; None at the beginning.

        Returns:
            Masks, (1, masks 2 channels, 1, bins), and the states after this frame.
        """
        values = functional.pad(frame.flatten(), (0, 1))[self.index]  # (bands, widest)
        centred = (values - values.sum(dim=1, keepdim=True) / self.count) * self.within
        variance = centred.square().sum(dim=1, keepdim=True) / self.count
        normed = centred * torch.rsqrt(variance + self.epsilon)
        x = torch.baddbmm(self.split_bias, normed.unsqueeze(1), self.split_weight).unsqueeze(0)  # (1, bands, 1, width)
        after: list[State | None] = []
        for layer, state in zip(self.core, states, strict=True):
            x, state_after = layer.advance(x, state)  # type: ignore[operator]
            after.append(state_after)
        y = functional.layer_norm(x[0], x.shape[-1:], eps=self.epsilon)
        y = functional.glu(torch.baddbmm(self.merge_bias, y, self.merge_weight), dim=-1)
        masks = torch.linalg.vecdot(self.last_weight, y[:, 0].index_select(0, self.band_of)) + self.last_bias
        return masks.view(1, -1, 1, self.num_bins), after


def _folded(norm: nn.LayerNorm, linear: nn.Linear) -> tuple[Tensor, Tensor]:
    """Return the weight and the bias of a linear layer that includes the scaling of the norm before it."""
    return linear.weight * norm.weight, linear.bias + linear.weight @ norm.bias


def _constant(parts: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack(list(parts)), requires_grad=False)
