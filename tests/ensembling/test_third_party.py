"""Ensembles fitted over third-party separators and stems, of several rates, beside our own."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from external_checkpoints import htdemucs, write_demucs, write_openunmix

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset
from dssgan.data.track import Track
from dssgan.ensembling.build import build_ensemble
from dssgan.errors import ModelError
from dssgan.inference.output import OutputSettings
from dssgan.inference.separator import Separator
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle
from dssgan.separators.loading import find_model

RATE = 44100


@pytest.fixture
def dataset(bundled: Dataset, tmp_path: Path) -> Dataset:
    """One validation song of 4 s, as files of its own."""
    mix, sources = bundled.valid[0].load()
    loudest = int(np.abs(sources[0]).max(axis=0).argmax())  # where the drums play
    start = min(loudest, mix.shape[-1] - 4 * RATE)
    part = slice(start, start + 4 * RATE)
    folder = tmp_path / "songs" / "Song"
    for name, audio in {"mix": mix, "drums": sources[0], "other": sources[1]}.items():
        files.write(folder / f"{name}.wav", audio[..., part], RATE, "float32")
    drums, other = (AudioFile.of(folder / f"{name}.wav", with_fingerprint=True) for name in ("drums", "other"))
    return replace(bundled, valid=(Track("Song", None, (drums, other)),), test=())


def test_third_party_members_are_weighed_beside_our_own(dataset: Dataset, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_bundle(tmp_path / "own", "unet", build_separator("unet", {"num_layers": 1, "num_initial_filters": 2}),
                metadata={})  # fmt: skip
    write_demucs(tmp_path / "checkpoints", "net", htdemucs())
    write_openunmix(tmp_path / "umx")
    # what another program made of the song: its sources, each with a tenth of the other
    drums, other = (part.read() for part in dataset.valid[0].sources if part is not None)
    for name, audio in {"drums": drums + 0.1 * other, "no_drums": 0.9 * other}.items():
        files.write(tmp_path / "stems" / "Song" / f"{name}.wav", audio, RATE, "float32")
    candidates = [tmp_path / "own", f"demucs:{tmp_path}/checkpoints", f"openunmix:{tmp_path}/umx",
                  f"stems:{tmp_path}/stems"]  # fmt: skip
    built = build_ensemble(candidates, dataset, tmp_path / "made" / "best.yaml", max_members=4)
    assert built.candidates[f"stems:{tmp_path}/stems"] > 10
    assert built.fitted >= built.candidates[f"stems:{tmp_path}/stems"] - 0.1
    recipe = yaml.safe_load(built.path.read_text())
    assert f"stems:{tmp_path}/stems" in recipe["members"]  # stems stay where they are
    assert set(recipe["origin"]["by_others"]) >= {"member_1"}

    # it is moved together with its folder, and separates the song whose stems it has
    moved = tmp_path / "elsewhere"
    shutil.move(tmp_path / "made", moved)
    shutil.rmtree(tmp_path / "checkpoints")
    shutil.rmtree(tmp_path / "umx")
    separator = Separator.load(moved / "best.yaml")
    song = tmp_path / "songs" / "Song" / "mix.wav"
    shutil.copy(song, tmp_path / "Song.wav")
    written = separator.separate_file(tmp_path / "Song.wav", tmp_path / "out", OutputSettings(subtype="float32"))
    found = files.read(written.paths["drums"])
    error = 10 * np.log10(np.square(drums).sum() / np.square(found - drums).sum())
    assert error == pytest.approx(built.fitted, abs=0.01)
    with pytest.raises(ModelError, match="has no drums of this song"):
        separator.separate_file(song, tmp_path / "out")
    assert find_model(moved / "best.yaml").origins()


def test_a_local_checkpoint_is_copied_and_replaced_by_the_next_ensemble(dataset: Dataset, tmp_path: Path) -> None:
    path = write_demucs(tmp_path / "checkpoints", "net", htdemucs())
    other = write_demucs(tmp_path / "checkpoints", "other", htdemucs(1))
    for _ in range(2):  # the second time over the first
        build_ensemble([f"demucs:{path}", f"demucs:{other}"], dataset, tmp_path / "best.yaml", plain=True)
    assert sorted(yaml.safe_load((tmp_path / "best.yaml").read_text())["members"]) == [
        f"demucs:best/member_{number}/{file.name}"
        for number, file in zip((1, 2), sorted((tmp_path / "best").rglob("*.th")), strict=True)
    ]
