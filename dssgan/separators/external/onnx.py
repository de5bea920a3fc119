"""Separators as ONNX graphs, run by onnxruntime, with the transform inside the graph or outside."""

import contextlib
import io
import json
import math
import warnings
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from dssgan.atomic import replacing
from dssgan.configurable import settings_of
from dssgan.errors import ConfigError, ModelError
from dssgan.separators.base import SeparatorModel
from dssgan.separators.external.family import DRUMS, OTHER, Family, import_from, require_drums
from dssgan.separators.masking import MaskingSeparator
from dssgan.separators.two_stems import one_and_rest

METADATA = "dssgan"  # key of the graph's metadata that says how it is to be used
# The sources of graphs that do not say, by their number: those of Demucs, in its order.
_SOURCES_BY_NUMBER = {
    2: (DRUMS, OTHER),
    4: (DRUMS, "bass", OTHER, "vocals"),
    6: (DRUMS, "bass", OTHER, "vocals", "guitar", "piano"),
}
_SAMPLE_RATE = 44100  # of graphs that do not say
_TRACED_FRAMES = 64  # a multiple of what networks halve
_MAX_DIFFERENCE = 1e-3  # of masks, which are about 1


class _Graph:
    """A graph that is opened where it is first run, so that it can be sent to other processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._session: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_session": None}

    def __deepcopy__(self, _memo: dict[int, Any]) -> "_Graph":
        return _Graph(self.path)

    @property
    def session(self) -> Any:
        if self._session is None:
            onnxruntime = import_from("onnxruntime", "onnx")
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            options.log_severity_level = 3
            providers = [
                provider
                for provider in ("CUDAExecutionProvider", "CPUExecutionProvider")
                if provider in onnxruntime.get_available_providers()
            ]
            try:
                self._session = onnxruntime.InferenceSession(str(self.path), options, providers=providers)
            except Exception as error:  # onnxruntime has a class of its own for each fault
                raise ModelError(
                    f"{self.path}: cannot be read as an ONNX graph ({str(error).splitlines()[0]})"
                ) from error
        return self._session

    def run(self, tensor: Tensor) -> Tensor:
        """Run the graph on its only input and give its first output."""
        (entry, *_), (leaving, *_) = self.session.get_inputs(), self.session.get_outputs()
        try:
            (found,) = self.session.run([leaving.name], {entry.name: tensor.detach().float().cpu().numpy()})
        except Exception as error:
            raise ModelError(f"{self.path}: cannot be run ({str(error).splitlines()[0]})") from error
        return torch.from_numpy(found).to(tensor.device)


class OnnxMasks(MaskingSeparator):
    """A graph that predicts masks, as `export_onnx` writes it; the transform is outside.

    Args:
        path: the graph.
        settings: those of `MaskingSeparator`.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        super().__init__(**{**settings, "sources": tuple(settings["sources"])})
        self.graph = _Graph(path)
        frames = self.graph.session.get_inputs()[0].shape[2]
        self.fixed_frames = frames if isinstance(frames, int) else None
        self.max_segment_seconds = None if self.fixed_frames is None else self.segment_seconds

    def masks(self, spectrum: Tensor) -> Tensor:
        """Predict masks; see `MaskingSeparator.masks`. A graph of a fixed length hears silence after the end."""
        num_frames = spectrum.shape[2]
        missing = (self.fixed_frames or num_frames) - num_frames
        if self.fixed_frames is None:
            return self.graph.run(spectrum)
        items = functional.pad(spectrum, (0, 0, 0, missing)).split(1)
        return torch.cat([self.graph.run(item) for item in items])[:, :, :num_frames]


class OnnxWave(SeparatorModel):
    """A graph from waveform to waveforms, (batch, channels, samples) to (batch, sources, channels, samples).

    Args:
        path: the graph.
        sources: names of its outputs, in order.
        sample_rate: Hz.
    """

    def __init__(self, path: Path, sources: tuple[str, ...], sample_rate: int) -> None:
        graph = _Graph(path)
        shape = graph.session.get_inputs()[0].shape
        super().__init__((DRUMS, OTHER), sample_rate, shape[1] if isinstance(shape[1], int) else 2)
        self.graph, self.drums = graph, require_drums(str(path), sources)
        self.fixed_batch = shape[0] if isinstance(shape[0], int) else None
        self.fixed_samples = shape[2] if isinstance(shape[2], int) else None
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


class OnnxFamily(Family):
    """ONNX graphs."""

    name: ClassVar[str] = "onnx"
    about: ClassVar[str] = "ONNX graphs of dssgan and of demucs-onnx, run by onnxruntime"
    takes: ClassVar[str] = "a .onnx file"
    extra: ClassVar[str | None] = "onnx"
    packages: ClassVar[tuple[str, ...]] = ("onnxruntime",)

    def load(self, path: Path) -> SeparatorModel:
        """Load a graph."""
        if not path.is_file():
            raise ModelError(f"{path}: is no file; give {self.takes}")
        path = path.absolute()
        session = _Graph(path).session
        described = session.get_modelmeta().custom_metadata_map.get(METADATA)
        if described is not None:
            try:
                return OnnxMasks(path, json.loads(described)).eval()
            except (ValueError, KeyError, TypeError, ConfigError) as error:
                raise ModelError(f"{path}: its description cannot be used ({error}); export it again") from error
        entries, leaving = session.get_inputs(), session.get_outputs()
        shapes = [len(entry.shape) for entry in entries], [len(one.shape) for one in leaving]
        number = leaving[0].shape[1] if leaving and len(leaving[0].shape) == 4 else None
        if shapes != ([3], [4]) or number not in _SOURCES_BY_NUMBER:
            raise ModelError(
                f"{path}: is no separator: it must map (batch, channels, samples) to (batch, 2, 4 or 6 sources, "
                "channels, samples), or be written by dssgan"
            )
        return OnnxWave(path, _SOURCES_BY_NUMBER[number], _SAMPLE_RATE).eval()


class _Masks(torch.nn.Module):
    def __init__(self, model: MaskingSeparator) -> None:
        super().__init__()
        self.model = model

    def forward(self, spectrum: Tensor) -> Tensor:
        return self.model.masks(spectrum)


def export_onnx(model: MaskingSeparator, path: Path) -> float:
    """Write a separator's network as an ONNX graph of real numbers, with the transform outside, and compare the two.

    A network whose layers do not export for excerpts of any length is written for segments of its own length.

    Args:
        model: a separator that masks a complex spectrogram.
        path: the graph, NAME.onnx.

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
    settings = {name: getattr(model, name) for name in settings_of(MaskingSeparator)}
    assert model.segment_seconds is not None
    segment_samples = round(model.segment_seconds * model.sample_rate)
    num_frames = -(-segment_samples // model.hop_samples) + 1
    with replacing(path) as temporary:
        for is_dynamic in (True, False):
            graph = _export(model, _TRACED_FRAMES if is_dynamic else num_frames, is_dynamic=is_dynamic)
            if graph is None:
                continue
            entry = graph.metadata_props.add()
            entry.key, entry.value = METADATA, json.dumps(settings)
            onnx.save(graph, str(temporary))
            difference = _compare(model, temporary, [num_frames, num_frames // 2 + 1] if is_dynamic else [num_frames])
            if difference <= _MAX_DIFFERENCE:
                return difference
        raise ModelError(f"{path}: no graph gives what this separator gives; export another architecture")


def _export(model: MaskingSeparator, num_frames: int, *, is_dynamic: bool) -> Any:
    """Give the graph; None where torch cannot write it."""
    spectrum = torch.zeros(1, 2 * model.channels, num_frames, model.num_bins)
    shapes = {"spectrum": {2: torch.export.Dim("frames", min=2)}} if is_dynamic else None
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                _Masks(model).eval(), (spectrum,), dynamo=True, input_names=["spectrum"], output_names=["masks"],
                dynamic_shapes=shapes, verbose=False,
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError:
            return None
    assert program is not None
    return program.model_proto


def _compare(model: MaskingSeparator, path: Path, lengths: list[int]) -> float:
    """Give the largest difference between a graph and its separator; infinity where the graph cannot be run."""
    generator = torch.Generator().manual_seed(0)
    largest = 0.0
    for num_frames in lengths:
        spectrum = torch.randn(1, 2 * model.channels, num_frames, model.num_bins, generator=generator)
        with torch.inference_mode():
            expected = model.eval().masks(spectrum)
        try:
            found = _Graph(path).run(spectrum)
        except ModelError:
            return math.inf
        largest = max(largest, float((found - expected).abs().max()))
    return largest
