"""Bundles that are damaged or lie."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dssgan.errors import ModelError
from dssgan.separators import build_separator
from dssgan.separators.bundle import load_bundle, save_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    model = build_separator("unet", {"num_initial_filters": 2, "num_layers": 2}, "parity")
    save_bundle(folder, "unet", model, metadata={"licence": "CC0-1.0"})
    return folder


def change(bundle: Path, **changes: object) -> None:
    file = bundle / "model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no model\.json"):
        load_bundle(tmp_path)


def test_truncated_weights(bundle: Path) -> None:
    file = bundle / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match="missing or damaged"):
        load_bundle(bundle)


def test_weights_of_another_model(bundle: Path) -> None:
    save_file({"other": torch.zeros(3)}, bundle / "weights.safetensors")
    with pytest.raises(ModelError, match="do not fit"):
        load_bundle(bundle)


def test_a_giant_costs_nothing(bundle: Path) -> None:
    arguments = json.loads((bundle / "model.json").read_text())["arguments"]
    change(bundle, arguments={**arguments, "num_initial_filters": 200_000})
    with pytest.raises(ModelError, match="do not fit"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "nothing"}, r"model\.json: cannot be built \(unknown separator 'nothing'"),
        ({"architecture": ["a"]}, r"model\.json: cannot be built"),
        ({"arguments": {"sources": 3}}, r"model\.json: cannot be built"),
        ({"arguments": {"num_layer": 3}}, r"model\.json: cannot be built .*did you mean num_layers"),
        ({"arguments": None}, r"model\.json: cannot be built"),
        ({"format": 99}, "is not a bundle of format 1; a newer dssgan may have written it"),
    ],
)
def test_nonsense_is_named(bundle: Path, changes: dict[str, object], message: str) -> None:
    change(bundle, **changes)
    with pytest.raises(ModelError, match=message) as caught:
        load_bundle(bundle)
    assert str(bundle) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_not_json(bundle: Path) -> None:
    (bundle / "model.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        load_bundle(bundle)
