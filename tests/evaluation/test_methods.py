import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Track
from dssgan.data.loading import load_dataset
from dssgan.errors import ConfigError, DataError, ModelError
from dssgan.evaluation.campaign import run_campaign
from dssgan.evaluation.methods import FolderMethod, MixMethod, ModelMethod, parse_methods
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle

RATE = 8000
TINY = {"num_layers": 2, "num_initial_filters": 2, "n_fft": 512, "hop_samples": 256}
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


@pytest.fixture
def short(mix, tmp_path):
    """A track that is as long as `mix`."""
    files.write(tmp_path / "songs" / "mix.wav", mix, RATE, "float32")
    song = AudioFile.of(tmp_path / "songs" / "mix.wav")
    return Track("short", song, (song, None))


def test_a_folder_is_scored_as_it_is(short, mix, tmp_path, caplog):
    track = short
    method, folder = FolderMethod(tmp_path), tmp_path / track.name
    estimate = method.open(SOURCES, RATE)
    with pytest.raises(DataError, match="holds no estimate of this track"):
        estimate(track, mix)
    # drums alone: the rest is what they leave of the mix, and is not scored
    files.write(folder / "Drums.WAV", mix / 4, RATE, "float32")
    np.testing.assert_array_equal(estimate(track, mix), np.stack([mix / 4, mix - mix / 4]))
    assert method.targets(track, SOURCES) == ("drums",)
    # of some other format and mono, a few samples shorter: forgiven, and said
    files.write(folder / "no_drums.flac", mix[:1, :-5] / 2, RATE)
    found = estimate(track, mix)
    np.testing.assert_allclose(found[1, :, :-5], np.repeat(mix[:1, :-5] / 2, 2, axis=0), atol=1e-4)
    assert not found[1, :, -5:].any()
    assert method.targets(track, SOURCES) == SOURCES
    assert method.faults([track], SOURCES) == []
    assert "no_drums.flac: lasts 0.9994 s, and its track 1.0000 s; forgiven" in caplog.text
    # several stems add up to the rest, and nothing makes them sum to the mix
    (folder / "no_drums.flac").unlink()
    for name in ("bass", "vocals"):
        files.write(folder / f"{name}.wav", mix / 8, RATE, "float32")
    np.testing.assert_array_equal(estimate(track, mix), np.stack([mix / 4, mix / 4]))


def test_all_faults_of_a_folder_are_found_at_once(short, mix, tmp_path):
    track = short
    other = replace(track, name="another song")
    files.write(tmp_path / track.name / "drums.wav", mix[:, :-200], RATE, "float32")
    (tmp_path / track.name / "other.wav").write_bytes(b"no sound")
    faults = FolderMethod(tmp_path).faults([track, other], SOURCES)
    assert len(faults) == 3
    assert "drums.wav: lasts 0.975 s, and its track 1.000 s; export it as long" in faults[0]
    assert "other.wav" in faults[1]
    assert "another song: holds no estimate of this track" in faults[2]
    with pytest.raises(DataError, match=r"drums.wav: lasts .*other.wav.*another song: holds no estimate"):
        run_campaign({"x": FolderMethod(tmp_path)}, [track, other], tmp_path / "out", dataset_name="d",
                     sources=SOURCES, sample_rate=RATE)  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_stems_and_a_folder_are_one_reader(tmp_path):
    (tmp_path / "estimates").mkdir()
    methods = parse_methods([f"x=stems:{tmp_path}/estimates", str(tmp_path / "estimates")])
    assert methods["x"] == methods["estimates"] == FolderMethod(tmp_path / "estimates")


def test_a_method_is_told_apart_by_what_it_computes(bundle, tmp_path):
    method = ModelMethod(str(bundle))
    before = method.fingerprint()
    save_bundle(bundle, "unet", build_separator("unet", {**TINY, "num_initial_filters": 3}), metadata={})
    assert method.fingerprint() != before
    files.write(tmp_path / "stems" / "song" / "drums.wav", np.zeros((2, 100), np.float32), RATE)
    folder = FolderMethod(tmp_path / "stems")
    before = folder.fingerprint()
    assert folder.fingerprint() == before
    files.write(tmp_path / "stems" / "song" / "drums.wav", np.zeros((2, 101), np.float32), RATE)
    assert folder.fingerprint() != before


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
