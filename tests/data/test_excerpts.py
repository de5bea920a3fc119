"""Endless excerpts: the same for the same seed, never silent by accident, never skipped."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.augment import Augment
from dssgan.data.cache import AudioCache
from dssgan.data.dataset import Dataset, Track
from dssgan.data.excerpts import PairedExcerpts, UnpairedExcerpts
from dssgan.errors import DataError
from dssgan.training.batches import Batches
from dssgan.training.settings import make_config

RATE = 44100
CHANGED = Augment(remix=0.5)


@pytest.fixture(scope="module")
def cache() -> AudioCache:
    """Decoded once for the whole module."""
    return AudioCache(RATE, 2)


def _paired(bundled: Dataset, cache: AudioCache | None = None, rank: int = 0, seed: int = 1) -> PairedExcerpts:
    return PairedExcerpts(
        bundled.valid, segment_seconds=0.5, sample_rate=RATE, channels=2, augment=CHANGED, seed=seed, rank=rank,
        cache=cache,
    )  # fmt: skip


def _sources(excerpts: PairedExcerpts, count: int = 4) -> torch.Tensor:
    return torch.stack([sources for _, sources in islice(excerpts, count)])


def test_shapes_and_sum(bundled: Dataset, cache: AudioCache) -> None:
    for mix, sources in islice(_paired(bundled, cache), 20):
        assert mix.shape == (2, RATE // 2)
        assert sources.shape == (2, 2, RATE // 2)
        assert mix.dtype == sources.dtype == torch.float32
        torch.testing.assert_close(mix, sources.sum(dim=0), rtol=0, atol=1e-6)


def test_the_same_seed_gives_the_same_excerpts(bundled: Dataset, cache: AudioCache) -> None:
    torch.testing.assert_close(_sources(_paired(bundled, cache)), _sources(_paired(bundled, cache)), rtol=0, atol=0)


def test_seed_epoch_and_rank_each_give_others(bundled: Dataset, cache: AudioCache) -> None:
    later = _paired(bundled, cache)
    later.set_epoch(1)
    kinds = [_paired(bundled, cache), later, _paired(bundled, cache, rank=1), _paired(bundled, cache, seed=2)]
    drawn = [_sources(kind) for kind in kinds]
    for first in range(4):
        for second in range(first):
            assert not torch.equal(drawn[first], drawn[second])


@pytest.mark.parametrize("num_workers", [1, 2, 3])
def test_the_number_of_loading_processes_changes_nothing(bundled: Dataset, num_workers: int) -> None:
    def first(workers: int) -> list[torch.Tensor]:
        config = make_config({"segment_seconds": 0.1, "batch_size": 2, "num_workers": workers, "adversarial_epochs": 0})
        separator = config.build_separator()
        batches = Batches(config, bundled, separator, 0, torch.device("cpu"))
        return [sources for _, sources in islice(batches.pairs(1), 4)]

    for alone, loaded in zip(first(0), first(num_workers), strict=True):
        torch.testing.assert_close(alone, loaded, rtol=0, atol=0)


def test_unchanged_excerpts_are_of_the_song(bundled: Dataset, cache: AudioCache) -> None:
    track = bundled.valid[0]
    plain = PairedExcerpts([track], segment_seconds=0.25, sample_rate=RATE, channels=2, augment=Augment.none(), seed=0,
                           cache=cache)  # fmt: skip
    whole, parts = track.load()
    for mix, sources in islice(plain, 5):
        windows = np.lib.stride_tricks.sliding_window_view(whole[0], 16)
        starts = np.flatnonzero((windows == mix[0, :16].numpy()).all(axis=1))
        assert len(starts) == 1
        np.testing.assert_array_equal(sources, parts[:, :, starts[0] : starts[0] + RATE // 4])
        np.testing.assert_array_equal(mix, whole[:, starts[0] : starts[0] + RATE // 4])


def _track(folder: Path, **parts: NDArray[np.float32]) -> Track:
    for name, audio in parts.items():
        files.write(folder / f"{name}.wav", audio, RATE, "float32")
    samples = {name: AudioFile.of(folder / f"{name}.wav") for name in parts}
    return Track(folder.name, samples.get("mix"), (samples.get("drums"), samples.get("other")))


def _ramp(num_samples: int) -> NDArray[np.float32]:
    return (np.arange(1, num_samples + 1) / 2**16).astype(np.float32)[None]


def test_an_own_mix_is_kept_until_a_source_changes(tmp_path: Path) -> None:
    track = _track(tmp_path / "own", mix=_ramp(1000) * 3, drums=_ramp(1000))
    arguments = {"segment_seconds": 100 / RATE, "sample_rate": RATE, "channels": 1, "seed": 0}
    mix, sources = next(iter(PairedExcerpts([track], augment=Augment.none(), **arguments)))  # type: ignore[arg-type]
    torch.testing.assert_close(mix, sources[0] * 3)
    turned = Augment(remix=0, gain_db=(0, 0), channel_swap=0, polarity=1)
    mix, sources = next(iter(PairedExcerpts([track], augment=turned, **arguments)))  # type: ignore[arg-type]
    torch.testing.assert_close(mix, sources[0])
    assert (sources[0] < 0).all()
    assert not sources[1].any()


AUGMENTED = {"gain_db": (-6.0, 3.0), "channel_swap": 0.5, "polarity": 0.5}
PLAIN = {"gain_db": (0.0, 0.0), "channel_swap": 0.0, "polarity": 0.0}


def _songs(folder: Path, levels: tuple[int, ...] = (1, 2, 3, 4)) -> list[Track]:
    """Songs whose every sample says where it is from: the song's level, and the time within it."""

    def audio(level: int) -> NDArray[np.float32]:
        return np.stack([np.full(1000, level / 8), np.arange(1000) / 2000]).astype(np.float32)

    return [_track(folder / str(level), drums=audio(level), other=-0.5 * audio(level)) for level in levels]


def _origin(source: torch.Tensor, scale: float) -> tuple[int, int]:
    """Give level and start of an excerpt, whatever its gain, sign and the order of its channels."""
    first, second = source.abs().double().numpy() / scale
    steady, ramp = (first, second) if np.ptp(first) < 1e-6 else (second, first)
    gain = (ramp[1] - ramp[0]) * 2000
    return round(float(steady[0] / gain * 8)), round(float(ramp[0] / gain * 2000))


def _origins(tracks: list[Track], **augment: object) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    excerpts = PairedExcerpts(
        tracks, segment_seconds=10 / RATE, sample_rate=RATE, channels=2, seed=0, augment=Augment(**augment),  # type: ignore[arg-type]
    )  # fmt: skip
    found = []
    for mix, sources in islice(excerpts, 200):
        torch.testing.assert_close(mix, sources.sum(dim=0), rtol=0, atol=1e-6)
        found.append((_origin(sources[0], 1.0), _origin(sources[1], 0.5)))
    return found


@pytest.mark.parametrize("augment", [AUGMENTED, PLAIN], ids=["augmented", "plain"])
def test_without_remix_a_pair_is_one_song_and_place(tmp_path: Path, augment: dict[str, object]) -> None:
    pairs = _origins(_songs(tmp_path), remix=0, **augment)
    assert all(drums == other for drums, other in pairs)
    assert {drums[0] for drums, _ in pairs} == {1, 2, 3, 4}


@pytest.mark.parametrize("augment", [AUGMENTED, PLAIN], ids=["augmented", "plain"])
def test_a_remix_is_never_one_song(tmp_path: Path, augment: dict[str, object]) -> None:
    pairs = _origins(_songs(tmp_path), remix=1, **augment)
    assert all(drums[0] != other[0] for drums, other in pairs)
    assert len({(drums[0], other[0]) for drums, other in pairs}) == 12
    # a single song can still be remixed with itself
    assert all(drums != other for drums, other in _origins(_songs(tmp_path, (3,)), remix=1, **augment))


def test_the_share_of_remixes_does_not_depend_on_the_augmentation(tmp_path: Path) -> None:
    shares = [
        np.mean([drums[0] != other[0] for drums, other in _origins(_songs(tmp_path), remix=0.25, **augment)])
        for augment in (AUGMENTED, PLAIN)
    ]
    assert shares[0] == shares[1] == pytest.approx(0.25, abs=0.1)  # three standard errors


def test_long_songs_come_more_often(tmp_path: Path) -> None:
    tracks = [
        _track(tmp_path / f"{level}", drums=np.full((1, level * 1000), level / 10, np.float32)) for level in (1, 4)
    ]
    drawn = PairedExcerpts(
        tracks, segment_seconds=10 / RATE, sample_rate=RATE, channels=1, augment=Augment.none(), seed=0
    )
    share = np.mean([sources[0, 0, 0].item() > 0.2 for _, sources in islice(drawn, 600)])
    assert abs(share - 0.8) < 0.05  # three standard errors


@pytest.mark.parametrize("max_bytes", [0, 2**20])
def test_a_short_song_repeats(tmp_path: Path, max_bytes: int) -> None:
    track = _track(tmp_path / "short", drums=_ramp(70), other=-2 * _ramp(70))
    excerpts = PairedExcerpts(
        [track], segment_seconds=200 / RATE, sample_rate=RATE, channels=1, augment=Augment.none(), seed=0,
        cache=AudioCache(RATE, 1, max_bytes),
    )  # fmt: skip
    for mix, sources in islice(excerpts, 10):
        drums = np.round(sources[0, 0].numpy() * 2**16).astype(int)
        np.testing.assert_array_equal(drums, (np.arange(200) + drums[0] - 1) % 70 + 1)
        torch.testing.assert_close(sources[1], -2 * sources[0])
        torch.testing.assert_close(mix, -sources[0])


@settings(max_examples=30)
@given(share=st.floats(0, 1, exclude_max=True), length=st.integers(1, 30_000), repeats=st.booleans())
def test_the_cache_changes_nothing_but_time(bundled: Dataset, share: float, length: int, repeats: bool) -> None:
    sample = bundled.train_unsup.mixes[0]
    period = 10_000 if repeats else sample.num_frames
    start = int(share * period)
    kept = AudioCache(RATE, 2).excerpt(sample, start, length, period)
    sought = AudioCache(RATE, 2, max_bytes=0).excerpt(sample, start, length, period)
    np.testing.assert_array_equal(kept, sought)


def test_the_cache_stays_within_its_room(bundled: Dataset) -> None:
    samples = [sample for track in bundled.valid for sample in track.recordings]
    room = 2 * 14 * RATE * 2 * 4 + 1000  # two of six
    cache = AudioCache(RATE, 2, room)
    for sample in samples:
        assert cache.excerpt(sample, 1000, 500, sample.num_frames).shape == (2, 500)
    assert cache.num_bytes == 2 * 14 * RATE * 2 * 4


def test_other_rates_and_channels(bundled: Dataset) -> None:
    excerpts = PairedExcerpts(
        bundled.valid, segment_seconds=0.3, sample_rate=8192, channels=1, augment=Augment(), seed=0
    )
    mix, sources = next(iter(excerpts))
    assert mix.shape == (1, round(0.3 * 8192))
    assert sources.shape == (2, 1, round(0.3 * 8192))


def _unpaired(samples: list[AudioFile], **changes: object) -> UnpairedExcerpts:
    arguments = {"segment_seconds": 0.5, "sample_rate": RATE, "channels": 2, "augment": Augment.none(), "seed": 0}
    return UnpairedExcerpts(samples, **(arguments | changes))  # type: ignore[arg-type]


def test_unpaired_excerpts_are_reproducible_and_audible(bundled: Dataset, cache: AudioCache) -> None:
    drums = list(bundled.train_unsup.sources[0])
    first = list(islice(_unpaired(drums, cache=cache), 40))
    assert all(excerpt.shape == (2, RATE // 2) for excerpt in first)
    assert all(10 * np.log10(np.mean(np.square(excerpt.numpy()))) > -60 for excerpt in first)
    torch.testing.assert_close(first[:5], list(islice(_unpaired(drums, cache=cache), 5)), rtol=0, atol=0)
    assert not torch.equal(first[0], next(iter(_unpaired(drums, cache=cache, rank=1))))


def test_silence_is_passed_over_and_never_for_ever(tmp_path: Path) -> None:
    audio = np.zeros((1, 10_000), np.float32)
    audio[:, 4000:6000] = 0.1
    track = _track(tmp_path / "mostly", drums=audio)
    for excerpt in islice(_unpaired([track.recordings[0]], segment_seconds=500 / RATE, channels=1), 50):
        assert excerpt.any()
    silent = _track(tmp_path / "silent", drums=np.zeros((1, 1000), np.float32))
    assert not next(iter(_unpaired([silent.recordings[0]], segment_seconds=500 / RATE, channels=1))).any()


def test_excerpts_do_not_change_the_cache(bundled: Dataset) -> None:
    excerpts = _unpaired(list(bundled.train_unsup.sources[0]))
    first = next(iter(excerpts))
    kept = first.clone()
    first.zero_()
    torch.testing.assert_close(next(iter(excerpts)), kept)


@pytest.mark.parametrize("changes", [{"segment_seconds": 0}, {"sample_rate": -1}, {"channels": 0}])
def test_bad_settings_are_named(bundled: Dataset, changes: dict[str, object]) -> None:
    with pytest.raises(DataError, match="each must be above zero"):
        _unpaired(list(bundled.train_unsup.mixes), **changes)


def test_nothing_to_take_from_is_said_so(bundled: Dataset, cache: AudioCache) -> None:
    with pytest.raises(DataError, match="unpaired recordings: there is none to take excerpts from"):
        _unpaired([])
    with pytest.raises(DataError, match="the cache holds 2 channels at 44100 Hz, but 1 at 44100 Hz"):
        _unpaired(list(bundled.train_unsup.mixes), channels=1, cache=cache)
