"""Writing a separator's network as a graph that other programs run."""

import contextlib
import io
import json
import logging
import math
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dssgan.atomic import replacing
from dssgan.configurable import settings_of
from dssgan.errors import ModelError
from dssgan.extras import import_from
from dssgan.separators.graphs.export_record import ExportRecord
from dssgan.separators.graphs.runtimes import METADATA, RECORD, Graph, OnnxRuntimeGraph, OpenVinoGraph
from dssgan.separators.masking import MaskingSeparator

_TRACED_FRAMES = 64  # a multiple of what networks halve
_MAX_DIFFERENCE = 1e-3  # of masks, which are about 1


class _Masks(torch.nn.Module):
    def __init__(self, model: MaskingSeparator) -> None:
        super().__init__()
        self.model = model

    def forward(self, spectrum: Tensor) -> Tensor:
        return self.model.masks(spectrum)


def export_onnx(model: MaskingSeparator, path: Path, record: ExportRecord | None = None) -> float:
    """Write a separator's network as an ONNX graph of real numbers, with the transform outside, and compare the two.

    A network with recurrences is written for segments of its own length, every other one for excerpts of any length.

    Args:
        model: a separator that masks a complex spectrogram.
        path: the graph, NAME.onnx.
        record: where its weights come from; None for temporary graphs.

    Returns:
        The largest difference between the masks of the graph and of the separator.

    Raises:
        ModelError: a package is missing, the network cannot be written, or the graph gives something else.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch writes through it
    except ImportError as error:
        raise ModelError("exporting needs more packages; pip install 'dssgan[export]'") from error
    settings: dict[str, Any] = {name: getattr(model, name) for name in settings_of(MaskingSeparator)}
    if record is not None:
        settings[RECORD] = record.as_settings()
    num_frames = frames_of_segment(model)
    # torch.onnx.export writes the number of frames that it saw into the layers around an LSTM
    is_dynamic = not any(isinstance(layer, torch.nn.RNNBase) for layer in model.modules())
    lengths = [num_frames, num_frames // 2 + 1] if is_dynamic else [num_frames]
    with replacing(path) as temporary:
        graph = _export(model, _TRACED_FRAMES if is_dynamic else num_frames, is_dynamic=is_dynamic)
        entry = graph.metadata_props.add()
        entry.key, entry.value = METADATA, json.dumps(settings)
        onnx.save(graph, str(temporary))
        difference = _compare(model, OnnxRuntimeGraph(temporary), lengths)
        _require_same(path, difference)
    return difference


def export_openvino(model: MaskingSeparator, path: Path, record: ExportRecord | None = None) -> float:
    """Write a separator's network as a graph of OpenVINO, with the transform outside, and compare the two.

    Args:
        model: a separator that masks a complex spectrogram.
        path: the graph, NAME.xml; its weights are written beside it as NAME.bin.
        record: where its weights come from; None for temporary graphs.

    Returns:
        The largest difference between the masks of the graph and of the separator.

    Raises:
        ModelError: a package is missing, the network cannot be written, or the graph gives something else.
        WriteError: a file cannot be written.
    """
    openvino = import_from("openvino", "openvino")
    with tempfile.TemporaryDirectory() as name:
        from_torch, made = Path(name) / "graph.onnx", Path(name) / "graph.xml"
        export_onnx(model, from_torch, record)
        graph = openvino.Core().read_model(str(from_torch))
        description = OpenVinoGraph(from_torch).description
        graph.set_rt_info(json.dumps(description), [METADATA])
        openvino.save_model(graph, str(made), compress_to_fp16=False)
        difference = _compare(model, OpenVinoGraph(made), [frames_of_segment(model)])
        _require_same(path, difference)
        for suffix in (".bin", ".xml"):  # the file that names the graph last
            with replacing(path.with_suffix(suffix)) as temporary:
                shutil.copyfile(made.with_suffix(suffix), temporary)
    return difference


Export = Callable[[MaskingSeparator, Path, ExportRecord | None], float]

# by the suffix of the graph's file
EXPORTS: dict[str, Export] = {".onnx": export_onnx, ".xml": export_openvino}


def frames_of_segment(model: MaskingSeparator) -> int:
    """Count the frames that a separator's network sees at once when a long file is separated."""
    assert model.segment_seconds is not None
    return -(-round(model.segment_seconds * model.sample_rate) // model.hop_samples) + 1


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the messages of torch while it exports."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _export(model: MaskingSeparator, num_frames: int, *, is_dynamic: bool) -> Any:
    """Return the graph.

    Raises:
        ModelError: torch cannot write it.
    """
    spectrum = torch.zeros(1, 2 * model.channels, num_frames, model.num_bins)
    shapes = {"spectrum": {2: torch.export.Dim("frames", min=2)}} if is_dynamic else None
    with _quiet():
        try:
            program = torch.onnx.export(
                _Masks(model).eval(), (spectrum,), dynamo=True, input_names=["spectrum"], output_names=["masks"],
                dynamic_shapes=shapes, verbose=False,
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"torch cannot write this separator as a graph ({reason}); export another") from error
    assert program is not None
    return program.model_proto


def _require_same(path: Path, difference: float) -> None:
    if difference > _MAX_DIFFERENCE:
        raise ModelError(f"{path}: no graph gives what this separator gives; export another architecture")


def _compare(model: MaskingSeparator, graph: Graph, lengths: list[int]) -> float:
    """Return the largest difference between a graph and its separator; infinity where the graph cannot be run."""
    generator = torch.Generator().manual_seed(0)
    largest = 0.0
    for num_frames in lengths:
        spectrum = torch.randn(1, 2 * model.channels, num_frames, model.num_bins, generator=generator)
        with torch.inference_mode():
            expected = model.eval().masks(spectrum)
        try:
            found = graph.run(spectrum)
        except ModelError:
            return math.inf
        largest = max(largest, float((found - expected).abs().max()))
    return largest
