"""Samples, tracks, and the guard of the test partition."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset, Track, Unpaired
from dssgan.errors import DataError

RATE = 44100
SOURCES = ("drums", "other")
Song = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture
def track(tmp_path: Path, song: Song) -> Track:
    """A track of its own files, with a mix."""
    mix, sources = song
    names = {"mix": mix, "drums": sources[0], "other": sources[1]}
    for name, audio in names.items():
        files.write(tmp_path / f"{name}.wav", audio, RATE)
    samples = [AudioFile.of(tmp_path / f"{name}.wav", with_fingerprint=True) for name in names]
    return Track("song", samples[0], (samples[1], samples[2]))


def test_a_sample_reads_what_was_asked_for(track: Track, song: Song) -> None:
    mix = track.recordings[0]
    assert (mix.sample_rate, mix.channels, mix.duration, mix.num_frames) == (RATE, 2, 4.0, 4 * RATE)
    np.testing.assert_allclose(mix.read(1.0, 0.5), song[0][:, RATE : RATE * 3 // 2], atol=2**-15)
    assert mix.read(1.0, 0.777, sample_rate=8192, channels=1).shape == (1, round(0.777 * 8192))
    assert mix.read(3.5, 2.0, sample_rate=16000).shape == (2, 8000)  # it ends there
    assert mix.read(sample_rate=22050, channels=3).shape == (3, 88200)


def test_a_track_without_mix_is_the_sum(track: Track) -> None:
    mix, sources = replace(track, mix=None).load(22050, 1)
    assert mix.shape == (1, 88200)
    np.testing.assert_array_equal(mix, sources.sum(axis=0))


def test_an_absent_source_is_silence(track: Track) -> None:
    mix, sources = replace(track, sources=(track.sources[0], None)).load()
    assert sources.shape == (2, 2, 4 * RATE)
    assert not sources[1].any()
    np.testing.assert_array_equal(mix, files.read(track.recordings[0].path))


def test_a_track_of_silence_alone_is_refused(track: Track) -> None:
    with pytest.raises(DataError, match="track song: all its sources are silent"):
        Track("song", track.mix, (None, None))


def test_sources_of_unequal_length_are_named(track: Track, tmp_path: Path, song: Song) -> None:
    files.write(tmp_path / "short.wav", song[0][:, :-2000], RATE)
    with pytest.raises(
        DataError, match=r"track song: its files differ in length \(.*mix.wav 4.000 s.*short.wav 3.955 s"
    ):
        replace(track, sources=(track.sources[0], AudioFile.of(tmp_path / "short.wav")))


def test_a_few_samples_are_no_difference(track: Track, tmp_path: Path, song: Song) -> None:
    files.write(tmp_path / "short.wav", song[0][:, :-100], RATE)
    mix, sources = replace(track, sources=(track.sources[0], AudioFile.of(tmp_path / "short.wav"))).load()
    assert sources.shape[-1] == mix.shape[-1] == 4 * RATE
    assert not sources[1, :, -100:].any()


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", "a\\b", "a\nb"])
def test_names_that_lead_elsewhere_are_refused(track: Track, name: str) -> None:
    with pytest.raises(DataError, match="cannot be a name"):
        replace(track, name=name)
    with pytest.raises(DataError, match="cannot be a name"):
        Dataset(("drums", name), train_sup=(track,))


@pytest.mark.parametrize("partition", ["train_sup", "valid", "mixes", "drums"])
def test_a_test_song_under_another_name_is_found(track: Track, tmp_path: Path, partition: str) -> None:
    part = track.sources[0]
    assert part is not None
    copy = Path(shutil.copy(part.path, tmp_path / "PR - Oh No.wav"))
    other = AudioFile.of(copy, with_fingerprint=True)
    leaked = Track("leaked", None, (other, None))
    unpaired = {
        "mixes": Unpaired((other,), ((), ())),
        "drums": Unpaired((), ((other,), ())),
    }
    with pytest.raises(DataError, match=r"is the same audio as test track song, which must not reach the train"):
        Dataset(
            SOURCES,
            train_sup=(leaked,) if partition == "train_sup" else (),
            train_unsup=unpaired.get(partition, Unpaired()),
            valid=(leaked,) if partition == "valid" else (),
            test=(track,),
        )


def test_a_test_file_without_fingerprint_is_found_by_its_place(track: Track) -> None:
    bare = Track("leaked", None, tuple(sample and replace(sample, fingerprint=None) for sample in track.sources))
    with pytest.raises(DataError, match="leaked: is the same audio"):
        Dataset(SOURCES, train_sup=(bare,), test=(track,))


def test_silent_stems_have_nothing_in_common(track: Track, tmp_path: Path) -> None:
    paths = [tmp_path / "silent-1.wav", tmp_path / "silent-2.wav"]
    for path in paths:
        files.write(path, np.zeros((2, 4 * RATE), np.float32), RATE)
    silent = [AudioFile.of(path, with_fingerprint=True) for path in paths]
    assert track.sources[0] is not None
    train = Track("train", None, (track.sources[0], silent[0]))
    test = Track("test", None, (track.sources[1], silent[1]))
    assert silent[0].fingerprint == "silence"
    assert train.fingerprints == {track.sources[0].fingerprint}
    Dataset(SOURCES, train_sup=(train,), test=(test,))


def test_forbid_test_says_what_for(bundled: Dataset) -> None:
    bundled.forbid_test([*bundled.valid, *bundled.train_sup, *bundled.train_unsup.recordings], "early stopping")
    with pytest.raises(DataError, match=r"e1m1: .* must not reach the early stopping"):
        bundled.forbid_test([bundled.valid[0], bundled.test[1]], "early stopping")
    with pytest.raises(DataError, match=r"drums\.ogg: is the same audio as test track crunk"):
        bundled.forbid_test(bundled.test[0].recordings, "sweep")


def test_fingerprint_is_of_what_a_model_learns_from(bundled: Dataset) -> None:
    def renamed(track: Track) -> Track:
        return replace(track, name=track.name + "x")

    assert (
        replace(bundled, test=(), name="x", valid=tuple(map(renamed, bundled.valid))).fingerprint == bundled.fingerprint
    )
    others = [
        replace(bundled, valid=bundled.valid[:1]),
        replace(bundled, train_sup=bundled.train_sup[1:]),
        replace(bundled, train_unsup=Unpaired()),
        replace(bundled, sources=("other", "drums")),
    ]
    assert len({bundled.fingerprint, *(other.fingerprint for other in others)}) == 5


def test_parts_must_fit_together(track: Track) -> None:
    with pytest.raises(DataError, match="must be two or more different names"):
        Dataset(("drums",), train_sup=())
    with pytest.raises(DataError, match="must be two or more different names"):
        Dataset(("drums", "drums"))
    with pytest.raises(DataError, match="track song has 2 sources, but the data set names 3"):
        Dataset(("drums", "bass", "other"), valid=(track,))
    with pytest.raises(DataError, match="two tracks of valid are called song"):
        Dataset(SOURCES, valid=(track, track))
    with pytest.raises(DataError, match="train_unsup has 1 lists"):
        Dataset(SOURCES, train_unsup=Unpaired((), ((),)))


def test_an_unknown_partition_names_the_near_ones(bundled: Dataset) -> None:
    assert bundled.partition("valid") is bundled.valid
    with pytest.raises(DataError, match="unknown partition 'vaild': did you mean valid"):
        bundled.partition("vaild")
