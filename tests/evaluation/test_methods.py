import shutil
from pathlib import Path

import numpy as np
import pytest

from dssgan.audio import files
from dssgan.data.loading import load_dataset
from dssgan.errors import ConfigError, DataError, ModelError
from dssgan.evaluation.methods import FolderMethod, MixMethod, ModelMethod, parse_methods
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle

RATE = 8000
SOURCES = ("drums", "other")


@pytest.fixture(scope="module")
def track():
    return load_dataset(None).partition("test")[0]


@pytest.fixture(scope="module")
def mix(track):
    """One second in stereo at 8 kHz."""
    return track.load(RATE, 2)[0][:, :RATE]


@pytest.fixture
def bundle(tmp_path):
    """An untrained model that lists its sources the other way round."""
    arguments = {"sample_rate": RATE, "channels": 2, "sources": ("other", "drums")}
    save_bundle(tmp_path / "net", "tdf_unet", build_separator("tdf_unet", arguments, preset="tiny"), metadata={})
    return tmp_path / "net"


def test_mix_is_the_estimate_of_every_source(track, mix):
    estimates = MixMethod().open(("a", "b", "c"), RATE)(track, mix)
    assert estimates.shape == (3, 2, RATE)
    assert all(np.array_equal(estimate, mix) for estimate in estimates)


def test_model_gives_the_sources_in_the_order_wanted(track, mix, bundle):
    method = ModelMethod(str(bundle))
    drums_first = method.open(SOURCES, RATE)(track, mix)
    assert np.array_equal(drums_first, method.open(SOURCES[::-1], RATE)(track, mix)[::-1])
    np.testing.assert_allclose(drums_first.sum(axis=0), mix, atol=1e-6)
    higher = np.repeat(mix, 2, axis=1)  # a mix at another rate than the model's gives estimates at the mix's
    assert method.open(SOURCES, 2 * RATE)(track, higher).shape == (2, 2, 2 * RATE)
    with pytest.raises(DataError, match="separates other, drums but the tracks hold drums, bass"):
        method.open(("drums", "bass"), RATE)


def test_folder_refuses_what_is_missing_or_of_another_size(track, mix, tmp_path):
    estimate = FolderMethod(tmp_path).open(SOURCES, RATE)
    files.write(tmp_path / track.name / "drums.wav", mix, RATE, "float32")
    with pytest.raises(DataError, match=r"other\.wav: this estimate is missing"):
        estimate(track, mix)
    files.write(tmp_path / track.name / "other.wav", mix[:, :-5], RATE, "float32")
    with pytest.raises(DataError, match=r"other\.wav: has 2 channels of 7995 samples .* the mix has 2 of 8000"):
        estimate(track, mix)
    files.write(tmp_path / track.name / "other.wav", mix[:1], RATE, "float32")
    with pytest.raises(DataError, match=r"other\.wav: has 1 channels"):
        estimate(track, mix)
    files.write(tmp_path / track.name / "other.wav", mix / 2, RATE, "float32")
    assert np.array_equal(estimate(track, mix), np.stack([mix, mix / 2]))


def test_methods_from_the_command_line(bundle, tmp_path, monkeypatch):
    (tmp_path / "estimates").mkdir()
    monkeypatch.chdir(tmp_path)
    methods = parse_methods(["mix", "net", f"twin={bundle}", "estimates"])
    assert methods == {
        "mix": MixMethod(),
        "net": ModelMethod(str(bundle)),
        "twin": ModelMethod(str(bundle)),
        "estimates": FolderMethod(tmp_path / "estimates"),
    }
    with pytest.raises(ModelError, match="nowhere"):  # at once, not in a worker
        parse_methods(["best=nowhere/best.yaml"])
    with pytest.raises(ConfigError, match="net: two methods have this name; write NAME=net"):
        parse_methods([str(bundle), "net"])


def test_a_folder_named_after_a_setting_is_that_folder(bundle: Path, tmp_path: Path) -> None:
    run = tmp_path / "learning_rate=0.001"
    shutil.copytree(bundle, run / "bundle")
    assert list(parse_methods([str(run / "bundle")])) == ["bundle"]
    assert list(parse_methods([f"mine={run / 'bundle'}"])) == ["mine"]
