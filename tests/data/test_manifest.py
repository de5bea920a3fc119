"""A manifest says what is there, or the data set does not load."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.curation.importers import import_dataset
from dssgan.data.dataset import Dataset
from dssgan.data.loading import load_dataset
from dssgan.data.manifest import save_manifest
from dssgan.errors import DataError

RATE = 44100
Song = tuple[NDArray[np.float32], NDArray[np.float32]]


def describe(root: Path) -> Dataset:
    """The data set in a folder of the project's own layout."""
    return import_dataset("folders", root, licence="CC0", credits=("somebody",))[0]


@pytest.fixture
def root(tmp_path: Path, song: Song) -> Path:
    """A small data set in the plain layout, with its manifest."""
    root = tmp_path / "songs"
    mix, sources = song[0][:, :RATE], song[1][:, :, :RATE]
    files.write(root / "train_sup" / "one" / "drums.wav", sources[0], RATE)
    files.write(root / "train_sup" / "one" / "other.flac", sources[1], RATE)
    files.write(root / "valid" / "two" / "mix.wav", mix[:1] / 2, RATE)
    files.write(root / "valid" / "two" / "other.wav", mix[:1] / 2, RATE)
    files.write(root / "test" / "three" / "drums.wav", sources[0] / 3, RATE)
    files.write(root / "train_unsup" / "mixes" / "a.wav", mix / 4, RATE)
    files.write(root / "train_unsup" / "other" / "b.wav", mix[:, : RATE // 3] / 5, RATE)
    (root / "train_sup" / "one" / "notes.txt").touch()
    save_manifest(describe(root), root / "dataset.json")
    return root


def _edit(root: Path, **changes: Any) -> Path:
    path = root / "dataset.json"
    content = json.loads(path.read_text())
    content["train_sup"][0]["sources"]["drums"].update(changes)
    path.write_text(json.dumps(content))
    return path


def test_the_plain_layout_becomes_a_data_set(root: Path) -> None:
    dataset = load_dataset(root / "dataset.json")
    assert dataset == describe(root)
    assert dataset.name == "songs"
    one, two = dataset.train_sup[0], dataset.valid[0]
    assert one.name == "one"
    assert one.mix is None
    assert all(one.sources)
    assert two.mix is not None
    assert two.sources[0] is None
    assert [sample.path.name for sample in dataset.train_unsup.mixes] == ["a.wav"]
    assert [len(samples) for samples in dataset.train_unsup.sources] == [0, 1]


def test_a_folder_with_a_manifest_will_do(root: Path) -> None:
    assert load_dataset(root) == load_dataset(root / "dataset.json")


def test_paths_are_relative_so_the_folder_can_move(root: Path, tmp_path: Path) -> None:
    before = load_dataset(root).fingerprint
    assert str(tmp_path) not in (root / "dataset.json").read_text()
    moved = tmp_path / "elsewhere" / "deep"
    shutil.move(root, moved)
    assert load_dataset(moved).fingerprint == before


def test_a_manifest_may_lie_elsewhere(root: Path, tmp_path: Path) -> None:
    dataset = load_dataset(root)
    save_manifest(dataset, tmp_path / "manifests" / "mine.json")
    assert '"../songs/train_sup/one/drums.wav"' in (tmp_path / "manifests" / "mine.json").read_text()
    assert load_dataset(tmp_path / "manifests" / "mine.json") == dataset


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "gone.wav"}, r"dataset.json: .*gone.wav: no such file; .*make the manifest again"),
        ({"sample_rate": 48000}, r"drums.wav has sample_rate 44100, but the manifest states 48000"),
        ({"channels": 1}, r"drums.wav has channels 2, but the manifest states 1"),
        ({"duration": 2.0}, r"drums.wav lasts 1.000 s, but the manifest states 2.000 s"),
        ({"duration": "long"}, r"dataset.json: train_sup.0.sources.drums.duration: .*; fix the manifest"),
        ({"durration": 1.0}, r"dataset.json: train_sup.0.sources.drums.durration: .*not permitted"),
        ({"stem": 3}, r"dataset.json: .*drums.wav: has 1 audio streams, none numbered 3"),
    ],
)
def test_what_does_not_agree_is_named(root: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(_edit(root, **changes))
    assert "\n" not in str(caught.value)


def test_files_that_moved_are_named(root: Path) -> None:
    (root / "valid" / "two" / "mix.wav").rename(root / "mix.wav")
    with pytest.raises(DataError, match=r"dataset.json: .*two/mix.wav: no such file"):
        load_dataset(root)


def test_sources_of_unequal_length_are_named(root: Path, song: Song) -> None:
    files.write(root / "train_sup" / "one" / "drums.wav", song[0], RATE)
    with pytest.raises(DataError, match=r"dataset.json: track one: its files differ in length"):
        load_dataset(_edit(root, duration=4.0))


def test_an_unknown_source_is_named(root: Path) -> None:
    path = root / "dataset.json"
    path.write_text(path.read_text().replace('"drums": null', '"drum": null'))
    with pytest.raises(DataError, match="track two has a source 'drum', which is not among drums, other"):
        load_dataset(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "Invalid JSON"), ("[]", "the file: "), ("{}", "version: Field required"), ("\xff", "Invalid JSON"),
     ('{"version": 2, "name": "x", "sources": ["a", "b"]}', "version: Input should be 1")],
)  # fmt: skip
def test_a_malformed_manifest_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "dataset.json"
    path.write_bytes(content.encode("latin1"))
    with pytest.raises(DataError, match=f"dataset.json: .*{message}") as caught:
        load_dataset(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [("gone.json", "no such manifest"), ("a.csv", "not a data set; name a manifest"), ("gone.pkl", "no such data set")],
)
def test_what_is_no_data_set_is_said_so(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(DataError, match=f"{name}: {message}"):
        load_dataset(tmp_path / name)
    with pytest.raises(DataError, match="cannot be the name of a data set"):
        save_manifest(Dataset(("drums", "other")), tmp_path / "a.csv")


def test_saving_twice_gives_the_same_bytes(root: Path) -> None:
    before = (root / "dataset.json").read_bytes()
    save_manifest(load_dataset(root), root / "dataset.json")
    assert (root / "dataset.json").read_bytes() == before


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_manifest_loads_or_is_refused(root: Path, data: st.DataObject) -> None:
    content = json.loads((root / "dataset.json").read_text())
    node, key = content, data.draw(st.sampled_from(sorted(content)))
    while isinstance(node[key], dict | list) and node[key] and data.draw(st.booleans()):
        node = node[key]
        keys = sorted(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
    node[key] = data.draw(_json)
    path = root / "damaged.json"
    path.write_text(json.dumps(content))
    try:
        load_dataset(path)
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017  (either outcome is right)
