"""A graph of one of our networks as a separator; the transform is outside the graph."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dssgan.separators.graphs.runtimes import RECORD, Graph
from dssgan.separators.masking import MaskingSeparator


class GraphMasks(MaskingSeparator):
    """A graph that predicts masks, as `dssgan.separators.graphs.export` writes it.

    Args:
        graph: the graph.
        settings: those of `MaskingSeparator`.
    """

    def __init__(self, graph: Graph, settings: dict[str, Any]) -> None:
        used = {name: value for name, value in settings.items() if name != RECORD}
        super().__init__(**{**used, "sources": tuple(settings["sources"])})
        self.graph = graph
        self.fixed_frames = graph.shapes[0][0][2]
        self.max_segment_seconds = None if self.fixed_frames is None else self.segment_seconds

    def masks(self, spectrum: Tensor) -> Tensor:
        """Predict masks; see `MaskingSeparator.masks`. A graph of a fixed length gets its input padded with silence."""
        num_frames = spectrum.shape[2]
        missing = (self.fixed_frames or num_frames) - num_frames
        if self.fixed_frames is None:
            return self.graph.run(spectrum)
        items = functional.pad(spectrum, (0, 0, 0, missing)).split(1)
        return torch.cat([self.graph.run(item) for item in items])[:, :, :num_frames]
