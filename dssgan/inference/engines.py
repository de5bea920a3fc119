"""Which program runs a separator's networks: torch, or a faster one that is installed."""

import contextlib
import copy
import hashlib
import importlib.metadata
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from dssgan.atomic import write_text
from dssgan.errors import ConfigError, ModelError, WriteError, unknown
from dssgan.inference.device import uses_bf16
from dssgan.separators.base import SeparatorModel
from dssgan.separators.graphs.export import export_onnx, frames_of_segment
from dssgan.separators.graphs.masks import GraphMasks
from dssgan.separators.graphs.runtimes import RUNTIMES
from dssgan.separators.masking import MaskingSeparator
from dssgan.user_cache import cache_folder

ENGINES = ("torch", *RUNTIMES, "auto")
MAX_DIFFERENCE = 1e-3  # of masks, which are about 1
# to load another program takes a second or two, and some 300 MiB
_WORTH_IT = 0.85  # of torch's time
_ROUNDS = 5


def with_engine(model: SeparatorModel, engine: str, precision: str, device: torch.device) -> SeparatorModel:
    """Return a separator whose networks another program runs.

    Each network that masks a spectrogram is written as a graph, once, into the user's cache. Transforms, weighting and
    post-processing stay in torch.

    Args:
        model: a separator or an ensemble; it stays as it is.
        engine: one of `ENGINES`; "auto" takes for each network what is the fastest on this machine of all that is
            installed and gives the same masks to 1e-3, which is measured once; torch, unless another saves a sixth.
        precision: "float32" or "bf16", in which torch would run it.
        device: the device that it runs on.

    Raises:
        ConfigError: an unknown engine, or one that does not run on the device.
        ModelError: the engine is not installed, or it runs none of the separator's networks.
    """
    if engine not in ENGINES:
        raise ConfigError(unknown("engine", engine, ENGINES))
    if engine == "torch" or (engine == "auto" and device.type != "cpu"):
        return model
    if device.type != "cpu":
        raise ConfigError(f"engine {engine}: runs on the processor; give device cpu, or leave the engine out")
    model = copy.deepcopy(model)
    found: dict[int, nn.Module] = {}
    for network in model.modules():
        if isinstance(network, MaskingSeparator) and not isinstance(network, GraphMasks):
            with_bf16 = uses_bf16(precision, device)
            chosen = _fastest(network, with_bf16=with_bf16) if engine == "auto" else engine
            if chosen != "torch":
                found[id(network)] = _in_runtime(network, chosen)
    if not found and engine != "auto":
        raise ModelError(f"engine {engine}: runs none of the networks of this model; leave the engine to torch")
    replaced = _replace(model, found)
    assert isinstance(replaced, SeparatorModel)
    return replaced.eval()


def _replace(module: nn.Module, found: dict[int, nn.Module]) -> nn.Module:
    if id(module) in found:
        return found[id(module)]
    for name, child in list(module.named_children()):
        setattr(module, name, _replace(child, found))
    return module


def _in_runtime(network: MaskingSeparator, engine: str) -> GraphMasks:
    """Return a network's graph in a runtime, after writing it into the cache where it is missing."""
    runtime = RUNTIMES[engine]
    if importlib.util.find_spec(runtime.package) is None:
        raise ModelError(f"engine {engine}: is not installed; pip install 'dssgan[export,{runtime.extra}]'")
    path = cache_folder("engines") / f"{_fingerprint(network)}.onnx"
    if not path.exists():
        export_onnx(network, path)
    graph = runtime(path)
    description = graph.description
    assert description is not None
    return GraphMasks(graph, description).eval()


def _fastest(network: MaskingSeparator, *, with_bf16: bool) -> str:
    """Choose what runs a network the fastest of all that gives the same, as measured once on this machine."""
    installed = [name for name, runtime in RUNTIMES.items() if importlib.util.find_spec(runtime.package) is not None]
    if not installed:
        return "torch"
    versions = {name: importlib.metadata.version(name) for name in ("torch", *installed)}
    facts = json.dumps([_fingerprint(network), versions, torch.get_num_threads(), with_bf16, _processor()])
    file = cache_folder("engines") / f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}.json"
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        known = {str(name): float(value) for name, value in json.loads(file.read_text("utf-8"))["seconds"].items()}
        return _best(known)
    spectrum = torch.randn(
        1, 2 * network.channels, frames_of_segment(network), network.num_bins,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip

    def in_torch() -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=with_bf16):
            return network.masks(spectrum)

    with torch.inference_mode():
        exact = network.masks(spectrum)
        seconds = {"torch": _seconds(in_torch)}
        for name in installed:
            try:
                graph = _in_runtime(network, name)
                if float((graph.masks(spectrum) - exact).abs().max()) <= MAX_DIFFERENCE:
                    seconds[name] = _seconds(lambda graph=graph: graph.masks(spectrum))  # type: ignore[misc]
            except ModelError:
                continue  # a network that it cannot run, or nothing is there to write graphs with
    with contextlib.suppress(WriteError):  # it is measured again next time
        write_text(file, json.dumps({"seconds": seconds}))
    return _best(seconds)


def _best(seconds: dict[str, float]) -> str:
    fastest = min(seconds, key=lambda name: seconds[name])
    return fastest if seconds[fastest] < _WORTH_IT * seconds["torch"] else "torch"


def _seconds(run: Callable[[], Tensor]) -> float:
    run()
    times = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def _fingerprint(network: MaskingSeparator) -> str:
    """Hash what a network computes, and what writes its graph."""
    digest = hashlib.sha256(repr((type(network).__name__, network.arguments, torch.__version__)).encode())
    for name, weights in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(weights.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:32]


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line
    return ""
