"""Models by path and by name."""

from pathlib import Path

import pytest
import torch

from dssgan.errors import ModelError
from dssgan.separators import loading
from dssgan.separators.bundle import save_bundle
from dssgan.separators.ensemble import Ensemble, Recipe, save_recipe
from dssgan.separators.hpss import HPSS
from dssgan.separators.loading import find_model, shipped_ensembles


@pytest.fixture
def bundle(tmp_path, network) -> Path:
    save_bundle(tmp_path / "tiny", "tdf_unet", network, metadata={})
    return tmp_path / "tiny"


def test_bundle_by_folder_and_by_file(bundle, network):
    mix = torch.randn(1, 2, 5000)
    with torch.inference_mode():
        expected = network(mix)
        for reference in (bundle, str(bundle), bundle / "model.json"):
            assert torch.equal(find_model(reference).load()(mix), expected)
    assert not find_model(bundle).load().training


def test_bare_name_of_a_folder(bundle, monkeypatch):
    monkeypatch.chdir(bundle.parent)
    assert find_model("tiny").load().sources == ("drums", "other")


def test_shipped_name_wins_over_a_folder_of_that_name(bundle, tmp_path, monkeypatch):
    """`dssgan demo` leaves a folder of that name behind."""
    monkeypatch.setattr(loading, "shipped_ensembles", lambda: {"demo": tmp_path / "shipped.yaml"})
    save_recipe(tmp_path / "shipped.yaml", Recipe(members=[bundle.name]))
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert isinstance(find_model("demo").load(), Ensemble)
    with pytest.raises(ModelError, match=r"no model\.json"):
        find_model("./demo").load()


def test_a_separator_without_weights_has_a_name_of_its_own(bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stored = find_model("hpss")
    assert isinstance(stored.load(), HPSS)
    assert (stored.reference, stored.paths(), stored.origins(), stored.learnt_from().names) == ("hpss", (), [], ())
    save_recipe(tmp_path / "mine.yaml", Recipe(members=["tiny", "hpss"]))  # as a member, too
    assert isinstance(find_model("mine.yaml").load().members[1], HPSS)
    bundle.rename(tmp_path / "hpss")
    assert isinstance(find_model("hpss").load(), HPSS)  # the name of what is shipped, as any other
    assert not isinstance(find_model("./hpss").load(), HPSS)


def test_shipped_ensembles_are_files_by_stem():
    for name, path in shipped_ensembles().items():
        assert path.is_file()
        assert path.stem == name


def test_names_that_are_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "shipped_ensembles", lambda: {"demo": Path("demo.yaml"), "large": Path("large.yaml")})
    with pytest.raises(ModelError, match=r"unknown model 'dmeo': did you mean demo\?, or give a path"):
        find_model("dmeo").load()
    with pytest.raises(ModelError, match=r"no/such: there is no such model; .* one of the shipped: demo, large, hpss"):
        find_model("no/such").load()
    (tmp_path / "song.wav").touch()
    with pytest.raises(ModelError, match=r"song\.wav: unknown kind of model file '\.wav'"):
        find_model("song.wav").load()
