"""Recordings that no file holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.audio.resample import resample, to_channels
from dssgan.data.audio_file import AudioFile, Sum
from dssgan.data.augment import Augment
from dssgan.data.dataset import Dataset, Track, Unpaired
from dssgan.data.excerpts import PairedExcerpts
from dssgan.data.loading import load_dataset
from dssgan.data.manifest import save_manifest
from dssgan.errors import DataError

RATE = 44100
Song = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture
def parts(tmp_path: Path, song: Song) -> tuple[AudioFile, AudioFile]:
    """A mix and its drums, in 32-bit float."""
    files.write(tmp_path / "mix.wav", song[0], RATE, "float32")
    files.write(tmp_path / "drums.wav", song[1][0], RATE, "float32")
    mix, drums = (AudioFile.of(tmp_path / f"{name}.wav", with_fingerprint=True) for name in ("mix", "drums"))
    return mix, drums


def test_the_rest_is_the_mix_less_the_drums(parts: tuple[AudioFile, AudioFile], song: Song) -> None:
    rest = Sum(((parts[0], 1.0), (parts[1], -1.0)))
    np.testing.assert_allclose(rest.read(), song[1][1], atol=1e-6)
    np.testing.assert_allclose(rest.read(1.0, 0.5), song[1][1][:, RATE : RATE * 3 // 2], atol=1e-6)
    assert rest.read(1.0, 0.777, sample_rate=8192, channels=1).shape == (1, round(0.777 * 8192))
    assert (rest.sample_rate, rest.channels, rest.duration) == (RATE, 2, 4.0)
    assert rest.label == f"{parts[0].path} - {parts[1].path}"


def test_a_sum_is_known_by_its_files_and_factors(parts: tuple[AudioFile, AudioFile]) -> None:
    rest = Sum(((parts[0], 1.0), (parts[1], -1.0)))
    assert parts[1].identities < rest.identities  # a test song's stem is known again inside a sum
    assert rest.fingerprint == rest.compute_fingerprint()
    assert replace(rest, terms=((parts[0], 1.0), (parts[1], 1.0))).compute_fingerprint() != rest.compute_fingerprint()
    unknown = replace(parts[0], fingerprint=None)
    assert Sum(((unknown, 1.0),)).fingerprint is None
    assert Sum(((unknown, 1.0), (parts[1], -1.0))).compute_fingerprint() == rest.compute_fingerprint()


def test_files_of_other_rates_are_brought_to_the_first(tmp_path: Path, parts: tuple[AudioFile, AudioFile]) -> None:
    files.write(tmp_path / "low.wav", parts[1].read(sample_rate=22050, channels=1), 22050, "float32")
    both = Sum(((parts[0], 1.0), (AudioFile.of(tmp_path / "low.wav"), 0.5)))
    # the second file has one channel at half the rate: brought to the first's, it is the drums below 11 kHz
    drums = resample(resample(parts[1].read(channels=1), RATE, 22050), 22050, RATE)
    expected = parts[0].read() + 0.5 * to_channels(drums, 2)[:, : 4 * RATE]
    assert both.read().shape == expected.shape == (2, 4 * RATE)
    np.testing.assert_allclose(both.read(), expected, atol=1e-4)
    np.testing.assert_allclose(both.read(channels=1), to_channels(expected, 1), atol=1e-4)


def test_a_sum_of_nothing_is_refused(parts: tuple[AudioFile, AudioFile]) -> None:
    with pytest.raises(DataError, match="a sum of no files"):
        Sum(())
    with pytest.raises(DataError, match=r"mix\.wav: factor nan is not a finite number"):
        Sum(((parts[0], float("nan")),))


def test_a_data_set_keeps_its_sums(tmp_path: Path, parts: tuple[AudioFile, AudioFile], song: Song) -> None:
    mix, drums = parts
    rest = Sum(((mix, 1.0), (drums, -1.0)))
    dataset = Dataset(
        ("drums", "other"), (Track("song", mix, (drums, rest)),), train_unsup=Unpaired((mix,), ((drums,), (rest,)))
    )
    save_manifest(dataset, tmp_path / "dataset.json")
    loaded = load_dataset(tmp_path / "dataset.json")
    _, sources = loaded.train_sup[0].load()
    np.testing.assert_allclose(sources, song[1], atol=1e-6)
    assert loaded.train_sup == dataset.train_sup
    assert loaded.train_unsup == dataset.train_unsup
    assert loaded.fingerprint == dataset.fingerprint


def test_training_takes_excerpts_of_sums(parts: tuple[AudioFile, AudioFile]) -> None:
    track = Track("song", parts[0], (parts[1], Sum(((parts[0], 1.0), (parts[1], -1.0)))))
    excerpts = PairedExcerpts(
        [track], segment_seconds=0.5, sample_rate=RATE, channels=2, augment=Augment.none(), seed=0
    )
    mix, sources = next(iter(excerpts))
    np.testing.assert_allclose(sources.sum(dim=0), mix, atol=1e-6)


def test_a_test_song_inside_a_sum_is_found(parts: tuple[AudioFile, AudioFile], tmp_path: Path, song: Song) -> None:
    files.write(tmp_path / "renamed.wav", song[1][0], RATE, "float32")
    copy = AudioFile.of(tmp_path / "renamed.wav", with_fingerprint=True)
    train = Track("train", None, (None, Sum(((parts[0], 1.0), (parts[1], -1.0)))))
    with pytest.raises(DataError, match="same audio as test track"):
        Dataset(("drums", "other"), (train,), test=(Track("test", None, (copy, None)),))


def test_a_term_that_ends_early_is_silent_after_its_end(song: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    files.write(tmp_path / "long.wav", song[1][0], 44100)
    files.write(tmp_path / "short.wav", song[1][1][:, :44100], 44100)
    long, short = (AudioFile.of(tmp_path / f"{name}.wav") for name in ("long", "short"))
    for terms in (((short, 1.0), (long, 1.0)), ((long, 1.0), (short, 1.0))):
        both = Sum(terms)
        assert both.duration == 4.0
        assert np.array_equal(both.read(2.0, 1.0), long.read(2.0, 1.0))
        part = both.read(0.5, 1.0)
        assert part.shape[1] == 44100
        assert np.array_equal(part[:, 22050:], long.read(1.0, 0.5))
