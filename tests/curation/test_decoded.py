"""Decoded copies are what their sources are, each made once."""

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.curation.decoded import DecodedCache, decode_dataset
from dssgan.data.audio_file import AudioFile, Sum
from dssgan.data.dataset import Dataset, Track, Unpaired
from dssgan.data.loading import load_dataset
from dssgan.data.manifest import save_manifest
from dssgan.data.rights import Rights
from dssgan.errors import ConfigError, DataError, DssganError
from dssgan.parallel.processes import map_in_processes

RATE = 44100
HALF_BIT = 2.0**-16
Song = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture(scope="module")
def dataset(song: Song, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Every kind of file in every partition: Vorbis, mp3, FLAC, AAC, a stem file, a wav; sums, mono, another rate."""
    folder = tmp_path_factory.mktemp("songs")
    mix, (drums, other) = song[0][:, :RATE] / 2, song[1][:, :, :RATE] / 2
    soundfile.write(folder / "drums.ogg", drums.T, RATE, format="OGG", subtype="VORBIS")
    soundfile.write(folder / "other.mp3", other.T, RATE, format="MP3")
    soundfile.write(folder / "mono.flac", mix[0] / 2, RATE)
    soundfile.write(folder / "rate.flac", other.T, 48000)
    for name, audio in {"mix": mix, "part": drums, "rest": other}.items():
        files.write(folder / f"{name}.wav", audio / 1.5, RATE)
    inputs = [argument for name in ("mix", "part", "rest") for argument in ("-i", str(folder / f"{name}.wav"))]
    encode = ["ffmpeg", "-v", "error", *inputs, "-c:a", "aac", "-b:a", "256k"]
    subprocess.run([*encode, "-map", "0", "-map", "1", "-map", "2", folder / "song.stem.mp4"], check=True)
    subprocess.run([*encode, "-map", "1", folder / "drums.m4a"], check=True)

    def sample(name: str, stem: int | None = None) -> AudioFile:
        return AudioFile.of(folder / name, stem, with_fingerprint=True)

    stems = [sample("song.stem.mp4", number) for number in range(3)]
    return Dataset(
        ("drums", "other"),
        train_sup=(
            Track("files", None, (sample("drums.ogg"), sample("other.mp3"))),
            Track("difference", stems[0], (stems[1], Sum(((stems[0], 1.0), (stems[1], -1.0))))),
        ),
        train_unsup=Unpaired((sample("mono.flac"), sample("mix.wav")), ((), (sample("rate.flac"),))),
        valid=(Track("half", None, (sample("drums.m4a"), None)),),
        test=(Track("secret", None, (sample("part.wav"), sample("rest.wav"))),),
        name="all kinds",
        licence="CC0-1.0",
        credits=("somebody",),
        rights=(Rights(("files",), "CC0-1.0", "somebody", "somewhere"),),
    )


@pytest.fixture(scope="module")
def decoded(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    cache = DecodedCache(tmp_path_factory.mktemp("cache"))
    result = decode_dataset(dataset, cache, map_unordered=map_in_processes(2))
    assert (result.errors, result.num_files, result.num_written) == ((), 10, 7)
    assert result.dataset is not None
    return result.dataset


def files_of(dataset: Dataset) -> list[AudioFile]:
    tracks = (*dataset.train_sup, *dataset.valid, *dataset.test)
    recordings = [recording for track in tracks for recording in track.recordings]
    return [sample for recording in (*recordings, *dataset.train_unsup.recordings) for sample in recording.files]


def test_copies_make_the_same_data_set(dataset: Dataset, decoded: Dataset, tmp_path: Path) -> None:
    for name in ("name", "licence", "credits", "rights", "sources"):
        assert getattr(decoded, name) == getattr(dataset, name)
    for partition in ("train_sup", "valid", "test"):
        pairs = zip(decoded.partition(partition), dataset.partition(partition), strict=True)
        for copy, track in pairs:
            assert copy.name == track.name
            assert copy.fingerprints == track.fingerprints
    difference = decoded.train_sup[1].sources[1]
    assert isinstance(difference, Sum)
    assert [factor for _, factor in difference.terms] == [1.0, -1.0]
    assert difference.files[0] == decoded.train_sup[1].mix
    assert decoded.valid[0].sources[1] is None
    # all but the resampled file
    assert [copy.fingerprint == sample.fingerprint for copy, sample in pairs_of(decoded, dataset)].count(False) == 1
    save_manifest(decoded, tmp_path / "decoded.json")
    assert load_dataset(tmp_path / "decoded.json") == decoded


def pairs_of(decoded: Dataset, dataset: Dataset) -> list[tuple[AudioFile, AudioFile]]:
    return list(zip(files_of(decoded), files_of(dataset), strict=True))


def test_copies_sound_as_their_sources(dataset: Dataset, decoded: Dataset) -> None:
    for copy, sample in pairs_of(decoded, dataset):
        assert (copy.path.suffix, copy.stem, copy.sample_rate, copy.channels) == (".wav", None, RATE, sample.channels)
        assert soundfile.info(copy.path).subtype == "PCM_16"
        expected = sample.read(sample_rate=RATE)
        got = copy.read()
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=0, atol=1.01 * HALF_BIT)
        assert np.abs(expected).max() > 0.05


def test_wavs_of_the_right_kind_stay_where_they_are(dataset: Dataset, decoded: Dataset, tmp_path: Path) -> None:
    assert decoded.test == dataset.test
    wav = dataset.test[0].sources[0]
    assert isinstance(wav, AudioFile)
    copy, num_bytes = DecodedCache(tmp_path, channels=1).decode(replace(wav, fingerprint=None))
    assert (copy.channels, num_bytes) == (1, copy.path.stat().st_size)
    np.testing.assert_allclose(copy.read(), wav.read(channels=1), rtol=0, atol=1.01 * HALF_BIT)
    assert DecodedCache(tmp_path).decode(replace(wav, fingerprint=None)) == (wav, 0)


def test_a_copy_is_known_again_by_the_guard(dataset: Dataset, decoded: Dataset) -> None:
    with pytest.raises(DataError, match="is the same audio as test track files, which must not reach the train"):
        Dataset(("drums", "other"), train_sup=decoded.train_sup[:1], test=dataset.train_sup[:1])


def test_overshoots_are_kept(song: Song, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.ogg", 4 * song[0][:, :RATE].T, RATE, format="OGG", subtype="VORBIS")
    sample = AudioFile.of(tmp_path / "loud.ogg", with_fingerprint=True)
    copy, _ = DecodedCache(tmp_path / "cache").decode(sample)
    assert soundfile.info(copy.path).subtype == "FLOAT"
    assert np.abs(copy.read()).max() > 1.5
    np.testing.assert_array_equal(copy.read(), sample.read())
    assert copy.fingerprint == sample.fingerprint


def test_what_is_there_is_not_made_again(dataset: Dataset, tmp_path: Path) -> None:
    cache = DecodedCache(tmp_path)
    sample = files_of(dataset)[0]
    copy, num_bytes = cache.decode(sample)
    assert num_bytes == copy.path.stat().st_size
    written = copy.path.stat().st_mtime_ns
    renamed = replace(sample, path=Path(tmp_path / "renamed.ogg"), fingerprint=None)
    renamed.path.write_bytes(sample.path.read_bytes())
    assert cache.decode(renamed) == (copy, 0)
    assert copy.path.stat().st_mtime_ns == written
    # another rate, other channels and another stream are other copies
    stem = dataset.train_sup[1].mix
    assert isinstance(stem, AudioFile)
    keys = {cache.key(stem), cache.key(replace(stem, stem=1)), cache.key(sample)}
    keys |= {replace(cache, sample_rate=22050).key(stem), replace(cache, channels=1).key(stem)}
    assert len(keys) == 5


@pytest.mark.parametrize("damage", ["cut", "no note", "spoiled note"])
def test_a_damaged_copy_is_made_again(dataset: Dataset, tmp_path: Path, damage: str) -> None:
    cache = DecodedCache(tmp_path)
    sample = files_of(dataset)[0]
    copy, num_bytes = cache.decode(sample)
    note = copy.path.with_suffix(".json")
    if damage == "cut":
        os.truncate(copy.path, num_bytes // 2)
    elif damage == "no note":
        note.unlink()
    else:
        note.write_text(note.read_text().replace("fingerprint", "finger"))
    assert cache.decode(sample) == (copy, num_bytes)
    assert cache.decode(sample) == (copy, 0)


def test_broken_files_are_named_and_the_others_decoded(dataset: Dataset, tmp_path: Path) -> None:
    good, mp3 = files_of(dataset)[:2]
    content = mp3.path.read_bytes()
    broken, other = tmp_path / "broken.mp3", tmp_path / "other.mp3"
    broken.write_bytes(content[: len(content) // 4])
    other.write_bytes(good.path.read_bytes())
    files_there = (good, replace(mp3, path=broken), replace(mp3, path=other))
    songs = Dataset(("drums", "other"), train_unsup=Unpaired(files_there))
    cache = DecodedCache(tmp_path / "cache")
    result = decode_dataset(songs, cache)
    assert result.dataset is None
    assert (result.num_files, result.num_written) == (3, 1)
    assert [line.split(": ")[0] for line in result.errors] == [str(broken), str(other)]
    assert "truncated" in result.errors[0]
    assert "is not the audio of the data set" in result.errors[1]
    assert cache.decode(good)[1] == 0


def test_a_cache_that_cannot_be_written_ends_it(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DssganError, match=r"file/.*: cannot make this folder"):
        decode_dataset(dataset, DecodedCache(tmp_path / "file"))


def test_what_the_killed_left_is_swept_up(dataset: Dataset, tmp_path: Path) -> None:
    old, new, foreign = (tmp_path / "ab" / name for name in (f".{'0' * 40}-x_1.wav", f".{'1' * 40}-x.wav", ".mine.wav"))
    for path in (old, new, foreign):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    yesterday = time.time() - 25 * 3600
    for path in (old, foreign):
        os.utime(path, (yesterday, yesterday))
    decode_dataset(replace(dataset, train_sup=(), train_unsup=Unpaired(), valid=()), DecodedCache(tmp_path))
    assert [path.exists() for path in (old, new, foreign)] == [False, True, True]


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 channels at 0 Hz: each must be above zero"):
        DecodedCache(tmp_path, 0)


def test_a_process_that_dies_is_one_line() -> None:
    with pytest.raises(DssganError, match="a worker process died"):
        list(map_in_processes(2)(os._exit, [1, 1]))


def test_processes_give_every_result() -> None:
    assert sorted(map_in_processes(2)(abs, [-3, 2, -1])) == [1, 2, 3]
