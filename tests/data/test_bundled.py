"""The bundled songs are what their README says."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dssgan.curation.importers import import_dataset
from dssgan.data import bundled as bundled_songs
from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset
from dssgan.data.rights import share_alike

TRACKS = {
    "train_sup": [
        "axe-from-the-80s", "lithium-1", "lithium-2", "realistic-approach", "reggae-try", "rubidium-1", "rubidium-2",
    ],
    "valid": ["cpu", "final-step", "the-long-road"],
    "test": ["crunk", "e1m1", "esp", "underhalls-too"],
}  # fmt: skip
UNPAIRED = {
    "mixes": ["hydrogen", "inner-recreation", "potassium"],
    "drums": ["potassium", "zero-sum-game"],
    "other": ["inner-recreation", "potassium"],
}


def _level_db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-12))


def test_the_package_stays_small() -> None:
    size = sum(path.stat().st_size for path in bundled_songs.FOLDER.rglob("*") if path.is_file())
    assert size <= 12 * 2**20


def test_each_song_is_in_one_partition(bundled: Dataset) -> None:
    assert {name: [track.name for track in bundled.partition(name)] for name in PAIRED_PARTITIONS} == TRACKS
    unpaired = bundled.train_unsup
    found = dict(zip(UNPAIRED, (unpaired.mixes, *unpaired.sources), strict=True))
    assert {kind: [sample.path.stem for sample in samples] for kind, samples in found.items()} == UNPAIRED
    songs = {name for names in UNPAIRED.values() for name in names}
    assert not songs & {track.name for name in PAIRED_PARTITIONS for track in bundled.partition(name)}


def test_each_partition_is_of_people_of_its_own(bundled: Dataset) -> None:
    groups = {name: {track.group for track in bundled.partition(name)} for name in PAIRED_PARTITIONS}
    assert {name: len(found) for name, found in groups.items()} == {"train_sup": 4, "valid": 3, "test": 4}
    assert len(set().union(*groups.values())) == 4 + 3 + 4


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
    assert active / seconds.shape[1] > 0.85
    for edge in (sources[..., 0], sources[..., -1]):  # no click where it was cut; Vorbis leaves a little
        assert np.abs(edge).max() < 0.02


def test_manifest_is_what_the_folder_holds(bundled: Dataset) -> None:
    again, _ = import_dataset(
        "folders", bundled_songs.FOLDER, name=bundled.name, licence=bundled.licence, credits=bundled.credits
    )
    # files without tags do not tell their makers
    ungrouped = {
        partition: tuple(replace(track, group=None) for track in bundled.partition(partition))
        for partition in PAIRED_PARTITIONS
    }
    assert again == replace(bundled, **ungrouped)


def test_every_licence_is_credited(bundled: Dataset) -> None:
    assert bundled.licence == "CC0 1.0, Artistic-2.0, BSD-2-Clause and BSD-3-Clause, by song"
    for licence in ("CC0 1.0", "Artistic-2.0", "BSD-2-Clause", "BSD-3-Clause"):
        assert any(licence in line for line in bundled.credits)
    assert not share_alike((bundled.licence, *bundled.credits))


def test_readme_names_every_excerpt(bundled: Dataset) -> None:
    text = (bundled_songs.FOLDER / "README.md").read_text(encoding="utf-8")
    paired = [f"{name}/{track.name}" for name in PAIRED_PARTITIONS for track in bundled.partition(name)]
    unpaired = [f"train_unsup/{kind}/{name}" for kind, names in UNPAIRED.items() for name in names]
    for place in [*paired, *unpaired]:
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
@pytest.mark.parametrize("name", ["rubidium-1", "rubidium-2", "reggae-try", "cpu", "esp", "underhalls-too"])
def test_drums_and_other_are_aligned(bundled: Dataset, name: str) -> None:
    track = next(track for track in (*bundled.train_sup, *bundled.valid, *bundled.test) if track.name == name)
    _, (drums, other) = track.load()
    assert drums.shape == other.shape
    assert abs(lag_seconds(drums, other)) < 0.035
    late = np.roll(other, 4410, axis=1)
    assert lag_seconds(drums, late) == pytest.approx(lag_seconds(drums, other) + 0.1, abs=0.011)
