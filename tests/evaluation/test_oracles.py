"""Oracles on a real song: what masks reach at best."""

import numpy as np
import pytest

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Track
from dssgan.evaluation.methods import parse_methods
from dssgan.evaluation.oracles import ORACLES, OracleMethod
from dssgan.metrics.catalogue import EstimatedSong, score_song

RATE = 44100
SOURCES = ("drums", "other")


@pytest.fixture(scope="module")
def track(song, tmp_path_factory):
    folder = tmp_path_factory.mktemp("song")
    for name, audio in zip(SOURCES, song[1], strict=True):
        files.write(folder / f"{name}.wav", audio, RATE, "float32")
    return Track("song", None, tuple(AudioFile.of(folder / f"{name}.wav") for name in SOURCES))


@pytest.fixture(scope="module")
def scores(track):
    found = {}
    mix, references = track.load()
    for name in ORACLES:
        estimates = OracleMethod(name).open(SOURCES, RATE)(track, mix)
        assert estimates.shape == references.shape
        found[name] = score_song(EstimatedSong(estimates, references, mix, RATE, SOURCES), ["usdr", "si_sir"])
    return found


def test_every_oracle_is_far_above_the_mix(scores, track) -> None:
    mix, references = track.load()
    of_mix = score_song(EstimatedSong(np.stack([mix, mix]), references, mix, RATE, SOURCES), ["usdr"])
    for name, found in scores.items():
        for source in SOURCES:
            assert found["usdr"][source] > of_mix["usdr"][source] + 5, name


def test_soft_masks_lose_less_than_binary_ones_which_let_less_through(scores) -> None:
    of_drums = {name: found["usdr"]["drums"] for name, found in scores.items()}
    assert min(of_drums["mwf"], of_drums["irm1"], of_drums["irm2"]) > max(of_drums["ibm1"], of_drums["ibm2"])
    sir = {name: found["si_sir"]["drums"] for name, found in scores.items()}
    assert min(sir["ibm1"], sir["ibm2"]) > sir["irm1"]


def test_soft_masks_share_the_mix_out(track) -> None:
    mix, _ = track.load()
    for name in ("irm1", "irm2", "mwf"):
        estimates = OracleMethod(name).open(SOURCES, RATE)(track, mix)
        np.testing.assert_allclose(estimates.sum(axis=0), mix, atol=1e-4, err_msg=name)


def test_they_are_methods_by_name() -> None:
    parsed = parse_methods(["mix", *ORACLES, "best=mwf"])
    assert list(parsed) == ["mix", *ORACLES, "best"]
    assert parsed["best"] == OracleMethod("mwf")
    assert not parsed["irm1"].learnt_from().names
