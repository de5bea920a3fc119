"""Other programs that run a separator's networks."""

import importlib.util
import json

import numpy as np
import pytest
import torch

from dssgan.errors import ConfigError, ModelError
from dssgan.inference import engines
from dssgan.inference.engines import ENGINES, with_engine
from dssgan.inference.separator import Separator
from dssgan.separators import SeparatorModel, build_separator
from dssgan.separators.ensemble import Ensemble
from dssgan.separators.graphs.masks import GraphMasks
from dssgan.separators.hpss import HPSS
from dssgan.user_cache import cache_folder

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    """Members of which one is a network of masks, one is at another rate and one is no network at all."""
    torch.manual_seed(0)
    small = {"num_initial_filters": 4, "num_layers": 2, "n_fft": 512, "hop_samples": 256}
    networks = [build_separator("tdf_unet", {**small, "sample_rate": rate}, "tiny") for rate in (44100, 22050)]
    return Ensemble([*networks, HPSS()]).eval()


def graphs_in(model: SeparatorModel) -> int:
    return sum(isinstance(module, GraphMasks) for module in model.modules())


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine not in ("torch", "auto")])
def test_it_gives_the_same_stems(engine: str, ensemble: Ensemble, song) -> None:
    mix = song[0][:, :66150]
    expected = Separator(ensemble, "ours").separate(mix, 44100)
    other = Separator(ensemble, "ours", engine=engine)
    assert graphs_in(other.model) == 2
    assert graphs_in(ensemble) == 0  # the one that was given stays as it is
    for source, stem in other.separate(mix, 44100).items():
        np.testing.assert_allclose(stem, expected[source], atol=1e-4)
    written = set(cache_folder("engines").glob("*.onnx"))
    Separator(ensemble, "ours", engine=engine)
    assert set(cache_folder("engines").glob("*.onnx")) == written  # the graphs were there


def test_auto_takes_what_was_measured_the_fastest(ensemble: Ensemble) -> None:
    before = set(cache_folder("engines").glob("*.json"))
    with_engine(ensemble, "auto", "float32", CPU)
    (first, second) = sorted(set(cache_folder("engines").glob("*.json")) - before)
    for file in (first, second):
        seconds = json.loads(file.read_text())["seconds"]
        assert set(seconds) == {"torch", "onnxruntime", "openvino"}
        assert all(0 < value < 60 for value in seconds.values())
    first.write_text(json.dumps({"seconds": {"torch": 1.0, "openvino": 0.9, "onnxruntime": 0.95}}))
    second.write_text(json.dumps({"seconds": {"torch": 1.0, "openvino": 0.5, "onnxruntime": 0.6}}))
    chosen = with_engine(ensemble, "auto", "float32", CPU)
    assert [type(m.graph).package for m in chosen.modules() if isinstance(m, GraphMasks)] == ["openvino"]
    assert graphs_in(with_engine(ensemble, "auto", "float32", torch.device("cuda"))) == 0


def test_one_that_gives_something_else_is_not_taken(ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "MAX_DIFFERENCE", -1.0)
    monkeypatch.setattr(engines, "_processor", lambda: "another")
    assert graphs_in(with_engine(ensemble, "auto", "float32", CPU)) == 0


def test_what_cannot_be_is_named(ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="unknown engine 'openvin': did you mean openvino"):
        with_engine(ensemble, "openvin", "float32", CPU)
    with pytest.raises(ConfigError, match="runs on the processor"):
        with_engine(ensemble, "openvino", "float32", torch.device("cuda"))
    with pytest.raises(ModelError, match="runs none of the networks"):
        with_engine(HPSS(), "onnxruntime", "float32", CPU)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ModelError, match=r"pip install 'dssgan\[export,openvino\]'"):
        with_engine(ensemble, "openvino", "float32", CPU)
    assert graphs_in(with_engine(ensemble, "auto", "float32", CPU)) == 0
