"""Every score of a whole song by its name, for evaluation, training's choice of the best epoch, and sweeps.

What is computed with scipy imports it where it computes: names and titles are known without the extras.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from dssgan.configurable import lookup
from dssgan.errors import ConfigError
from dssgan.metrics import sdr
from dssgan.metrics.scale_invariant import scale_invariant
from dssgan.types import DRUMS, KIT_STEMS, Audio

if TYPE_CHECKING:
    from dssgan.metrics.drums import DrumScores

Scores = Mapping[str, float]  # by source

MEAN = "mean"  # in place of a source: over all of them


@dataclass(frozen=True)
class EstimatedSong:
    """One song's estimates beside what they should be.

    Args:
        estimates: (sources, channels, samples).
        references: the true sources, the same shape.
        mix: what they were taken from, (channels, samples).
        sample_rate: Hz.
        sources: names, in order.
    """

    estimates: Audio
    references: Audio
    mix: Audio
    sample_rate: int
    sources: Sequence[str]

    @property
    def pairs(self) -> dict[str, tuple[Audio, Audio]]:
        """Estimate and reference of each source."""
        return dict(zip(self.sources, zip(self.estimates, self.references, strict=True), strict=True))

    @property
    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Estimates and references as they are, for torch."""
        return torch.tensor(self.estimates), torch.tensor(self.references)

    @cached_property
    def scale_invariant(self) -> dict[str, npt.NDArray[np.float64]]:
        return scale_invariant(self.estimates, self.references)

    @cached_property
    def bleed(self) -> dict[str, tuple[float, float]]:
        from dssgan.metrics.bleed import bleedless_and_fullness

        return {
            source: bleedless_and_fullness(estimate, reference, self.sample_rate)
            if reference.any()
            else (float("nan"), float("nan"))
            for source, (estimate, reference) in self.pairs.items()
        }

    @cached_property
    def drum_scores(self) -> "DrumScores":
        from dssgan.metrics.drums import score_drums

        return score_drums(*self.pairs[DRUMS], self.mix, self.sample_rate)


@dataclass(frozen=True)
class Metric:
    """A score of a whole song.

    Args:
        title: as tables and pictures call it.
        unit: "dB", or "" for a number without one.
        compute: returns the score of each source of a song; NaN where there is none.
        more_is_better: or less.
        sources: names of those that have it; None for all.
        require: called before anything is scored; raises where something is missing that the metric needs.
        on_request: it takes long, and is computed only where it is asked for.
    """

    title: str
    unit: str
    compute: Callable[[EstimatedSong], Scores]
    more_is_better: bool = True
    sources: tuple[str, ...] | None = None
    require: Callable[[], object] | None = None
    on_request: bool = False

    def is_of(self, source: str) -> bool:
        """Return whether a source can have this score."""
        return self.sources is None or source in self.sources


def _usdr(song: EstimatedSong) -> Scores:
    return dict(zip(song.sources, sdr.usdr(*song.tensors).tolist(), strict=True))


def _csdr(song: EstimatedSong) -> Scores:
    return dict(zip(song.sources, sdr.csdr(*song.tensors, song.sample_rate).tolist(), strict=True))


def _scale_invariant(name: str) -> Callable[[EstimatedSong], Scores]:
    return lambda song: dict(zip(song.sources, song.scale_invariant[name].tolist(), strict=True))


def _log_wmse(song: EstimatedSong) -> Scores:
    from log_wmse_audio_quality import calculate_log_wmse  # an extra: only what asks for it needs it

    mix = np.ascontiguousarray(song.mix, np.float32)
    return {
        source: float(calculate_log_wmse(mix, estimate, reference, song.sample_rate))
        for source, (estimate, reference) in song.pairs.items()
    }


def _score_each_source(rate: Callable[[Audio, Audio, int], float], song: EstimatedSong) -> Scores:
    return {source: rate(*pair, song.sample_rate) for source, pair in song.pairs.items()}


def _zimtohrli(song: EstimatedSong) -> Scores:
    from dssgan.metrics.perceptual import zimtohrli

    return _score_each_source(zimtohrli, song)


def _visqol(song: EstimatedSong) -> Scores:
    from dssgan.metrics.perceptual import visqol

    return _score_each_source(visqol, song)


def _find_clap() -> object:
    from dssgan.metrics.fad import find_clap

    return find_clap()


def _fad(song: EstimatedSong) -> Scores:
    from dssgan.metrics.fad import fad

    return _score_each_source(fad, song)


def _onset_f1(song: EstimatedSong) -> Scores:
    from dssgan.metrics.drums import onset_f1

    struck = [source for source in song.sources if source in _STRUCK]
    return {source: onset_f1(*song.pairs[source], song.sample_rate) for source in struck}


def _of_drums(score: "Callable[[DrumScores], float]") -> Callable[[EstimatedSong], Scores]:
    return lambda song: {DRUMS: score(song.drum_scores)}


def _band(name: str) -> Callable[[EstimatedSong], Scores]:
    return _of_drums(lambda scores: scores.band_sdr_db[name])


_DRUMS = (DRUMS,)
_STRUCK = (DRUMS, *KIT_STEMS)

METRICS: dict[str, Metric] = {
    "usdr": Metric("uSDR", "dB", _usdr),
    "csdr": Metric("cSDR", "dB", _csdr),
    "si_sdr": Metric("SI-SDR", "dB", _scale_invariant("si_sdr")),
    "si_sir": Metric("SI-SIR", "dB", _scale_invariant("si_sir")),
    "si_sar": Metric("SI-SAR", "dB", _scale_invariant("si_sar")),
    "snr": Metric("SNR", "dB", _scale_invariant("snr")),
    "log_wmse": Metric("logWMSE", "", _log_wmse, require=partial(import_module, "log_wmse_audio_quality")),
    "bleedless": Metric("bleedless", "", lambda song: {name: pair[0] for name, pair in song.bleed.items()}),
    "fullness": Metric("fullness", "", lambda song: {name: pair[1] for name, pair in song.bleed.items()}),
    "onset_sdr": Metric("onset SDR", "dB", _of_drums(lambda scores: scores.onset_sdr_db), sources=_DRUMS),
    "attack_error": Metric(
        "attack error", "dB", _of_drums(lambda scores: scores.attack_error_db), more_is_better=False, sources=_DRUMS
    ),
    "onset_f1": Metric("onset F1", "", _onset_f1, sources=_STRUCK, require=partial(import_module, "mir_eval")),
    "bleed": Metric("bleed", "dB", _of_drums(lambda scores: scores.bleed_db), more_is_better=False, sources=_DRUMS),
    "kick_sdr": Metric("kick SDR", "dB", _band("kick"), sources=_DRUMS),
    "snare_sdr": Metric("snare SDR", "dB", _band("snare"), sources=_DRUMS),
    "cymbals_sdr": Metric("cymbals SDR", "dB", _band("cymbals"), sources=_DRUMS),
    "zimtohrli": Metric("Zimtohrli", "", _zimtohrli, require=partial(import_module, "zimtohrli"), on_request=True),
    "fad": Metric("FAD", "", _fad, more_is_better=False, require=_find_clap, on_request=True),
    "visqol": Metric("ViSQOL", "", _visqol, require=partial(import_module, "visqol"), on_request=True),
}
# what an evaluation computes unless it is asked for more
DEFAULT_METRICS = tuple(name for name, metric in METRICS.items() if not metric.on_request)


@dataclass(frozen=True)
class Monitored:
    """A score that decides: which epoch of a training is the best, or which trial of a sweep.

    Args:
        name: a name of `METRICS`.
        source: whose it is, or "mean" for that of all sources; None for the drums' where there are any, else for the
            mean.
    """

    name: str
    source: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Monitored":
        """Read METRIC or METRIC/SOURCE.

        Raises:
            ConfigError: there is no such metric, or it is one of drums and another source is named.
        """
        name, _, source = text.partition("/")
        metric = lookup("metric", METRICS, name)
        if source and not metric.is_of(source):
            raise ConfigError(f"{text}: only {', '.join(metric.sources or ())} have it; give {name}")
        return cls(name, DRUMS if metric.sources == _DRUMS else source or None)

    def of(self, sources: Sequence[str]) -> "Monitored":
        """Say whose score it is, where the sources are known."""
        return replace(self, source=self.source or (DRUMS if DRUMS in sources else MEAN))

    @property
    def title(self) -> str:
        """As tables call it, with its unit."""
        metric = METRICS[self.name]
        whose = "" if metric.sources == _DRUMS else f"{self.source or DRUMS} "
        return f"{whose}{metric.title}" + (f" [{metric.unit}]" if metric.unit else "")

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if METRICS[self.name].more_is_better else -1

    def show(self, decisive: float) -> str:
        """Write a value as it was measured.

        Args:
            decisive: the value times `sign`, so that more is better.
        """
        return f"{self.sign * decisive:.2f}"


def find_metrics(names: Iterable[str]) -> dict[str, Metric]:
    """Look metrics up, and whether they can be computed here.

    Args:
        names: names of `METRICS`.

    Returns:
        By name.

    Raises:
        ConfigError: there is no metric of a name, or one needs weights that are not here.
        ModuleNotFoundError: one needs a package that is not installed.
    """
    found = {name: lookup("metric", METRICS, name) for name in names}
    for metric in found.values():
        if metric.require is not None:
            metric.require()
    return found


def score_song(song: EstimatedSong, names: Collection[str] = DEFAULT_METRICS) -> dict[str, dict[str, float]]:
    """Score a song's estimates.

    Args:
        song: what to score.
        names: names of `METRICS`; those that none of the sources can have are left out.

    Returns:
        By metric and source.

    Raises:
        ConfigError: there is no metric of a name.
        ModuleNotFoundError: one needs a package that is not installed.
    """
    return {
        name: dict(metric.compute(song))
        for name, metric in find_metrics(names).items()
        if any(map(metric.is_of, song.sources))
    }
