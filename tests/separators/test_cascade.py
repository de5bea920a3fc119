"""Separators one after another: their stems, their sum, and their files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dssgan.data.combine import combine_datasets
from dssgan.data.dataset import Dataset
from dssgan.data.manifest import load_manifest, save_manifest
from dssgan.errors import DataError, ModelError
from dssgan.inference.separator import Separator
from dssgan.separators import build_separator
from dssgan.separators.base import SeparatorModel
from dssgan.separators.bundle import save_bundle
from dssgan.separators.cascade import Cascade
from dssgan.separators.ensemble import Recipe, save_recipe
from dssgan.separators.flips import Flips
from dssgan.separators.loading import find_model

TINY = {"num_initial_filters": 2, "num_layers": 2, "n_fft": 512, "hop_samples": 256}
PIECES = ("kick", "snare")
MIX = torch.randn(2, 2, 4000, generator=torch.Generator().manual_seed(0))


class Shares(SeparatorModel):
    """Give each source a share of the mix; where the shares sum to less than one, something is left."""

    def __init__(self, shares: dict[str, float], rate: int = 8000, channels: int = 2) -> None:
        super().__init__(tuple(shares), rate, channels)
        self.shares = torch.tensor(list(shares.values()))

    def forward(self, mix: Tensor) -> Tensor:
        return self.shares[:, None, None] * mix[:, None]


SONG = Shares({"drums": 0.5, "other": 0.25})
KIT = Shares({"kick": 0.25, "snare": 0.25, "hihat": 0.2})


def test_parts_stand_in_the_place_of_their_stem_and_sum_to_it() -> None:
    cascade = Cascade(SONG, "drums", KIT)
    assert cascade.sources == ("kick", "snare", "hihat", "other")
    estimates = cascade(MIX)
    # what the stems leave of the mix, a quarter, is shared by both; what the parts leave of the drums, 0.3, by three
    drums = 0.5 + 0.125
    for source, share in enumerate((drums * (0.25 + 0.1), drums * (0.25 + 0.1), drums * (0.2 + 0.1), 0.25 + 0.125)):
        torch.testing.assert_close(estimates[:, source], share * MIX)
    torch.testing.assert_close(estimates.sum(dim=1), MIX)


def test_a_stem_in_the_middle_and_a_third_stage() -> None:
    first = Shares({"bass": 0.2, "drums": 0.5, "other": 0.3})
    whole = Cascade(Cascade(first, "drums", KIT), "hihat", Shares({"open": 0.5, "closed": 0.5}))
    assert whole.sources == ("bass", "kick", "snare", "open", "closed", "other")
    assert whole.sums == {"drums": ("kick", "snare", "open", "closed"), "hihat": ("open", "closed")}
    assert Flips(whole, channel_swap=True, polarity=False).sums == whole.sums
    torch.testing.assert_close(whole(MIX).sum(dim=1), MIX)


def test_a_stage_of_another_rate_is_adapted() -> None:
    slow = Shares({"kick": 0.75, "rest": 0.25}, rate=4000, channels=1)
    cascade = Cascade(SONG, "drums", slow)
    assert (cascade.sample_rate, cascade.channels) == (8000, 2)
    estimates = cascade(MIX)
    assert estimates.shape == (2, 3, 2, 4000)
    torch.testing.assert_close(estimates[:, :2].sum(dim=1), 0.625 * MIX, atol=1e-5, rtol=0)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ModelError, match="separates vocals, which is none of the stems before it: drums, other"):
        Cascade(SONG, "vocals", KIT)
    with pytest.raises(ModelError, match="two stems would be called other"):
        Cascade(SONG, "drums", Shares({"kick": 0.5, "other": 0.5}))


@pytest.fixture
def stages(tmp_path: Path) -> Path:
    """A separator of songs, one of drums, and a file that puts one behind the other."""
    torch.manual_seed(0)
    save_bundle(tmp_path / "song", "unet", build_separator("unet", TINY), metadata={})
    pieces = build_separator("unet", {**TINY, "sources": list(PIECES)})
    save_bundle(tmp_path / "kit", "unet", pieces, metadata={"from": "drums", "data": {"name": "performances"}})
    save_recipe(tmp_path / "both.yaml", Recipe(members=["song"], then=["kit"]))
    return tmp_path


def test_a_file_names_the_stages(stages: Path, song: tuple[np.ndarray, np.ndarray]) -> None:
    stored = find_model(stages / "both.yaml")
    assert (stored.takes, find_model(stages / "kit").takes, find_model(stages / "song").takes) == (None, "drums", None)
    assert stored.load().sources == ("kick", "snare", "other")
    assert [origin["name"] for origin in stored.origins()] == ["performances"]
    assert set(stored.paths()) == {stages / "both.yaml", stages / "song", stages / "kit"}
    save_recipe(stages / "first.yaml", Recipe(members=["song"]))
    assert stored.fingerprint() != find_model(stages / "first.yaml").fingerprint()

    mix = song[0][:, : 2 * 44100]
    stems, halves = (Separator.load(stages / name, "cpu").separate(mix, 44100) for name in ("both.yaml", "first.yaml"))
    assert tuple(stems) == ("kick", "snare", "other", "drums")
    np.testing.assert_allclose(stems["kick"] + stems["snare"] + stems["other"], mix, atol=1e-6)
    np.testing.assert_allclose(stems["drums"], halves["drums"], atol=1e-5)

    # the same without a file
    behind = Separator.load(stages / "first.yaml", "cpu", then=stages / "kit")
    np.testing.assert_array_equal(behind.separate(mix, 44100)["kick"], stems["kick"])
    with pytest.raises(ModelError, match="separates songs; name models of a stem under then"):
        Separator.load(stages / "first.yaml", "cpu", then=stages / "song")


def test_what_is_shipped_may_come_first(stages: Path) -> None:
    save_recipe(stages / "shipped.yaml", Recipe(members=["fast"], then=["kit"]))
    assert find_model(stages / "shipped.yaml").load().sources == ("kick", "snare", "other")
    # a file of that name beside it is meant first
    save_bundle(stages / "fast", "unet", build_separator("unet", {**TINY, "sources": ["drums", "rest"]}), metadata={})
    assert find_model(stages / "shipped.yaml").load().sources == ("kick", "snare", "rest")


def test_an_ensemble_of_models_of_a_stem_takes_it_too(stages: Path) -> None:
    save_recipe(stages / "kits.yaml", Recipe(members=["kit"]))
    assert find_model(stages / "kits.yaml").takes == "drums"
    save_recipe(stages / "both.yaml", Recipe(members=["song"], then=["kits.yaml"]))
    assert find_model(stages / "both.yaml").load().sources == ("kick", "snare", "other")
    # a file may state it for members that do not
    save_bundle(stages / "bare", "unet", build_separator("unet", {**TINY, "sources": list(PIECES)}), metadata={})
    save_recipe(stages / "kits.yaml", Recipe(takes="drums", members=["kit", "bare"]))
    assert "from: drums" in (stages / "kits.yaml").read_text()
    assert find_model(stages / "both.yaml").load().sources == ("kick", "snare", "other")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(members=["song"], then=["song"]), "song separates songs; name models of a stem under then"),
        (Recipe(members=["song", "kit"]), "kit separates drums, and the others songs"),
        (Recipe(members=["song"], then=["./nowhere"]), "there is no such model"),
        (Recipe(members=["song"], then=["bad.yaml"]), "lead back to itself"),
        (Recipe(members=["kit"], then=["kit"]), "separates drums, which is none of the stems before it: kick, snare"),
    ],
)
def test_a_bad_file_is_named(stages: Path, recipe: Recipe, message: str) -> None:
    save_recipe(stages / "bad.yaml", recipe)
    with pytest.raises(ModelError, match=message) as caught:
        find_model(stages / "bad.yaml").load()
    assert str(stages) in str(caught.value)


def test_a_manifest_states_what_its_mixes_are(bundled: Dataset, tmp_path: Path) -> None:
    save_manifest(replace(bundled, takes="drums"), tmp_path / "pieces.json")
    assert '"from": "drums"' in (tmp_path / "pieces.json").read_text()
    assert load_manifest(tmp_path / "pieces.json").takes == "drums"
    save_manifest(bundled, tmp_path / "songs.json")
    assert '"from"' not in (tmp_path / "songs.json").read_text()
    assert load_manifest(tmp_path / "songs.json").takes is None


def test_songs_and_stems_are_not_combined(bundled: Dataset) -> None:
    with pytest.raises(DataError, match="holds drums, but bundled holds songs"):
        combine_datasets([bundled, replace(bundled, takes="drums", test=())], "both")
