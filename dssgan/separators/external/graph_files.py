"""Graphs in files, written by dssgan or by other programs, with the transform inside the graph or outside."""

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from dssgan.errors import ConfigError, ModelError
from dssgan.separators.base import SeparatorModel
from dssgan.separators.external.family import Family, require_drums
from dssgan.separators.graphs.export_record import ExportRecord
from dssgan.separators.graphs.masks import GraphMasks
from dssgan.separators.graphs.runtimes import RECORD, Graph, OnnxRuntimeGraph, OpenVinoGraph
from dssgan.separators.two_stems import one_and_rest
from dssgan.types import DRUMS, OTHER

# The sources of graphs that name none, by their number: those of Demucs, in its order.
_SOURCES_BY_NUMBER = {
    2: (DRUMS, OTHER),
    4: (DRUMS, "bass", OTHER, "vocals"),
    6: (DRUMS, "bass", OTHER, "vocals", "guitar", "piano"),
}
_SAMPLE_RATE = 44100  # of graphs that state none


class GraphWave(SeparatorModel):
    """A graph from waveform to waveforms, (batch, channels, samples) to (batch, sources, channels, samples).

    Args:
        graph: the graph.
        sources: names of its outputs, in order.
        sample_rate: Hz.
    """

    def __init__(self, graph: Graph, sources: tuple[str, ...], sample_rate: int) -> None:
        fixed_batch, channels, fixed_samples = graph.shapes[0][0]
        super().__init__((DRUMS, OTHER), sample_rate, channels or 2)
        self.graph, self.drums = graph, require_drums(str(graph.path), sources)
        self.fixed_batch, self.fixed_samples = fixed_batch, fixed_samples
        self.segment_seconds = None if self.fixed_samples is None else self.fixed_samples / sample_rate
        self.max_segment_seconds = self.segment_seconds

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        num_samples = mix.shape[-1]
        wanted = self.fixed_samples or num_samples
        if num_samples > wanted:
            raise ModelError(
                f"{self.graph.path}: takes excerpts of {wanted} samples, not of {num_samples}; leave the length of the "
                "segments to it"
            )
        padded = functional.pad(mix, (0, wanted - num_samples))
        parts = padded.split(self.fixed_batch or len(mix))
        estimates = torch.cat([self.graph.run(part) for part in parts])[..., :num_samples]
        return one_and_rest(estimates, self.drums)


class GraphFamily(Family):
    """Graphs in files of one kind.

    Attributes:
        runtime: what runs them.
    """

    runtime: ClassVar[type[Graph]]

    def load(self, path: Path) -> SeparatorModel:
        """Load a graph."""
        if not path.is_file() or path.suffix.lower() not in self.runtime.suffixes:
            raise ModelError(f"{path}: is no graph; give {self.takes}")
        path = path.absolute()
        graph = self.runtime(path)
        entries, leaving = graph.shapes
        described = graph.description
        if described is not None:
            try:
                return GraphMasks(graph, described).eval()
            except (ValueError, KeyError, TypeError, ConfigError) as error:
                raise ModelError(f"{path}: its description cannot be used ({error}); export it again") from error
        number = leaving[0][1] if leaving and len(leaving[0]) == 4 else None
        if [len(entry) for entry in entries] != [3] or len(leaving) != 1 or number not in _SOURCES_BY_NUMBER:
            raise ModelError(
                f"{path}: is no separator: it must map (batch, channels, samples) to (batch, 2, 4 or 6 sources, "
                "channels, samples), or be written by dssgan"
            )
        return GraphWave(graph, _SOURCES_BY_NUMBER[number], _SAMPLE_RATE).eval()

    def record(self, path: Path) -> ExportRecord | None:
        """Read what `dssgan export` wrote; see `Family.record`."""
        described = self.runtime(path.absolute()).description
        if described is None:
            return None
        if RECORD not in described:
            raise ModelError(f"{path}: has no record of what it learnt from; export its bundle again")
        try:
            return ExportRecord.from_settings(described[RECORD])
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error


class OnnxFamily(GraphFamily):
    """ONNX graphs."""

    name: ClassVar[str] = "onnx"
    about: ClassVar[str] = "ONNX graphs of dssgan and of demucs-onnx, run by onnxruntime"
    takes: ClassVar[str] = "a .onnx file"
    extra: ClassVar[str | None] = "onnx"
    packages: ClassVar[tuple[str, ...]] = ("onnxruntime",)
    runtime: ClassVar[type[Graph]] = OnnxRuntimeGraph


class OpenVinoFamily(GraphFamily):
    """Graphs of OpenVINO, which runs ONNX graphs as well."""

    name: ClassVar[str] = "openvino"
    about: ClassVar[str] = "graphs of dssgan and ONNX graphs, run by OpenVINO"
    takes: ClassVar[str] = "a .xml file with its .bin beside it, or a .onnx file"
    extra: ClassVar[str | None] = "openvino"
    packages: ClassVar[tuple[str, ...]] = ("openvino",)
    runtime: ClassVar[type[Graph]] = OpenVinoGraph

    def files(self, path: Path) -> list[Path]:
        """List the file and its weights."""
        return [path, path.with_suffix(".bin")] if path.suffix.lower() == ".xml" else [path]
