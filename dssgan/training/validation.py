"""Scores of a separator on the validation partition, after every epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError, DataError
from dssgan.inference.stream import separate_array
from dssgan.metrics.catalogue import MEAN, METRICS, Monitored, find_metrics
from dssgan.metrics.scores import score_tracks
from dssgan.metrics.silence import without_noise
from dssgan.separators import SeparatorModel
from dssgan.types import DRUMS

Array = npt.NDArray[np.float32]

SHOWN_SECONDS = 6.0
_AUDIBLE = 1e-4  # of full scale: above the peaks of dither and of a codec's noise


@dataclass(frozen=True)
class _Excerpt:
    """The part of a track that is validated on, in memory: it is read once, not once an epoch."""

    name: str
    mix: Array
    sources: Array

    def load(self, sample_rate: int | None = None, channels: int | None = None) -> tuple[Array, Array]:  # noqa: ARG002
        return self.mix, self.sources


class Validation:
    """The validation partition, ready to be scored again and again.

    Args:
        dataset: where the partition is.
        separator: what to score: its weights change between runs.
        seconds: how much of each track counts: from its beginning, or, where the first source is silent so long, from
            where that source begins.
        monitor: METRIC or METRIC/SOURCE of `dssgan.metrics.catalogue`: the score that early stopping and tuning go by.
            Unless one is named, the source is the first that any track has sound of, and where none is called drums the
            mean of all counts.
        also: further metrics to report.
        sample_rate: sample rate at which estimates are scored, Hz; None for the separator's own.

    Raises:
        ConfigError: there is no such metric or source.
        ModuleNotFoundError: a metric needs a package that is not installed.
        DataError: there is no validation track, or none on which anything can be scored.
    """

    def __init__(
        self,
        dataset: Dataset,
        separator: SeparatorModel,
        seconds: float,
        monitor: str = "usdr",
        also: Sequence[str] = (),
        sample_rate: int | None = None,
    ) -> None:
        self._monitored = Monitored.parse(monitor)
        self._also = (self._monitored.name, *also)
        find_metrics(self._also)
        if not dataset.valid:
            raise DataError(f"data set {dataset.name} has no validation tracks (valid): early stopping needs some")
        dataset.forbid_test(dataset.valid, "validation")
        self._separator = separator
        self.sample_rate = sample_rate or separator.sample_rate
        self._excerpts = []
        for track in dataset.valid:
            mix, sources = track.load(self.sample_rate, separator.channels)
            part = _audible_part(sources[0], round(seconds * self.sample_rate))
            self._excerpts.append(_Excerpt(track.name, mix[:, part].copy(), without_noise(sources[..., part].copy())))
        audible = {
            source: any(np.any(excerpt.sources[index]) for excerpt in self._excerpts)
            for index, source in enumerate(separator.sources)
        }
        if not any(audible.values()):
            raise DataError(
                f"data set {dataset.name}: every source of every validation track (valid) is silent, so nothing can be "
                "scored; choose other tracks"
            )
        metric = METRICS[self._monitored.name]
        first = next((source for source, sounds in audible.items() if sounds and metric.is_of(source)), DRUMS)
        source = self._monitored.source or (first if DRUMS in separator.sources else MEAN)
        audible[MEAN] = True
        if source not in audible:
            raise ConfigError(f"monitor {monitor}: the separator has no {source}, only {', '.join(separator.sources)}")
        if not audible[source]:
            raise DataError(
                f"data set {dataset.name}: {source} of every validation track (valid) is silent, so that {monitor} "
                "cannot be measured; choose other tracks, or another monitor"
            )
        self.monitored = f"{self._monitored.name}/{source}"

    def decisive(self, scores: dict[str, float]) -> float:
        """Take from scores the one that early stopping and tuning go by: the more, the better.

        Args:
            scores: as `run` gives.
        """
        return self._monitored.sign * scores[self.monitored]

    def run(self, separator: SeparatorModel | None = None) -> dict[str, float]:
        """Separate and score every track, with the settings of `dssgan separate`.

        Args:
            separator: another one to score, of the same rate, channels and sources.

        Returns:
            The scores of `dssgan.metrics.scores.score_tracks`, and the mean over the sources where that is what counts.
        """
        model = separator or self._separator
        scores = score_tracks(
            lambda mix: separate_array(model, mix, sample_rate=self.sample_rate), self._excerpts, self.sample_rate,
            model.channels, sources=model.sources, also=self._also,
        )  # fmt: skip
        if self.monitored == f"{self._monitored.name}/{MEAN}":
            # a source that is silent in every track has no score
            scores[self.monitored] = float(
                np.nanmean(
                    [
                        scores[f"{self._monitored.name}/{source}"]
                        for source in model.sources
                        if METRICS[self._monitored.name].is_of(source)
                    ]
                )
            )
        return scores

    def shown(self) -> tuple[Tensor, Tensor]:
        """Separate the first track's beginning, to be shown and listened to.

        Returns:
            Mix, (channels, samples), and estimates, (sources, channels, samples).
        """
        mix = self._excerpts[0].mix[:, : round(SHOWN_SECONDS * self.sample_rate)]
        estimates = separate_array(self._separator, mix, sample_rate=self.sample_rate)
        return torch.from_numpy(mix), torch.from_numpy(estimates)


def _audible_part(source: Array, num_samples: int) -> slice:
    """Choose the beginning, or the first part of the same length in which a source (channels, samples) sounds."""
    sounding = np.flatnonzero(np.any(np.abs(source) > _AUDIBLE, axis=0))
    if not sounding.size or sounding[0] < num_samples:
        return slice(0, num_samples)
    start = min(int(sounding[0]), source.shape[-1] - num_samples)
    return slice(start, start + num_samples)
