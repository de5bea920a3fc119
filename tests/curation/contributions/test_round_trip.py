"""Packing and merging: what was given arrives, once, with its terms."""

import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.curation.contributions.merge import merge
from dssgan.curation.contributions.pack import contribute, find_tracks
from dssgan.curation.contributions.rules import decode, files_of
from dssgan.data.dataset import Dataset
from dssgan.data.loading import load_dataset
from dssgan.data.manifest import save_manifest
from dssgan.data.rights import Rights
from dssgan.errors import DataError, DssganError

RATE = 44100
TERMS = {"licence": "CC-BY-4.0", "holder": "Ada Drummer", "source": "https://example.org/album", "consent": "May train"}
DAY = date(2026, 2, 3)
Song = tuple[NDArray[np.float32], NDArray[np.float32]]


def pack(songs: Path, output: Path, **terms: Any) -> Dataset:
    sources, tracks = find_tracks(songs)
    return contribute(tracks, sources, output, **{**TERMS, "day": DAY, **terms})


def state(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_given_arrives_sample_by_sample(songs: Path, archive: Path, tmp_path: Path) -> None:
    merged = merge([archive], tmp_path / "dataset.json")
    assert merged.added == ("One", "Zwölf")
    one, twelve = load_dataset(tmp_path / "dataset.json").train_sup
    assert one.mix is not None
    assert twelve.mix is None
    for track in (one, twelve):
        for name, part in zip(("drums", "other"), track.sources, strict=True):
            assert part is not None
            np.testing.assert_array_equal(part.read(), files.read(songs / track.name / f"{name}.wav"))
    np.testing.assert_array_equal(one.mix.read(), files.read(songs / "One" / "mix.wav"))
    assert soundfile.info(one.mix.files[0].path).subtype == "PCM_16"
    assert {soundfile.info(part.files[0].path).subtype for part in twelve.recordings} == {"PCM_24"}


def test_terms_travel_into_the_data_set(archive: Path, tmp_path: Path) -> None:
    merge([archive], tmp_path / "dataset.json", partition="valid")
    dataset = load_dataset(tmp_path)
    (rights,) = dataset.rights
    assert rights == Rights(
        ("One", "Zwölf"), "CC-BY-4.0", "Ada Drummer", "https://example.org/album", "May train (2026-02-03)",
        rights.archive,
    )  # fmt: skip
    assert rights.archive is not None
    assert len(rights.archive) == 64
    assert dataset.licence == "CC-BY-4.0"
    assert dataset.credits == ("Ada Drummer (CC-BY-4.0): https://example.org/album",)
    assert [track.name for track in dataset.valid] == ["One", "Zwölf"]


def test_the_same_tracks_give_the_same_bytes(songs: Path, archive: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(songs, tmp_path / "elsewhere"))
    pack(copy, tmp_path / "again.dssgan.zip")
    assert (tmp_path / "again.dssgan.zip").read_bytes() == archive.read_bytes()


def test_an_archive_tells_nothing_of_the_machine(archive: Path, songs: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        text = opened.read("dataset.json").decode()
        paths = {file.path for file in files_of(decode(text.encode()))}
        assert paths | {"dataset.json"} == set(opened.namelist())
    assert str(songs.parent) not in text
    assert Path.home().name not in text


def test_merging_twice_changes_nothing(archive: Path, tmp_path: Path) -> None:
    merge([archive], tmp_path / "dataset.json")
    before = state(tmp_path)
    merged = merge([archive, archive], tmp_path / "dataset.json", partition="test")
    assert merged.added == ()
    assert merged.duplicates[0] == ("One", "One of train_sup")
    assert state(tmp_path) == before


def test_the_same_audio_from_another_hand_is_left_out(songs: Path, archive: Path, tmp_path: Path) -> None:
    shutil.copytree(songs / "Zwölf", tmp_path / "songs" / "Renamed")
    pack(tmp_path / "songs", tmp_path / "other.dssgan.zip", holder="Somebody else")
    merged = merge([archive, tmp_path / "other.dssgan.zip"], tmp_path / "dataset.json")
    assert merged.added == ("One", "Zwölf")
    assert merged.duplicates == (("Renamed", "Zwölf"),)
    assert [rights.holder for rights in load_dataset(tmp_path / "dataset.json").rights] == ["Ada Drummer"]


def test_a_quieter_copy_is_left_out(archive: Path, songs: Path, tmp_path: Path) -> None:
    for name in ("drums", "other"):
        (audio,) = (files.read(path) for path in (songs / "One").glob(f"{name}.*"))
        files.write(tmp_path / "songs" / "Remaster" / f"{name}.wav", audio * 0.3, RATE)
    pack(tmp_path / "songs", tmp_path / "quiet.dssgan.zip", holder="Somebody else")
    merged = merge([archive, tmp_path / "quiet.dssgan.zip"], tmp_path / "dataset.json")
    assert merged.duplicates == (("Remaster", "One"),)


def test_two_songs_of_one_name_are_kept_apart(archive: Path, bundled: Dataset, tmp_path: Path) -> None:
    for name, sample in zip(("drums", "other"), bundled.train_sup[0].sources, strict=True):
        assert sample is not None
        files.write(tmp_path / "songs" / "ONE" / f"{name}.wav", sample.read(8.0, 4.0) * 0.5, RATE)
    pack(tmp_path / "songs", tmp_path / "namesake.dssgan.zip", licence="cc0-1.0")
    merged = merge([archive, tmp_path / "namesake.dssgan.zip"], tmp_path / "dataset.json")
    assert merged.added[2].startswith("ONE-")
    dataset = load_dataset(tmp_path / "dataset.json")
    assert dataset.licence == "CC-BY-4.0 AND CC0-1.0"
    assert [rights.tracks for rights in dataset.rights] == [("One", "Zwölf"), merged.added[2:]]


def test_a_clipping_track_is_made_softer_as_a_whole(song: Song, tmp_path: Path) -> None:
    sources = song[1][..., :RATE]
    loud = sources / np.abs(sources).max() * 2
    for name, audio in zip(("drums", "other"), loud, strict=True):
        files.write(tmp_path / "songs" / "Loud" / f"{name}.wav", audio, RATE, "float32")
    pack(tmp_path / "songs", tmp_path / "loud.dssgan.zip")
    merge([tmp_path / "loud.dssgan.zip"], tmp_path / "dataset.json")
    _, estimate = load_dataset(tmp_path).train_sup[0].load()
    np.testing.assert_allclose(estimate, loud / 2, atol=2**-23)


def test_a_manifest_can_be_contributed(bundled: Dataset, tmp_path: Path) -> None:
    save_manifest(replace(bundled, train_sup=bundled.train_sup[:1], valid=(), test=()), tmp_path / "dataset.json")
    (packed,) = pack(tmp_path, tmp_path / "songs.dssgan.zip").train_sup
    given = [part.fingerprint for part in bundled.train_sup[0].sources if part is not None]
    assert [part.compute_fingerprint() for part in packed.recordings] == given


def test_an_unzipped_archive_is_a_data_set(archive: Path, songs: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    dataset = load_dataset(tmp_path)
    assert [track.name for track in dataset.train_sup] == ["One", "Zwölf"]
    assert dataset.rights[0].holder == "Ada Drummer"
    drums = dataset.train_sup[0].sources[0]
    assert drums is not None
    np.testing.assert_array_equal(drums.read(), files.read(songs / "One" / "drums.wav"))


def test_tracks_that_cannot_be_learnt_from_go_into_quarantine(song: Song, songs: Path, tmp_path: Path) -> None:
    shutil.copytree(songs / "One", tmp_path / "songs" / "One")
    for name in ("drums", "other"):
        files.write(tmp_path / "songs" / "Silent" / f"{name}.wav", np.zeros_like(song[0][:, :RATE]), RATE)
    archive = tmp_path / "archive" / "songs.dssgan.zip"
    pack(tmp_path / "songs", archive)
    output = tmp_path / "set" / "dataset.json"
    merged = merge([archive], output, into=tmp_path / "set" / "audio")
    assert merged.added == ("One",)
    ((name, reason),) = merged.quarantined
    assert name == "Silent"
    assert "silent" in reason
    place = tmp_path / "set" / "audio" / "quarantine" / "Silent"
    assert sorted(path.name for path in place.iterdir()) == ["drums.flac", "other.flac", "reason.txt"]
    assert (place / "reason.txt").read_text().splitlines()[0] == reason
    before = state(tmp_path)
    merge([archive], output, into=tmp_path / "set" / "audio")
    assert state(tmp_path) == before


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"licence": "CC-BY-99"}, "licence 'CC-BY-99': no SPDX identifier"),
        ({"holder": " "}, "holder: must be one line"),
        ({"consent": "yes\x1b[2J"}, "consent: must be one line"),
        ({"source": ""}, "source: must be one line"),
    ],
)
def test_terms_that_say_nothing_are_refused(songs: Path, tmp_path: Path, terms: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        pack(songs, tmp_path / "songs.dssgan.zip", **terms)
    assert not list(tmp_path.iterdir())


def test_sources_must_be_those_of_the_data_set(archive: Path, bundled: Dataset, tmp_path: Path) -> None:
    bare = replace(bundled, sources=("vocals", "band"), train_sup=(), valid=(), test=bundled.test[:1])
    save_manifest(bare, tmp_path / "dataset.json")
    before = state(tmp_path)
    with pytest.raises(DataError, match="has the sources drums, other, but"):
        merge([archive], tmp_path / "dataset.json")
    assert state(tmp_path) == before


def test_nobody_gives_what_is_anothers(archive: Path, tmp_path: Path) -> None:
    merge([archive], tmp_path / "dataset.json")
    with pytest.raises(DataError, match=r"track One: was given by Ada Drummer under CC-BY-4\.0, so Bob cannot give it"):
        find_tracks(tmp_path, holder="Bob")
    _, tracks = find_tracks(tmp_path, holder="Ada Drummer")
    assert [track.name for track in tracks] == ["One", "Zwölf"]


def test_a_choice_of_licences_stays_one(songs: Path, archive: Path, tmp_path: Path) -> None:
    shutil.copytree(songs / "Zwölf", tmp_path / "songs" / "Zwölf")
    pack(tmp_path / "songs", tmp_path / "choice.dssgan.zip", licence="CC0-1.0 or MIT")
    merge([tmp_path / "choice.dssgan.zip", archive], tmp_path / "dataset.json")
    assert load_dataset(tmp_path / "dataset.json").licence == "(CC0-1.0 OR MIT) AND CC-BY-4.0"


def test_merges_at_once_do_not_forget_each_other(songs: Path, tmp_path: Path) -> None:
    archives = []
    for name in ("One", "Zwölf"):
        shutil.copytree(songs / name, tmp_path / name / name)
        archives.append(tmp_path / f"{name}.dssgan.zip")
        pack(tmp_path / name, archives[-1])
    target = tmp_path / "set" / "dataset.json"
    with ThreadPoolExecutor(2) as pool:
        for merged in [pool.submit(merge, [path], target) for path in archives]:
            merged.result()
    assert {track.name for track in load_dataset(target).train_sup} == {"One", "Zwölf"}
    assert sorted(path.name for path in target.parent.iterdir()) == [
        ".dataset.json.lock",
        "contributions",
        "dataset.json",
    ]


def test_places_that_cannot_be_used_are_named(songs: Path, archive: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"songs\.zip: cannot be the name of a contribution; end it in \.dssgan\.zip"):
        pack(songs, tmp_path / "songs.zip")
    with pytest.raises(DataError, match=r"One: no tracks found; lay them out as One/SONG/drums\.wav"):
        find_tracks(songs / "One")
    with pytest.raises(DataError, match=r"cannot be the name of a manifest; end it in \.json"):
        merge([archive], tmp_path / "data")
    with pytest.raises(DataError, match="unknown partition 'vaild': did you mean valid"):
        merge([archive], tmp_path / "dataset.json", partition="vaild")
    with pytest.raises(DssganError, match=r"cannot be unpacked \(Is a directory\); name an archive"):
        merge([songs], tmp_path / "dataset.json")
    assert not list(tmp_path.iterdir())
