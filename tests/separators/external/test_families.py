"""References, downloads and all that can be wrong with a third-party checkpoint."""

import hashlib
import http.server
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
import yaml
from external_checkpoints import SOURCES, htdemucs, write_bag, write_demucs, write_msst, write_openunmix

from dssgan.audio import files
from dssgan.errors import ConfigError, ModelError
from dssgan.inference.output import OutputSettings
from dssgan.inference.overlap_add import SeparationSettings
from dssgan.inference.separator import Separator
from dssgan.inference.stream import separate_array
from dssgan.separators import build_separator
from dssgan.separators.external import FAMILIES
from dssgan.separators.external.demucs import DemucsFamily
from dssgan.separators.external.download import RemoteFile
from dssgan.separators.external.family import KnownModel
from dssgan.separators.graphs.export import EXPORTS, export_onnx
from dssgan.separators.loading import find_model
from dssgan.separators.tdf_unet import TDFUNet


class _Payload:
    """Stands for whatever a pickle could run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("this must never be printed",))


@pytest.mark.parametrize("family", ["demucs", "msst", "openunmix"])
def test_a_pickle_with_code_is_refused(family: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = {
        "demucs": lambda: tmp_path / "own.th",
        "msst": lambda: write_msst(tmp_path, "scnet")[0],
        "openunmix": lambda: write_openunmix(tmp_path) / "drums.pth",
    }[family]()
    torch.save({"klass": _Payload(), "state": {}}, path)
    place = path.parent if family == "openunmix" else path
    with pytest.raises(ModelError, match=rf"{path.name}: is refused, for loading it could run code"):
        find_model(f"{family}:{place}").load()
    with path.open("wb") as file:
        pickle.dump(_Payload(), file)
    with pytest.raises(ModelError, match=rf"{path.name}: is refused|{path.name}: missing or damaged"):
        find_model(f"{family}:{place}").load()
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("keep", [0, 10, 1000, 20_000])
@pytest.mark.parametrize("family", ["demucs", "msst", "openunmix"])
def test_a_truncated_checkpoint_is_named(family: str, keep: int, tmp_path: Path) -> None:
    path = {
        "demucs": lambda: write_demucs(tmp_path, "own", htdemucs()),
        "msst": lambda: write_msst(tmp_path, "scnet", ".safetensors")[0],
        "openunmix": lambda: write_openunmix(tmp_path) / "drums.pth",
    }[family]()
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=rf"{path.name}: (missing or damaged|is refused)"):
        find_model(f"{family}:{path.parent if family == 'openunmix' else path}").load()


def test_weights_of_another_network_than_the_yaml_says(tmp_path: Path) -> None:
    weights, _ = write_msst(tmp_path / "one", "scnet")
    description = tmp_path / "one" / "scnet.yaml"
    settings = yaml.load(description.read_text(), yaml.FullLoader)
    settings["model"]["dims"] = [4, 8, 24]
    description.write_text(yaml.dump(settings))
    with pytest.raises(ModelError, match=r"scnet\.ckpt \(by scnet\.yaml\): holds the weights of another network"):
        find_model(f"msst:{weights}").load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audio": {}}, r"scnet\.yaml: .*audio\.chunk_size"),
        ({"model": None}, r"scnet\.yaml: does not describe a network"),
        ({"model": {"dims": "many", "num_dplayer": 1}}, r"scnet\.yaml: .*no network can be built"),
        ({"model": {"nothing": 1}}, r"scnet\.yaml: does not name the network"),
        ({"training": {"instruments": ["vocals", "other"]}}, "separates vocals, other, and no drums"),
        ({"training": {"instruments": SOURCES, "target_instrument": "vocals"}}, "separates vocals, and no drums"),
    ],
)
def test_a_yaml_file_that_does_not_fit(tmp_path: Path, change: dict[str, object], message: str) -> None:
    weights, _ = write_msst(tmp_path, "scnet")
    description = tmp_path / "scnet.yaml"
    description.write_text(yaml.dump({**yaml.load(description.read_text(), yaml.FullLoader), **change}))
    with pytest.raises(ModelError, match=message):
        find_model(f"msst:{weights}").load()


def test_a_yaml_file_runs_no_code(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    weights, _ = write_msst(tmp_path, "scnet")
    (tmp_path / "scnet.yaml").write_text("model: !!python/object/apply:builtins.print ['never']\n")
    with pytest.raises(ModelError, match=r"scnet\.yaml: cannot be read as YAML"):
        find_model(f"msst:{weights}").load()
    assert capfd.readouterr().out == ""


def test_a_model_without_drums(tmp_path: Path) -> None:
    write_demucs(tmp_path, "own", htdemucs(sources=["vocals", "other"]))
    with pytest.raises(ModelError, match="separates vocals, other, and no drums"):
        find_model(f"demucs:{tmp_path}").load()


def test_names_and_places_that_are_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="unknown demucs model 'htdemucs_tf': did you mean htdemucs_ft"):
        find_model("demucs:htdemucs_tf").load()
    with pytest.raises(ModelError, match=r"umxhp': did you mean umxhq.*or give a folder with drums\.pth"):
        find_model("openunmix:umxhp").load()
    with pytest.raises(ModelError, match="unknown family of models 'demcus': did you mean demucs"):
        find_model("demcus:htdemucs").load()
    with pytest.raises(ModelError, match=r"no such file; or give a \.ckpt or \.safetensors file"):
        find_model(f"msst:{tmp_path}/nothing.ckpt").load()
    monkeypatch.setattr(DemucsFamily, "packages", ("a_package_that_nobody_has",))
    with pytest.raises(ModelError, match=r"demucs:htdemucs: needs more packages; pip install 'dssgan\[demucs\]'"):
        find_model("demucs:htdemucs").load()


def test_a_folder_with_a_familys_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demucs:own").mkdir()
    with pytest.raises(ModelError, match=r"demucs:own: holds no model\.json"):
        find_model("demucs:own").load()


def test_what_a_model_is_made_of_tells_it_from_others(tmp_path: Path) -> None:
    one, same = write_demucs(tmp_path / "a", "x", htdemucs(0)), write_demucs(tmp_path / "b", "y", htdemucs(0))
    other = write_demucs(tmp_path / "c", "x", htdemucs(1))
    prints = [find_model(f"demucs:{path}").fingerprint() for path in (one, same, other)]
    assert prints[0] == prints[1] != prints[2]
    assert find_model(f"demucs:{one}").origins()[0]["credits"] == [f"demucs:{one}"]


def test_a_bag_that_lacks_a_network(tmp_path: Path) -> None:
    folder = write_bag(tmp_path, "two", [htdemucs(0), htdemucs(1)], None)
    (folder / "net1.safetensors").unlink()
    with pytest.raises(ModelError, match="holds 0 checkpoints of net1, a part of the bag"):
        find_model(f"demucs:{folder}").load()


class _Server(http.server.BaseHTTPRequestHandler):
    """Hands out files, with the hash that Hugging Face sends along."""

    content: ClassVar[dict[str, bytes]] = {}
    hashes: ClassVar[dict[str, str]] = {}
    requests: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.requests.append(self.path)
        content = self.content.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        if self.path in self.hashes:
            self.send_header("X-Linked-Etag", f'"{self.hashes[self.path]}"')
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with the model demucs:own, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = write_bag(tmp_path / "hub", "own", [htdemucs()], None)
    _Server.content = {f"/{file.name}": file.read_bytes() for file in folder.iterdir()}
    weights = "/net0.safetensors"
    _Server.hashes = {weights: hashlib.sha256(_Server.content[weights]).hexdigest()}
    _Server.requests = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}"
    own = tuple(RemoteFile(f"{root}/{name}", name) for name in ("own.yaml", "net0.safetensors"))
    monkeypatch.setattr(DemucsFamily, "known", {"own": KnownModel("a test", own, "CC0-1.0", "nothing")})
    yield root
    server.shutdown()
    server.server_close()


def test_weights_are_downloaded_once(hub: str) -> None:
    assert hub
    assert _Server.requests == []  # nothing is fetched before it is asked for
    assert find_model("demucs:own").load().sample_rate == 8000
    assert len(_Server.requests) == 2
    find_model("demucs:own").load()
    assert len(_Server.requests) == 2
    assert find_model("demucs:own").origins()[0]["licence"] == "weights: CC0-1.0; learnt from: nothing"


def test_a_download_that_is_not_what_the_source_states_is_refused(hub: str, tmp_path: Path) -> None:
    assert hub
    _Server.hashes = {"/net0.safetensors": "0" * 64}
    with pytest.raises(ModelError, match=r"demucs:own: .* not the file that was asked for"):
        find_model("demucs:own").load()
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    _Server.hashes = {}
    find_model("demucs:own").load()  # what was refused is asked for again


def test_without_a_network_one_line_says_what_to_put_where(hub: str, tmp_path: Path) -> None:
    _Server.content = {}
    with pytest.raises(ModelError, match=rf"demucs:own: cannot be downloaded .*put {hub}/own\.yaml at .*own/own\.yaml"):
        find_model("demucs:own").load()
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_stems_of_another_program(tmp_path: Path, song: tuple[np.ndarray, np.ndarray]) -> None:
    mix, sources = song[0][:, :88200], song[1][..., :88200]
    files.write(tmp_path / "Song.wav", mix, 44100, "float32")
    halves = (0.25 * sources[1], 0.75 * sources[1])
    for name, audio in {"drums": sources[0], "bass": halves[0], "vocals": halves[1], "mix": mix}.items():
        files.write(tmp_path / "stems" / "Song" / f"{name}.wav", audio, 44100, "float32")
    separator = Separator.load(f"stems:{tmp_path}/stems", segment_seconds=0.5)
    separator.separate_file(tmp_path / "Song.wav", tmp_path / "out", OutputSettings(subtype="float32"))
    for name, source in zip(("drums", "other"), sources, strict=True):
        np.testing.assert_allclose(files.read(tmp_path / "out" / f"{name}.wav"), source, atol=1e-5)
    files.write(tmp_path / "Other.wav", mix, 44100)
    with pytest.raises(ModelError, match="Other: has no drums of this song"):
        separator.separate_file(tmp_path / "Other.wav", tmp_path / "out")
    with pytest.raises(ModelError, match="stems of songs by name"):
        separator.separate(mix, 44100)
    # drums alone: the rest is what they leave
    for name in ("bass", "vocals"):
        (tmp_path / "stems" / "Song" / f"{name}.wav").unlink()
    other = separator.separate(mix, 44100, song="Song")["other"]
    np.testing.assert_allclose(other, sources[1], atol=1e-5)


# few layers, for writing one takes seconds
_SMALL: dict[str, dict[str, object]] = {
    "band_split": {"n_fft": 512, "hop_samples": 256, "edges_hz": (0.0, 500.0, 4000.0), "num_layers": 1},
    "sc_lite": {"n_fft": 512, "hop_samples": 256, "widths": (4, 8), "num_layers": 1},
    "tdf_unet": {"num_layers": 2},
}


@pytest.mark.parametrize("name", _SMALL)
@pytest.mark.parametrize(("family", "suffix"), [("onnx", ".onnx"), ("openvino", ".xml")])
def test_a_graph_gives_what_the_separator_gives(
    family: str, suffix: str, name: str, tmp_path: Path, song: tuple[np.ndarray, np.ndarray]
) -> None:
    torch.manual_seed(0)
    model = build_separator(name, {"segment_seconds": 0.5, **_SMALL[name]}, "tiny").eval()
    EXPORTS[suffix](model, tmp_path / f"model{suffix}", None)  # type: ignore[arg-type]
    graph = find_model(f"{family}:{tmp_path}/model{suffix}").load()
    assert (graph.sources, graph.sample_rate, graph.channels) == (model.sources, model.sample_rate, model.channels)
    mix, settings = song[0][:, :44100], SeparationSettings(overlap=0.0)
    found, expected = (separate_array(one, mix, settings=settings) for one in (graph, model))
    np.testing.assert_allclose(found, expected, atol=1e-4)


class _Restless(TDFUNet):
    """Gives other masks each time."""

    def masks(self, spectrum: torch.Tensor) -> torch.Tensor:
        return super().masks(spectrum) + torch.rand(1)


class _Undecided(TDFUNet):
    """Chooses what to compute by the sound."""

    def masks(self, spectrum: torch.Tensor) -> torch.Tensor:
        masks = super().masks(spectrum)
        return masks if spectrum.mean() > 0 else -masks


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (_Restless, r"mine\.onnx: no graph gives what this separator gives"),
        (_Undecided, "torch cannot write this separator"),
    ],
)
def test_what_makes_no_graph_leaves_none(kind: type[TDFUNet], message: str, tmp_path: Path) -> None:
    model = kind(segment_seconds=0.5, num_layers=1, num_initial_filters=2).eval()
    with pytest.raises(ModelError, match=message):
        export_onnx(model, tmp_path / "mine.onnx")
    assert not list(tmp_path.iterdir())


class _FourStems(torch.nn.Module):
    """What demucs-onnx writes: a fixed excerpt in, drums, bass, other and vocals out, the transform inside."""

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        return torch.stack([0.5 * mix, 0.25 * mix, 0.125 * mix, 0.125 * mix], dim=1)


def test_a_graph_from_waveform_to_stems(tmp_path: Path) -> None:
    path = tmp_path / "four.onnx"
    torch.onnx.export(
        _FourStems(), (torch.zeros(1, 2, 4410),), str(path), dynamo=True, input_names=["mix"], output_names=["stems"],
        external_data=False, verbose=False,
    )  # fmt: skip
    separator = Separator.load(f"onnx:{path}", overlap=0.0)
    mix = 0.1 * np.random.default_rng(0).standard_normal((2, 10000)).astype(np.float32)
    stems = separator.separate(mix, 44100)
    np.testing.assert_allclose(stems["drums"], 0.5 * mix, atol=1e-6)
    np.testing.assert_allclose(stems["other"], 0.5 * mix, atol=1e-6)
    with pytest.raises(ConfigError, match=r"at most 0\.1 s"):
        Separator.load(f"onnx:{path}", segment_seconds=1.0).separate(mix, 44100)


def test_graphs_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no graph")
    (tmp_path / "text.xml").write_text("<net></net>")
    for reference in ("onnx:text.onnx", "openvino:text.onnx", "openvino:text.xml"):
        family, _, file = reference.partition(":")
        with pytest.raises(ModelError, match=rf"{file}: cannot be read as a graph"):
            find_model(f"{family}:{tmp_path}/{file}").load()
    with pytest.raises(ModelError, match=r"text\.xml: is no graph; give a \.onnx file"):
        find_model(f"onnx:{tmp_path}/text.xml").load()
    torch.onnx.export(
        torch.nn.Linear(3, 2), (torch.zeros(1, 3),), str(tmp_path / "linear.onnx"), dynamo=True, external_data=False,
        verbose=False,
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"linear\.onnx: is no separator"):
        find_model(f"onnx:{tmp_path}/linear.onnx").load()


@pytest.mark.parametrize("name", FAMILIES)
def test_references_are_the_same_from_any_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "thing").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_model(f"{name}:thing").reference == f"{name}:{tmp_path}/thing"
    for known in FAMILIES[name].known:
        assert find_model(f"{name}:{known}").reference == f"{name}:{known}"
