"""`dssgan models`: the table says what can be loaded."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import dssgan
from external_checkpoints import htdemucs, write_demucs

from dssgan.audio import files
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle
from dssgan.separators.ensemble import Recipe, save_recipe


@pytest.mark.slow
def test_shipped_own_and_third_party_models(tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = build_separator("unet", {"num_layers": 1, "num_initial_filters": 2})
    data = {"name": "songs", "licence": "CC0-1.0", "fingerprint": "0" * 64, "credits": [], "rights": []}
    save_bundle(tmp_path / "runs" / "mine" / "bundle", "unet", small, metadata={"data": data})
    (tmp_path / "ensembles").mkdir()
    write_demucs(tmp_path / "checkpoints", "own", htdemucs())
    members = ["../runs/mine/bundle", "demucs:../checkpoints"]
    save_recipe(tmp_path / "ensembles" / "mixed.yaml", Recipe(members=members))
    (tmp_path / "notes.yaml").write_text("shopping: [milk]")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.json").write_text("{}")  # some other program's
    done = dssgan("models", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = {model["reference"]: model for model in map(json.loads, done.stdout.splitlines())}
    assert listed["default"]["where"] == "shipped"
    assert listed["runs/mine/bundle"]["num_parameters"] == sum(value.numel() for value in small.state_dict().values())
    assert listed["runs/mine/bundle"]["licence"] == "CC0-1.0"
    assert listed["ensembles/mixed.yaml"]["about"] == "ensemble of 2"
    assert "research" in listed["demucs:htdemucs_ft"]["licence"]
    assert not {"notes.yaml", "other"} & set(listed)
    table = dssgan("models", "--speed", cwd=tmp_path)
    assert table.returncode == 0, table.stderr
    assert "CC-BY-NC-SA-4.0" in table.stderr
    assert "msst:PATH" in table.stderr


@pytest.mark.slow
def test_an_exported_graph_separates(tmp_path: Path, song: tuple[np.ndarray, np.ndarray]) -> None:
    torch.manual_seed(0)
    small = build_separator("tdf_unet", {"num_layers": 1, "num_initial_filters": 4})
    save_bundle(tmp_path / "mine", "tdf_unet", small, metadata={})
    done = dssgan("export", "mine", "--onnx", "mine.onnx", "--openvino", "mine.xml", cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    files.write(tmp_path / "song.wav", song[0][:, :44100], 44100)
    for model in ("mine", "onnx:mine.onnx", "openvino:mine.xml", "openvino:mine.onnx"):
        options = ("-o", model.replace(":", "-"), "--float32", "--precision", "float32")
        done = dssgan("separate", "song.wav", "-m", model, *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        found = files.read(tmp_path / model.replace(":", "-") / "song" / "drums.wav")
        np.testing.assert_allclose(found, files.read(tmp_path / "mine" / "song" / "drums.wav"), atol=1e-4)
    for arguments, message in (
        (("default", "-o", "x.onnx"), "one member"),
        (("mine", "-o", "x"), "ends in .onnx or .xml"),
        (("mine", "--openvino", "x.onnx"), "ends in .xml"),
        (("mine",), "--onnx NAME.onnx"),
    ):
        refused = dssgan("export", *arguments, cwd=tmp_path)
        assert refused.returncode == 2
        assert message in refused.stderr
    assert not (tmp_path / "x.onnx").exists()


@pytest.mark.slow
def test_an_exported_graph_of_pieces_takes_drums(tmp_path: Path, song: tuple[np.ndarray, np.ndarray]) -> None:
    torch.manual_seed(0)
    sources = ("kick", "snare", "cymbals")
    small = build_separator("tdf_unet", {"num_layers": 1, "num_initial_filters": 4, "sources": list(sources)})
    save_bundle(tmp_path / "kit", "tdf_unet", small, metadata={"from": "drums"})
    done = dssgan("export", "kit", "-o", "kit.onnx", cwd=tmp_path, timeout=300)
    assert "dssgan separate DRUMS --drums -m onnx:kit.onnx" in done.stderr + done.stdout
    files.write(tmp_path / "drums.wav", song[1][0][:, :44100], 44100)
    for model in ("kit", "onnx:kit.onnx"):
        options = ("--drums", "-o", model.replace(":", "-"), "--float32", "--precision", "float32")
        done = dssgan("separate", "drums.wav", "-m", model, *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        for source in sources:
            found = files.read(tmp_path / model.replace(":", "-") / "drums" / f"{source}.wav")
            np.testing.assert_allclose(found, files.read(tmp_path / "kit" / "drums" / f"{source}.wav"), atol=1e-4)
    refused = dssgan("separate", "drums.wav", "-m", "onnx:kit.onnx", "-o", "again", cwd=tmp_path)
    assert refused.returncode == 2
    assert "separates drums, not songs" in refused.stderr
