"""Validation songs: products of the candidates' estimates, and scores of ensembles."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dssgan.data.dataset import Dataset, Localise
from dssgan.data.track import Track, Unpaired
from dssgan.ensembling.products import ProductsCache, SongProducts, song_products
from dssgan.inference.level import measure_level
from dssgan.inference.overlap_add import SeparationSettings, separate_blocks
from dssgan.metrics.catalogue import METRICS, EstimatedSong
from dssgan.metrics.silence import without_noise
from dssgan.parallel.processes import MapUnordered
from dssgan.separators import SeparatorModel
from dssgan.separators.base import Starts
from dssgan.separators.ensemble import Ensemble, in_step
from dssgan.separators.loading import find_model
from dssgan.types import Audio, Progress
from dssgan.user_cache import cache_folder

JUDGED = ("usdr", "si_sar", "onset_sdr", "attack_error")  # the last two of drums alone

_STRETCH_SECONDS = 20

# Kick, snare body, snare and tom attack, presence, cymbals.
EDGES_HZ: tuple[float, ...] = (0.0, 150.0, 500.0, 2000.0, 6000.0)


def validation_alone(dataset: Dataset) -> Dataset:
    """Return a data set with the validation songs alone, on which an ensemble is fitted."""
    return replace(dataset, train_sup=(), train_unsup=Unpaired(), test=())


@dataclass(frozen=True)
class ValidationSongs:
    """The validation songs, to be loaded where they are worked on.

    Args:
        dataset: a data set with only its validation partition.
        localise: returns it with files of the machine that calls this.
        device: where separators run.
        settings: how.
    """

    dataset: Dataset
    localise: Localise
    device: torch.device
    settings: SeparationSettings

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the songs' sources."""
        return self.dataset.sources

    def load_model(self, bundle: str | Path) -> SeparatorModel:
        """Load a separator to where it runs."""
        return find_model(bundle).load().to(self.device)

    def load(self, number: int, model: SeparatorModel) -> tuple[Audio, Audio]:
        """Return a song's mix and sources at a model's rate and channels."""
        mix, sources = self.localise(self.dataset).valid[number].load(model.sample_rate, model.channels)
        return mix, without_noise(sources)


def products_of(
    bundles: Sequence[str | Path], validation: ValidationSongs, map_unordered: MapUnordered,
    report: Callable[[], None], edges_hz: tuple[float, ...] = EDGES_HZ,
) -> list[SongProducts]:  # fmt: skip
    """Return the products of every validation song, from the cache where they are known.

    Args:
        bundles: the candidates.
        validation: the songs.
        map_unordered: how to work on them.
        report: called with each song that is done.
        edges_hz: lower edges of the bands, Hz.

    Raises:
        ModelError: a candidate cannot be loaded, or they do not fit together.
    """
    cache = ProductsCache(cache_folder("products"))
    keys = [find_model(bundle).fingerprint() for bundle in bundles]
    name = _hash("\n".join(sorted(keys)))
    songs = [_hash(repr((edges_hz, validation.settings, _contents(track)))) for track in validation.dataset.valid]
    found = {number: products for number, song in enumerate(songs) if (products := cache.load(song, keys)) is not None}
    for _ in found:
        report()
    missing = [number for number in range(len(songs)) if number not in found]
    if missing:
        candidates = in_step([validation.load_model(bundle) for bundle in bundles])
        Ensemble(candidates)  # fails at once where they do not fit together
        for number, products in map_unordered(partial(_products_of_song, candidates, validation, edges_hz), missing):
            cache.save(songs[number], keys, name, products)
            found[number] = products
            report()
    return [found[number] for number in range(len(songs))]


def _products_of_song(
    candidates: Sequence[SeparatorModel], validation: ValidationSongs, edges_hz: tuple[float, ...], number: int
) -> tuple[int, SongProducts]:
    mix, reference = _at_ordinary_level(*validation.load(number, candidates[0]), candidates)
    of_song = [candidate.for_song(validation.dataset.valid[number].name) for candidate in candidates]
    return number, song_products(of_song, mix, reference, edges_hz, validation.settings)


def _at_ordinary_level(mix: Audio, reference: Audio, separators: Iterable[Any]) -> tuple[Audio, Audio]:
    """Normalise a song and its sources to the level at which `dssgan separate` would separate it."""
    models = list(separators)
    if not all(model.separates_by_sound for model in models):
        return mix, reference
    level = measure_level([mix], models[0].sample_rate)
    return level.normalise(mix), (reference if level.gain == 1 else reference * np.float32(level.gain))


def _contents(track: Track) -> list[str | None]:
    return [None if part is None else part.compute_fingerprint() for part in (track.mix, *track.sources)]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class SideBySide(SeparatorModel):
    """Several ensembles of the same members as one separator, whose members run once.

    Args:
        ensembles: ensembles of the same members.
    """

    def __init__(self, ensembles: Sequence[Ensemble]) -> None:
        first = ensembles[0]
        names = tuple(f"{source} {number}" for number in range(len(ensembles)) for source in first.sources)
        super().__init__(names, first.sample_rate, first.channels)
        self.segment_seconds, self.max_segment_seconds = first.segment_seconds, first.max_segment_seconds
        self.ensembles = nn.ModuleList(ensembles)

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        return self.separate_at(mix, [0] * len(mix))

    def separate_at(self, mix: Tensor, starts: Starts) -> Tensor:
        """Separate at a position; see `SeparatorModel.separate_at`."""
        first = self.ensembles[0]
        assert isinstance(first, Ensemble)
        estimates = first.estimates_at(mix, starts)
        return torch.cat([ensemble.combine(estimates, mix) for ensemble in self.ensembles], dim=1)  # type: ignore[operator]

    def for_song(self, name: str) -> "SideBySide":
        """Return the separator for one song; see `SeparatorModel.for_song`."""
        ensembles = [ensemble.for_song(name) for ensemble in self.ensembles]  # type: ignore[operator]
        return SideBySide(ensembles)


def score(
    ensembles: Sequence[Ensemble],
    validation: ValidationSongs,
    sources: Sequence[int],
    map_unordered: MapUnordered,
    report: Callable[[], None],
    metrics: Sequence[str] = JUDGED,
) -> tuple[list[int], dict[str, Tensor]]:
    """Separate every song with every ensemble at once.

    Args:
        ensembles: ensembles of the same members.
        validation: the songs.
        sources: numbers of the sources whose mean is scored.
        map_unordered: how to work on the songs.
        report: called with each song that is done.
        metrics: what is scored, uSDR first.

    Returns:
        Numbers of the songs in which one of the sources sounds, and for each metric the scores, (songs, ensembles),
        dB; NaN where a song has none.
    """
    scores: dict[int, Tensor] = {}
    work = partial(_scores_of_song, SideBySide(ensembles).to(validation.device), validation, sources, metrics[1:])
    for number, of_song in map_unordered(work, range(len(validation.dataset.valid))):
        if of_song is not None:
            scores[number] = of_song
        report()
    numbers = sorted(scores)
    stacked = torch.stack([scores[number] for number in numbers])  # (songs, metrics, ensembles)
    return numbers, dict(zip(metrics, stacked.unbind(1), strict=True))


def _scores_of_song(
    separator: SideBySide, validation: ValidationSongs, sources: Sequence[int], metrics: Sequence[str], number: int
) -> tuple[int, Tensor | None]:
    """Return uSDR and other scores of each ensemble on a song, (metrics, ensembles), dB; None where all is silent.

    They are means over the sources that sound. uSDR is the whole song's; the others are means over stretches of it, of
    which one is in memory at a time.
    """
    mix, reference = _at_ordinary_level(*validation.load(number, separator), separator.ensembles)
    sounding = [source for source in sources if reference[source].any()]
    if not sounding:
        return number, None
    wanted = torch.from_numpy(reference[sounding])
    energy = wanted.double().square().sum(dim=(-2, -1))
    num_ensembles = len(separator.ensembles)
    error = torch.zeros(num_ensembles, len(sounding), dtype=torch.float64)
    of_stretches: list[Tensor] = []
    position = 0
    of_song = separator.for_song(validation.dataset.valid[number].name)
    waiting: list[Audio] = []
    for block in separate_blocks(of_song, [mix], validation.settings):
        part = slice(position, position + block.shape[-1])
        position = part.stop
        estimates = block.reshape(num_ensembles, -1, *block.shape[1:])
        error += (torch.from_numpy(estimates[:, sounding]) - wanted[..., part]).double().square().sum(dim=(-2, -1))
        if not metrics:
            continue
        waiting.append(estimates)
        length = sum(one.shape[-1] for one in waiting)
        if length >= _STRETCH_SECONDS * separator.sample_rate or position == wanted.shape[-1]:
            stretch = slice(position - length, position)
            whole = np.concatenate(waiting, axis=-1)
            songs = [
                EstimatedSong(
                    one, reference[..., stretch], mix[..., stretch], separator.sample_rate, validation.sources
                )
                for one in whole
            ]
            judged = [[[_judge(name, song, one) for one in sounding] for song in songs] for name in metrics]
            of_stretches.append(torch.tensor(judged, dtype=torch.float64).nanmean(dim=-1))
            waiting = []
    usdr = 10 * torch.log10(energy / error).mean(dim=-1)[None]
    return number, torch.cat([usdr, torch.stack(of_stretches).nanmean(dim=0)]) if metrics else usdr


def _judge(metric: str, song: EstimatedSong, source: int) -> float:
    """Return a score of a source; NaN where the source cannot have it."""
    name = song.sources[source]
    return METRICS[metric].compute(song)[name] if METRICS[metric].is_of(name) else float("nan")


def count_two_passes(progress: Progress | None, num_songs: int) -> Callable[[], None]:
    """Make what counts the songs of both passes, products and scores.

    Args:
        progress: called with the songs done and all there are.
        num_songs: number of songs of one pass.
    """
    done = 0

    def report() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, 2 * num_songs)

    return report
