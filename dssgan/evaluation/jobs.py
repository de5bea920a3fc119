"""Scoring one method on one track, and many of them in parallel."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from dssgan.audio import files
from dssgan.data.dataset import Track
from dssgan.evaluation import listening_excerpts as excerpts
from dssgan.evaluation.method import Estimator, Method
from dssgan.evaluation.track_scores import TrackScores, write_scores
from dssgan.metrics.bss_eval import VERSIONS, References
from dssgan.metrics.catalogue import EstimatedSong, score_song
from dssgan.metrics.silence import without_noise
from dssgan.types import Audio

OPEN_AT_ONCE = 8  # methods whose models a process keeps, so that a track's references serve all of them


@dataclass(frozen=True)
class ScoringJob:
    """One method to score on one track.

    Attributes:
        campaign: identifier of the evaluation; models are loaded once for each.
        method_name: name of the method.
        method: the method.
        track: the track.
        sources: names of the sources, in the order of the track's.
        sample_rate: rate to score at, Hz.
        bss: version of BSS Eval.
        metrics: scores of the whole track.
        results: folder of all results.
        partition: name of the partition.
        writes_estimates: whether the estimates are written as well.
        fingerprint: hash of what the method computes.
        writes_song: whether the track's own excerpts are written, which are the same for every method.
    """

    campaign: str
    method_name: str
    method: Method
    track: Track
    sources: tuple[str, ...]
    sample_rate: int
    bss: str
    metrics: tuple[str, ...]
    results: Path
    partition: str
    writes_estimates: bool
    fingerprint: str = ""
    writes_song: bool = False

    @property
    def path(self) -> Path:
        """The file of the scores."""
        return self.results / self.method_name / self.partition / f"{self.track.name}.json"

    @property
    def label(self) -> str:
        """What errors call the job."""
        return f"{self.method_name}: {self.track.name}"

    @property
    def needed(self) -> list[Path]:
        """Files and folders that must exist on the machine that scores."""
        return [*(file.path for part in self.track.recordings for file in part.files), *self.method.paths()]

    @property
    def settings(self) -> dict[str, object]:
        """What stored scores must have been measured with to be reused."""
        return {
            "method": repr(self.method),
            "model": self.fingerprint,
            "bss": self.bss,
            "metrics": list(self.metrics),
            "sample_rate": self.sample_rate,
            "sources": list(self.sources),
            "fingerprints": sorted(self.track.fingerprints),
        }


@lru_cache(maxsize=OPEN_AT_ONCE)  # a model is loaded once in each process and evaluation
def _open(campaign: str, method: Method, sources: tuple[str, ...], sample_rate: int) -> Estimator:  # noqa: ARG001
    return method.open(sources, sample_rate)


@lru_cache(maxsize=1)  # a track is read once, since jobs come track by track
def _load(track: Track, sample_rate: int, bss: str) -> tuple[Audio, References]:
    mix, sources = track.load(sample_rate)
    return mix, References(to_16_bits(sources), sample_rate, VERSIONS[bss])


def score(job: ScoringJob) -> TrackScores:
    """Score a method on a track, and write the scores, excerpts to listen to and, if asked for, the estimates.

    Raises:
        DataError: an estimate is missing or misshapen.
        WriteError: a file cannot be written.
    """
    from dssgan.evaluation.museval_store import evaluate_track  # museval takes more than a second to import

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the workers are the parallelism, and one thread sums in one order
    try:
        mix, references = _load(job.track, job.sample_rate, job.bss)
        estimates = _open(job.campaign, job.method, job.sources, job.sample_rate)(job.track, mix)
        store = evaluate_track(references, estimates, job.sources, job.label)
        song = EstimatedSong(estimates, without_noise(references.sources), mix, job.sample_rate, job.sources)
        whole = score_song(song, job.metrics)
        targets = job.method.targets(job.track, job.sources)
    finally:
        torch.set_num_threads(num_threads)
    # without the sources that a method does not estimate itself: they are what its estimates leave of the mix
    scores = TrackScores(
        job.method_name, job.track.name,
        [target for target in store.scores["targets"] if target["name"] in targets],
        {metric: {source: number for source, number in by_source.items() if source in targets}
         for metric, by_source in whole.items()},
    )  # fmt: skip
    if job.writes_estimates:
        for source, estimate in zip(job.sources, estimates, strict=True):
            path = job.results / job.method_name / "estimates" / job.track.name / f"{source}.wav"
            files.write(path, estimate, job.sample_rate, "float32")
    _write_excerpts(job, mix, references.sources, estimates)
    write_scores(job.path, store, scores, job.settings)  # last: scores that are there are complete
    return scores


def _write_excerpts(job: ScoringJob, mix: Audio, references: Audio, estimates: Audio) -> None:
    part = excerpts.find_excerpt(references[0], job.sample_rate)
    mix, references, estimates = mix[:, part], references[..., part], estimates[..., part]

    def signals(sources: Audio) -> dict[str, Audio]:
        if len(sources) > 2:
            return dict(zip(job.sources, sources, strict=True))
        return {job.sources[0]: sources[0], excerpts.REST: mix - sources[0]}

    if job.writes_song:
        folder = excerpts.song_folder(job.results, job.track.name)
        excerpts.write_excerpts(folder, {excerpts.MIX: mix, **signals(references)}, job.sample_rate)
    folder = excerpts.method_folder(job.results, job.method_name, job.track.name)
    excerpts.write_excerpts(folder, signals(estimates), job.sample_rate)


def to_16_bits(references: Audio) -> Audio:
    """Round references to the steps of 16-bit audio, as the files are that BSS Eval was made for.

    The rounding's noise, 101 dB below full scale, is spread over all frequencies. Without it a reference that a codec
    cut off at 16 or 20 kHz has no energy above, the equations for the 512-tap filters are all but singular, and ISR,
    SIR and SAR come out many dB wrong (ISR below SDR, say) while SDR is untouched.

    Args:
        references: any shape, in [-1, 1].

    Returns:
        The same, rounded.
    """
    rounded: Audio = np.rint(references * np.float32(2**15)) * np.float32(2**-15)
    return rounded


def score_all(
    jobs: Sequence[ScoringJob], num_workers: int | None, address: str | None
) -> Generator[tuple[ScoringJob, TrackScores], None, None]:
    """Score jobs in this process, or as tasks of Ray.

    Args:
        jobs: the jobs; those of one track are best side by side.
        num_workers: number of jobs at a time; None for as many as the cluster has cores.
        address: address of a running Ray cluster; None for this machine.

    Yields:
        Each job with its scores, as they are done.

    Raises:
        ConfigError: there is no such cluster, or a machine of it does not see a file.
        DssganError: a job failed.
    """
    if not jobs or (address is None and num_workers == 1):
        yield from map(_scored, jobs)
        return
    from dssgan.parallel.cluster import cluster_map, require_seen  # Ray takes seconds to import

    advice = "resume with fewer workers"
    with cluster_map(address, num_workers, label=lambda job: job.label, advice=advice) as map_unordered:
        if address is not None:
            require_seen(list(dict.fromkeys(path for job in jobs for path in job.needed)))
        yield from map_unordered(_scored, jobs)


def _scored(job: ScoringJob) -> tuple[ScoringJob, TrackScores]:
    return job, score(job)
