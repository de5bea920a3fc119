"""Network graphs in files, and the programs that run them."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from dssgan.errors import ModelError
from dssgan.extras import import_from
from dssgan.separators.graphs.signal_stack import signal_stack_kept

METADATA = "dssgan"  # key of the description in a graph
RECORD = "record"  # ... and in it of where its weights come from


class Graph(ABC):
    """A graph of one input and one output that is opened where it is first run, so that it can be sent elsewhere.

    Args:
        path: its file.

    Attributes:
        package: what runs it.
        extra: extra of dssgan that installs the package.
        suffixes: suffixes of files that it can run.
    """

    package: ClassVar[str]
    extra: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_opened": None}

    def __deepcopy__(self, _memo: dict[int, Any]) -> "Graph":
        return type(self)(self.path)

    @property
    def opened(self) -> Any:
        """The package's object for it.

        Raises:
            ModelError: the package is missing, or the file is no graph.
        """
        if self._opened is None:
            package = import_from(self.package, self.extra)
            try:
                self._opened = self._open(package)
            except Exception as error:  # these packages have a class of their own for each fault
                raise ModelError(f"{self.path}: cannot be read as a graph ({_first_line(error)})") from error
        return self._opened

    def run(self, tensor: Tensor) -> Tensor:
        """Run it.

        Args:
            tensor: the input, float32.

        Returns:
            The output, on the input's device.

        Raises:
            ModelError: it cannot be run on this.
        """
        opened = self.opened
        try:
            found = self._run(opened, tensor.detach().float().cpu().contiguous())
        except Exception as error:
            raise ModelError(f"{self.path}: cannot be run ({_first_line(error)})") from error
        return found.to(tensor.device)

    @property
    @abstractmethod
    def shapes(self) -> tuple[list[list[int | None]], list[list[int | None]]]:
        """Shapes of the inputs and of the outputs; None for what may be of any length."""

    @property
    @abstractmethod
    def description(self) -> dict[str, Any] | None:
        """What dssgan wrote of its use; None in third-party graphs.

        Raises:
            ModelError: it is damaged.
        """

    @abstractmethod
    def _open(self, package: Any) -> Any: ...

    @abstractmethod
    def _run(self, opened: Any, tensor: Tensor) -> Tensor: ...

    def _parse(self, text: str) -> dict[str, Any]:
        try:
            description: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise ModelError(f"{self.path}: its description cannot be used ({error}); export it again") from error
        return description


class OnnxRuntimeGraph(Graph):
    """An ONNX graph in onnxruntime, on a GPU where that has been installed for one."""

    package: ClassVar[str] = "onnxruntime"
    extra: ClassVar[str] = "onnx"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)

    def _open(self, package: Any) -> Any:
        options = package.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [provider for provider in wanted if provider in package.get_available_providers()]
        return package.InferenceSession(str(self.path), options, providers=providers)

    def _run(self, opened: Any, tensor: Tensor) -> Tensor:
        (entry, *_), (leaving, *_) = opened.get_inputs(), opened.get_outputs()
        (found,) = opened.run([leaving.name], {entry.name: tensor.numpy()})
        return torch.from_numpy(found)

    @property
    def shapes(self) -> tuple[list[list[int | None]], list[list[int | None]]]:
        """See `Graph.shapes`."""
        sides = (
            [[size if isinstance(size, int) else None for size in one.shape] for one in side]
            for side in (self.opened.get_inputs(), self.opened.get_outputs())
        )
        entries, leaving = sides
        return entries, leaving

    @property
    def description(self) -> dict[str, Any] | None:
        """See `Graph.description`."""
        text = self.opened.get_modelmeta().custom_metadata_map.get(METADATA)
        return None if text is None else self._parse(text)


class OpenVinoGraph(Graph):
    """A graph in OpenVINO, from its own files or from ONNX, on the processor in float32."""

    package: ClassVar[str] = "openvino"
    extra: ClassVar[str] = "openvino"
    suffixes: ClassVar[tuple[str, ...]] = (".xml", ".onnx")

    def _open(self, package: Any) -> Any:
        # by itself it would take bf16 where the processor has it, unasked
        settings = {
            "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }  # fmt: skip
        with signal_stack_kept():
            return package.Core().compile_model(str(self.path), "CPU", settings)

    def _run(self, opened: Any, tensor: Tensor) -> Tensor:
        with signal_stack_kept():
            return torch.from_numpy(opened(tensor.numpy())[0].copy())

    @property
    def shapes(self) -> tuple[list[list[int | None]], list[list[int | None]]]:
        """See `Graph.shapes`."""
        sides = (
            [[size.get_length() if size.is_static else None for size in one.partial_shape] for one in side]
            for side in (self.opened.inputs, self.opened.outputs)
        )
        entries, leaving = sides
        return entries, leaving

    @property
    def description(self) -> dict[str, Any] | None:
        """See `Graph.description`."""
        package = import_from(self.package, self.extra)
        model = package.Core().read_model(str(self.path))
        for path in ([METADATA], ["framework", METADATA]):  # of its own files, of ONNX
            if model.has_rt_info(path):
                return self._parse(model.get_rt_info(path).astype(str))
        return None


RUNTIMES: dict[str, type[Graph]] = {"onnxruntime": OnnxRuntimeGraph, "openvino": OpenVinoGraph}


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
