"""Batches of excerpts for each phase."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from dssgan.data.blend import Blend, Endless
from dssgan.data.cache import AudioCache
from dssgan.data.dataset import Dataset, Track
from dssgan.data.excerpts import PairedExcerpts, UnpairedExcerpts
from dssgan.data.joined import JoinedExcerpts
from dssgan.errors import DataError
from dssgan.separators import SeparatorModel
from dssgan.training.config import PhaseOne, TrainConfig

if TYPE_CHECKING:
    from dssgan.synthesis.synthetic_excerpts import SyntheticExcerpts

_PREFETCHED = 8  # batches that each loading process is ahead, enough for the time that rendering a song takes
_PSEUDO_LABELLED = 7_000_003  # keeps their draws apart from those of other excerpts


class Batches:
    """Endless batches, the same for the same seed, epoch and rank, however many processes load them.

    Args:
        config: the configuration.
        dataset: what to learn from.
        separator: the separator that learns, for its sample rate and channels.
        rank: rank of this process.
        device: where the batches go.
        songs: folder that keeps the latest synthetic songs; None keeps them in the memory of each loading process.

    Attributes:
        credits: makers of the recordings in synthetic songs, with licences; the data set has its own credits.

    Raises:
        DataError: the data set lacks what the configured phases need.
    """

    def __init__(
        self,
        config: TrainConfig,
        dataset: Dataset,
        separator: SeparatorModel,
        rank: int,
        device: torch.device,
        songs: Path | None = None,
    ) -> None:
        one, two = self.phase_one, self.phase_two = config.phase_one, config.phase_two
        self.num_workers = config.num_workers
        self.device = device
        if dataset.sources != separator.sources:
            raise DataError(
                f"data set {dataset.name} has sources {', '.join(dataset.sources)}, but the separator has "
                f"{', '.join(separator.sources)}: set separator.sources"
            )
        if not dataset.train_sup and one.synthetic < 1:
            raise DataError(
                f"data set {dataset.name} has no paired tracks (train_sup) to learn from: add some, or set synthetic=1"
            )
        common: dict[str, Any] = {
            "segment_seconds": one.segment_seconds, "sample_rate": separator.sample_rate,
            "channels": separator.channels, "augment": one.augment, "rank": rank,
            "cache": AudioCache(separator.sample_rate, separator.channels),
        }  # fmt: skip
        self._common = common
        synthetic = _synthetic(one, dataset, common, songs) if one.synthetic > 0 else None
        self.credits = () if synthetic is None else synthetic.credits  # beside the data set's
        self._labelled = self._pairs = _pairs(one, dataset, common, synthetic)
        # each stream of excerpts draws from a seed of its own
        unpaired = [dataset.train_unsup.mixes, *dataset.train_unsup.sources]
        names = ["mixes", *dataset.sources]
        needed = names if two.alpha > 0 else names[:1]
        self._unpaired = []
        if two.uses_unpaired:
            for stream, (name, recordings) in enumerate(zip(names, unpaired, strict=True), 1):
                if name not in needed:
                    continue
                if not recordings:
                    raise DataError(
                        f"data set {dataset.name} has no unpaired {name} (train_unsup) for phase two: add some, or "
                        "set phase_two.epochs=0"
                    )
                seed = one.seed + 1_000_003 * stream
                augment = two.unpaired_augment or one.augment
                self._unpaired.append(UnpairedExcerpts(recordings, seed=seed, **{**common, "augment": augment}))

    def pairs(self, epoch: int, taken: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield mixes (batch, channels, samples) with their sources (batch, sources, channels, samples).

        Args:
            epoch: whose batches.
            taken: how many of them are left out, as for the other two kinds.
        """
        for mix, sources in self._load(self._pairs, epoch, taken):
            yield mix.to(self.device), sources.to(self.device)

    def add_pseudo_labelled(self, tracks: Sequence[Track]) -> None:
        """Blend songs that a teacher labelled into the pairs, from the next epoch on, in place of earlier ones."""
        self._pairs = self._labelled
        if not tracks:
            return
        seed, rank = self.phase_one.seed + _PSEUDO_LABELLED, self._common["rank"]
        boosted = PairedExcerpts(tracks, seed=seed, **{**self._common, "cache": None})
        self._pairs = Blend(self._labelled, boosted, share=self.phase_two.self_boost.share, seed=seed, rank=rank)

    def unpaired_mixes(self, epoch: int, taken: int = 0) -> Iterator[Tensor]:
        """Yield mixes without sources, (batch, channels, samples)."""
        for mix in self._load(self._unpaired[0], epoch, taken):
            yield mix.to(self.device)

    def unpaired_sources(self, epoch: int, taken: int = 0) -> Iterator[Tensor]:
        """Yield sources without mixes, unrelated to one another, (batch, sources, channels, samples)."""
        for sources in zip(*(self._load(excerpts, epoch, taken) for excerpts in self._unpaired[1:]), strict=True):
            yield torch.stack(sources, dim=1).to(self.device)

    def _load(self, excerpts: Endless[Any], epoch: int, taken: int) -> Iterator[Any]:
        excerpts.set_epoch(epoch)
        size = self.phase_one.batch_size
        return iter(
            DataLoader(
                cast(TorchDataset[Any], excerpts), size, sampler=_From(taken * size), num_workers=self.num_workers,
                prefetch_factor=_PREFETCHED if self.num_workers else None,
                # excerpts draw from seeds of their own: loading must not move PyTorch's generator
                generator=torch.Generator(),
            )
        )  # fmt: skip


class _From(Sampler[int]):
    """START, START + 1, ... without end: excerpts are numbered, so the number of loading processes changes none."""

    def __init__(self, start: int) -> None:
        self._start = start

    def __iter__(self) -> Iterator[int]:
        return count(self._start)


def _synthetic(settings: PhaseOne, dataset: Dataset, common: dict[str, Any], songs: Path | None) -> "SyntheticExcerpts":
    from dssgan.synthesis.synthetic_excerpts import SyntheticExcerpts, find_material  # looks for instruments

    if dataset.sources != SyntheticExcerpts.sources:
        raise DataError(
            f"data set {dataset.name} has sources {', '.join(dataset.sources)}, but synthetic songs have "
            f"{', '.join(SyntheticExcerpts.sources)}: set synthetic=0"
        )
    return SyntheticExcerpts(
        seed=settings.seed, num_songs=settings.synthetic_songs, folder=songs, material=find_material(settings),
        excerpts_per_epoch=settings.steps_per_epoch * settings.batch_size,
        **{key: value for key, value in common.items() if key != "cache"},
    )  # fmt: skip


def _pairs(
    settings: PhaseOne, dataset: Dataset, common: dict[str, Any], synthetic: "SyntheticExcerpts | None"
) -> Endless[tuple[Tensor, Tensor]]:
    """Return excerpts of the data set's songs, of synthetic ones, or of both."""
    if synthetic is not None and settings.synthetic == 1:
        return synthetic
    recorded = PairedExcerpts(dataset.train_sup, seed=settings.seed, **common)
    if synthetic is None:
        return recorded
    return JoinedExcerpts(
        recorded, synthetic, share=settings.synthetic, num_sources=len(dataset.sources), seed=settings.seed,
        **{key: common[key] for key in ("sample_rate", "augment", "rank")},
    )  # fmt: skip
