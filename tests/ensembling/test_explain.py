"""What each part of an ensemble contributes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dssgan.data.dataset import Dataset
from dssgan.ensembling.explain import explain_ensemble, without
from dssgan.ensembling.explain_picture import band_names, save_picture
from dssgan.errors import DataError, ModelError, WriteError
from dssgan.inference.separator import Separator
from dssgan.metrics.sdr import usdr
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle
from dssgan.separators.ensemble import Recipe, save_recipe

TINY = {"num_initial_filters": 2, "num_layers": 2, "n_fft": 512, "hop_samples": 256}
MEMBERS = ["member_0", "member_1", "hpss"]
WEIGHTS = {"drums": [[0.5, 0.2], [0.3, 0.1], [0.2, 0.7]], "other": [[0.4, 0.3], [0.4, 0.3], [0.2, 0.4]]}
STEPS = [{"name": "hpss", "strength": 0.3}, {"name": "wiener"}, {"name": "mixture_consistency"}]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for seed in range(2):
        torch.manual_seed(seed)
        save_bundle(tmp_path / f"member_{seed}", "unet", build_separator("unet", TINY), metadata={})
    recipe = {"members": MEMBERS, "edges_hz": [0, 1000], "weights": WEIGHTS, "postprocess": STEPS}
    save_recipe(tmp_path / "mine.yaml", Recipe.model_validate(recipe))
    return tmp_path / "mine.yaml"


@pytest.fixture
def songs(bundled: Dataset) -> Dataset:
    """Two excerpts of real songs to validate on."""
    return Dataset(bundled.sources, valid=(bundled.valid[2], bundled.train_sup[3]), name="short")


def scores(model: str | Path, dataset: Dataset) -> list[float]:
    """Score the drums that `dssgan separate` gives, song by song."""
    separator = Separator.load(model)
    found = []
    for track in dataset.valid:
        mix, references = track.load(44100, 2)
        stems = separator.separate(mix, 44100)
        found.append(float(usdr(torch.from_numpy(np.stack(list(stems.values()))), torch.from_numpy(references))[0]))
    return found


def test_every_stage_scores_what_separate_gives(file: Path, songs: Dataset) -> None:
    found = explain_ensemble(file, songs)
    assert found.members == tuple(MEMBERS)
    assert found.songs == tuple(track.name for track in songs.valid)
    names = [name for name, _ in found.steps]
    assert names == ["best member (hpss)", "members' average", "weights", "step 1: hpss", "step 2: wiener"]
    assert found.by_song[:, -1].tolist() == pytest.approx(scores(file, songs), abs=1e-3)
    content = Recipe.model_validate({"members": MEMBERS, "edges_hz": [0, 1000], "weights": WEIGHTS})
    for steps, stage in (([], 2), (STEPS[:1], 3)):
        partial = content.model_copy(
            update={"postprocess": Recipe.model_validate({"members": [], "postprocess": steps}).postprocess}
        )
        save_recipe(file.with_name("partial.yaml"), partial)
        mean = np.mean(scores(file.with_name("partial.yaml"), songs))
        assert found.steps[stage][1] == pytest.approx(mean, abs=1e-3)
    assert found.steps[0][1] == pytest.approx(np.mean(scores("hpss", songs)), abs=1e-3)
    assert found.weighted_sum == pytest.approx(found.steps[2][1], abs=0.05)  # bands overlap by a few bins
    assert found.without[2] < found.weighted_sum  # without the best member
    assert found.bands.shape == (len(MEMBERS) + 1, 2)


def test_weights_go_to_the_others_in_proportion() -> None:
    weights = torch.tensor([[[0.5, 0.6], [0.3, 0.0], [0.1, 0.0]]])  # one source, three members, two bands
    left = without(weights, 0)
    torch.testing.assert_close(left, torch.tensor([[[0.0, 0.0], [0.675, 0.3], [0.225, 0.3]]]))
    assert without(torch.ones(1, 1, 1), 0).tolist() == [[[0.0]]]


def test_a_plain_average_has_no_stage_of_weights(file: Path, songs: Dataset) -> None:
    save_recipe(file, Recipe(members=MEMBERS[:2]))
    assert [name for name, _ in explain_ensemble(file, songs).steps][1:] == ["members' average"]


def test_the_picture(file: Path, songs: Dataset, tmp_path: Path) -> None:
    found = explain_ensemble(file, songs)
    for suffix, begins in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        picture = tmp_path / f"explained{suffix}"
        save_picture(found, picture)
        assert picture.read_bytes().startswith(begins)
    with pytest.raises(WriteError, match="is no name for a picture"):
        save_picture(found, tmp_path / "explained.txt")
    assert band_names((0.0, 150.0, 2000.0)) == ["0-150 Hz", "150-2k Hz", "2k Hz up"]


def test_what_cannot_be_explained_is_named(file: Path, songs: Dataset) -> None:
    with pytest.raises(ModelError, match="member_0: is no ensemble"):
        explain_ensemble(file.with_name("member_0"), songs)
    with pytest.raises(DataError, match="no validation tracks"):
        explain_ensemble(file, replace(songs, valid=()))
