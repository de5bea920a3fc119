"""The bundled songs are what their README says."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dssgan.curation.importers import import_dataset
from dssgan.data import bundled as bundled_songs
from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset

TRACKS = {
    "train_sup": ["lithium-1", "lithium-2", "lithium-3", "rubidium-1", "rubidium-2", "rubidium-3"],
    "valid": ["hydrogen-1", "hydrogen-2"],
    "test": ["francium-1", "francium-2", "francium-3"],
}


def _level_db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-12))


def test_the_package_stays_small() -> None:
    size = sum(path.stat().st_size for path in bundled_songs.FOLDER.rglob("*") if path.is_file())
    assert size <= 12 * 2**20


def test_each_song_is_in_one_partition(bundled: Dataset) -> None:
    assert {name: [track.name for track in bundled.partition(name)] for name in PAIRED_PARTITIONS} == TRACKS
    songs = [{track.name.split("-")[0] for track in bundled.partition(name)} for name in PAIRED_PARTITIONS]
    unpaired = {sample.path.stem for sample in bundled.train_unsup.recordings}
    assert unpaired == {"potassium"}
    assert sum(map(len, [*songs, unpaired])) == len(set().union(*songs, unpaired))


@pytest.mark.parametrize(("partition", "index"), [(p, i) for p, names in TRACKS.items() for i in range(len(names))])
def test_every_track_has_drums_and_the_rest(bundled: Dataset, partition: str, index: int) -> None:
    track = bundled.partition(partition)[index]
    mix, sources = track.load()
    assert sources.shape == (2, 2, round(track.duration * 44100))
    np.testing.assert_array_equal(mix, sources[0] + sources[1])
    assert np.abs(mix).max() < 1
    assert _level_db(sources[0]) > -33
    assert _level_db(sources[1]) > -34
    seconds = sources[0][:, : 44100 * int(track.duration)].reshape(2, -1, 44100)
    active = sum(_level_db(seconds[:, number]) > -60 for number in range(seconds.shape[1]))
    # the quiet one of the two validation excerpts has pauses
    assert active / seconds.shape[1] > (0.4 if track.name == "hydrogen-1" else 0.85)
    for edge in (sources[..., 0], sources[..., -1]):  # no click where it was cut
        assert np.abs(edge).max() < 0.01


def test_manifest_is_what_the_folder_holds(bundled: Dataset) -> None:
    again, _ = import_dataset(
        "folders", bundled_songs.FOLDER, name=bundled.name, licence=bundled.licence, credits=bundled.credits
    )
    of_one_record = {
        partition: tuple(replace(track, group="Everything is Free") for track in again.partition(partition))
        for partition in ("train_sup", "valid", "test")
    }
    assert replace(again, **of_one_record) == bundled  # files without tags do not tell their record
    assert bundled.licence == "CC0 1.0"


def test_readme_names_every_excerpt(bundled: Dataset) -> None:
    text = (bundled_songs.FOLDER / "README.md").read_text(encoding="utf-8")
    paired = [f"{name}/{track.name}" for name in PAIRED_PARTITIONS for track in bundled.partition(name)]
    for place in [*paired, *(f"train_unsup/{kind}/potassium" for kind in ("mixes", "drums", "other"))]:
        assert f"| {place} |" in text


def test_song_of_the_tests_has_drums(song: tuple[np.ndarray, np.ndarray]) -> None:
    mix, sources = song
    assert mix.shape == (2, 4 * 44100)
    assert sources.shape == (2, 2, 4 * 44100)
    assert all(_level_db(source) > -35 for source in sources)


ONSET_HOP_SECONDS = 0.01


def onsets(audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give the rises of the level, 100 a second."""
    hop = round(ONSET_HOP_SECONDS * 44100)
    mono = audio.mean(axis=0, dtype=np.float64)
    frames = mono[: len(mono) // hop * hop].reshape(-1, hop)
    return np.maximum(0, np.diff(np.log10(1e-4 + np.sqrt(np.mean(frames**2, axis=1)))))


def lag_seconds(drums: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Find how much later than the drums' the other's onsets come, at most 0.2 s."""
    first, second = onsets(drums), onsets(other)
    most = 20
    alike = [np.corrcoef(first[most:-most], np.roll(second, -lag)[most:-most])[0, 1] for lag in range(-most, most + 1)]
    return (int(np.argmax(alike)) - most) * ONSET_HOP_SECONDS


# those in which the band plays on the drums' beats, so that onsets tell
@pytest.mark.parametrize("name", ["rubidium-1", "rubidium-2", "francium-1", "francium-2", "francium-3"])
def test_drums_and_other_are_aligned(bundled: Dataset, name: str) -> None:
    track = next(track for track in (*bundled.train_sup, *bundled.test) if track.name == name)
    _, (drums, other) = track.load()
    assert drums.shape == other.shape
    assert abs(lag_seconds(drums, other)) < 0.035
    late = np.roll(other, 4410, axis=1)
    assert lag_seconds(drums, late) == pytest.approx(lag_seconds(drums, other) + 0.1, abs=0.011)
