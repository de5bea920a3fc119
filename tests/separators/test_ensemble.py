"""Ensembles as separators and as files."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import dssgan
from dssgan.audio.files import write
from dssgan.audio.resample import resample
from dssgan.errors import DssganError, ModelError
from dssgan.inference.stream import separate_array
from dssgan.separators import SeparatorModel, build_separator
from dssgan.separators.bundle import load_bundle, save_bundle
from dssgan.separators.ensemble import N_FFT, Ensemble, Recipe, in_step, save_recipe
from dssgan.separators.external.stems_folder import StemsFolder
from dssgan.separators.loading import StoredEnsemble

TINY = {"num_initial_filters": 2, "num_layers": 2, "n_fft": 512, "hop_samples": 256}


def member(seed: int, **changes: object) -> SeparatorModel:
    torch.manual_seed(seed)
    return build_separator("unet", {**TINY, **changes}).eval()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for seed in range(2):
        save_bundle(tmp_path / f"member_{seed}", "unet", member(seed), metadata={})
    recipe = Recipe.model_validate({
        "members": ["member_0", "member_1"],
        "edges_hz": [0, 1000],
        "weights": {"drums": [[0.2, 0.9], [0.7, 0.1]], "other": [[0.5, 0.5], [0.5, 0.5]]},
        "postprocess": [{"name": "bleed_gate", "threshold_db": -20}, {"name": "mixture_consistency"}],
    })  # fmt: skip
    save_recipe(tmp_path / "ensemble.yaml", recipe)
    return tmp_path / "ensemble.yaml"


def test_people_read_the_members_first(file: Path) -> None:
    assert file.read_text().startswith("members: [member_0, member_1]\n")


def change(file: Path, **changes: object) -> None:
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **changes}))


@pytest.mark.parametrize("rates", [(22050, 44100), (44100, 22050)])
def test_an_ensemble_of_mixed_rates_has_its_bands_where_they_were_fitted(
    tmp_path: Path, rates: tuple[int, int]
) -> None:
    for number, rate in enumerate(rates):
        save_bundle(tmp_path / f"member_{number}", "unet", member(number, sample_rate=rate), metadata={})
    # drums of the first member below 2 kHz and of the second above
    weights = {"drums": [[1.0, 0.0], [0.0, 1.0]], "other": [[0.5, 0.5], [0.5, 0.5]]}
    recipe = {"members": ["member_0", "member_1"], "edges_hz": [0, 2000], "weights": weights}
    save_recipe(tmp_path / "mixed.yaml", Recipe.model_validate(recipe))
    ensemble = StoredEnsemble(tmp_path / "mixed.yaml").load()
    assert ensemble.sample_rate == 44100
    edge = int((ensemble.band_of_bin == 0).sum())
    assert edge * 44100 / N_FFT == pytest.approx(2000, abs=44100 / N_FFT)
    # as the tensors say that were fitted: members in step first
    fitted = Ensemble(in_step([load_bundle(tmp_path / f"member_{number}") for number in range(2)]),
                      edges_hz=(0.0, 2000.0), weights=ensemble.weights)  # fmt: skip
    mix = torch.randn(1, 2, 20000, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(ensemble(mix), fitted(mix))


def test_a_plain_average_is_the_mean() -> None:
    members = [member(0), member(1)]
    mix = 0.1 * torch.randn(2, 2, 9000)
    with torch.inference_mode():
        expected = (members[0](mix) + members[1](mix)) / 2
        torch.testing.assert_close(Ensemble(members)(mix), expected)
        # the way through the bands gives the same when the bands agree but for a hair
        weights = torch.full((2, 2, 2), 0.5)
        weights[0, 0, 0] += 1e-6
        banded = Ensemble(members, edges_hz=(0.0, 2000.0), weights=weights)
        torch.testing.assert_close(banded(mix), expected, atol=1e-5, rtol=1e-4)


def test_stems_sum_to_the_mix(file: Path) -> None:
    ensemble = StoredEnsemble(file).load()
    mix = 0.1 * torch.randn(1, 2, 20001)
    with torch.inference_mode():
        estimates = ensemble(mix)
    assert estimates.shape == (1, 2, 2, 20001)
    torch.testing.assert_close(estimates.sum(dim=1), mix, atol=1e-6, rtol=0)


def test_an_ensemble_may_be_a_member(file: Path) -> None:
    outer = file.with_name("outer.yaml")
    save_recipe(outer, Recipe(members=["ensemble.yaml", "member_0"]))
    with torch.inference_mode():
        assert StoredEnsemble(outer).load()(torch.randn(1, 2, 4000)).shape == (1, 2, 2, 4000)


def test_the_public_separator_loads_it(file: Path, song) -> None:
    mix, _ = song
    separator = dssgan.Separator.load(file)
    estimates = separator.separate(mix[:, :30000], 44100)
    assert set(estimates) == {"drums", "other"}
    torch.testing.assert_close(
        torch.from_numpy(estimates["drums"] + estimates["other"]), torch.from_numpy(mix[:, :30000]), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"members": ["nowhere"]}, "nowhere"),
        ({"members": ["ensemble.yaml"]}, "itself"),
        ({"members": []}, "at least one"),
        ({"weights": {"drums": [[1, 1], [1, 1]]}}, "weights for drums"),
        ({"weights": {"drums": [[1]], "other": [[1]]}}, "weights of shape"),
        ({"weights": {"drums": [[1, 2], [1]], "other": [[1], [1, 2]]}}, "one number a band"),
        ({"edges_hz": [100, 50]}, "must rise"),
        ({"postprocess": [{"name": "bleed_gat", "threshold_db": 1}]}, "did you mean bleed_gate"),
        ({"postprocess": [{"name": "bleed_gate"}]}, "threshold_db"),
        ({"postprocess": [{"name": "bleed_gate", "threshold_db": "loud"}]}, "threshold_db"),
        ({"member": []}, "member"),
    ],
)
def test_what_is_wrong_is_named(file: Path, changes: dict[str, object], message: str) -> None:
    change(file, **changes)
    with pytest.raises(DssganError, match=message) as caught:
        StoredEnsemble(file).load()
    assert str(file) in str(caught.value)


def test_members_that_lead_back_are_refused(file: Path) -> None:
    save_recipe(file.with_name("other.yaml"), Recipe(members=["ensemble.yaml"]))
    change(file, members=["other.yaml"])
    with pytest.raises(ModelError, match="lead back"):
        StoredEnsemble(file).load()


def test_members_must_fit_together() -> None:
    with pytest.raises(ModelError, match="differ in sources"):
        Ensemble([member(0), member(0, sources=("drums", "bass"))])
    with pytest.raises(ModelError, match="2 channels and one of 3"):
        Ensemble([member(0), member(0, channels=3)])


def test_members_that_depend_on_the_song_are_chosen_for_it(tmp_path: Path) -> None:
    for level, program in ((0.25, "first"), (0.75, "second")):
        for name, factor in (("drums", 1.0), ("no_drums", -1.0)):
            sound = np.full((2, 44100), level * factor, np.float32)
            write(tmp_path / program / "my song" / f"{name}.wav", sound, 44100, "float32")
    ensemble = Ensemble([StemsFolder(tmp_path / program) for program in ("first", "second")])
    estimates = ensemble.for_song("my song")(torch.zeros(1, 2, 4096))
    torch.testing.assert_close(estimates[0, 0], torch.full((2, 4096), 0.5), rtol=0, atol=1e-5)
    networks = Ensemble([member(0), member(1)])
    assert networks.for_song("my song") is networks


def test_members_of_other_rates_and_channels_hear_what_they_can() -> None:
    """A member of a quarter of the rate, in mono: alone in an ensemble of two, it gives what it gives by itself."""
    full, low = member(0), member(1, sample_rate=11025, channels=1)
    weights = torch.zeros(2, 2, 1)
    weights[:, 1] = 1
    ensemble = Ensemble([full, low], weights=weights)
    assert (ensemble.sample_rate, ensemble.channels) == (44100, 2)
    generator = np.random.default_rng(0)
    mix = resample(0.1 * generator.standard_normal((2, 11025)).astype(np.float32), 11025, 44100)
    alone = np.stack([separate_array(low, channel[None], sample_rate=44100)[:, 0] for channel in mix], axis=1)
    both = separate_array(ensemble, mix)
    inner = slice(2000, -2000)  # the resampler's filters reach beyond the ends
    np.testing.assert_allclose(both[..., inner], alone[..., inner], atol=2e-3)
    np.testing.assert_allclose(both.sum(axis=0), mix, atol=1e-5)
