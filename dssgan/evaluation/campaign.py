"""Many methods on the same tracks: which pairs are scored, in which order, and what may not be."""

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from dssgan.configurable import lookup
from dssgan.data.dataset import Track
from dssgan.data.guard import recordings_of
from dssgan.data.recording_facts import examine_recordings
from dssgan.errors import ConfigError, DataError
from dssgan.evaluation.jobs import OPEN_AT_ONCE, ScoringJob, score_all
from dssgan.evaluation.method import Method
from dssgan.evaluation.methods import MixMethod
from dssgan.evaluation.oracles import OracleMethod
from dssgan.evaluation.results import EvaluationResult, make_result, write_result
from dssgan.evaluation.track_scores import TrackScores, read_scores
from dssgan.metrics.bss_eval import VERSIONS
from dssgan.metrics.catalogue import DEFAULT_METRICS, find_metrics
from dssgan.runs.record import EVALUATION, RecordedData, RunRecord, find_record, write_record
from dssgan.runs.store import FolderStore
from dssgan.types import Progress


def run_campaign(
    methods: Mapping[str, Method],
    tracks: Sequence[Track],
    out_folder: Path,
    *,
    dataset_name: str,
    sources: Sequence[str],
    sample_rate: int,
    num_workers: int | None = 1,
    address: str | None = None,
    partition: str = "test",
    bss: str = "v4",
    metrics: Sequence[str] = DEFAULT_METRICS,
    resume: bool = False,
    write_estimates: bool = False,
    begin: Callable[[], None] = lambda: None,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Score every method on every track with BSS Eval, and by whole songs.

    The numbers depend neither on the order of methods and tracks nor on `num_workers` (to museval's step of 1e-5 dB;
    ratios above 100 dB are the rounding of its filters, and vary with the number of threads of numpy). Each result is
    written as soon as it is there, to OUT/METHOD/PARTITION/TRACK.json in museval's format (which museval's EvalStore
    reads), and at the end all of them to OUT/DATASET.pkl, OUT/DATASET.parquet and OUT/whole_track.csv, with statistics
    over tracks in OUT/summary.csv and OUT/pairs.csv. OUT/run.json is the record of how they were made.

    Args:
        methods: what to score, by name.
        tracks: what to score them on. A source without any sound has no score: it is
            NaN, for all sources of its track.
        out_folder: OUT. Other files in it stay.
        dataset_name: DATASET.
        sources: names, in the order of the tracks' sources.
        sample_rate: Hz at which everything is scored.
        num_workers: pairs scored at a time; more than one runs them as Ray tasks. None for one for each core.
        address: address of a running Ray cluster that does the work; None starts Ray on this machine where it is
            needed. Tracks, models and OUT must be readable under the same paths on all its machines.
        partition: PARTITION.
        bss: version of BSS Eval, of `dssgan.metrics.bss_eval.VERSIONS`. OUT holds scores of one version alone.
        metrics: metrics of `dssgan.metrics.catalogue.METRICS`: scores of whole songs.
        resume: take what is already in OUT for the same method with the same weights, audio, rate and sources instead
            of scoring it again.
        write_estimates: write them too, to OUT/METHOD/estimates/TRACK/SOURCE.wav in float32.
        begin: called once, after all checks and before anything is scored.
        progress: called with the numbers of pairs scored and of all pairs.

    Returns:
        The scores, in the order of `methods`, then `tracks`.

    Raises:
        ConfigError: no method, a number of workers below one, no cluster at the address, an unknown metric or version,
            or OUT holds scores of another version.
        ModuleNotFoundError: a metric needs a package that is not installed.
        DataError: no track, two of one name, a name that cannot be a file's, a missing or misshapen estimate, or a
            method that learnt from a track of the test partition.
        DssganError: a file cannot be written, or a worker died.
    """
    if num_workers is None and address is None:
        num_workers = os.cpu_count() or 1
    if not methods or (num_workers is not None and num_workers < 1):
        raise ConfigError(f"{len(methods)} methods and {num_workers} workers: give at least one of each")
    find_metrics(metrics)
    if not tracks:
        raise DataError(f"{dataset_name}: its partition {partition} holds no track; choose another")
    track_names = [track.name for track in tracks]
    for name in (*methods, *track_names, *sources, partition, dataset_name):
        if name in ("", ".", "..") or any(character in name for character in "/\\\0"):
            raise DataError(f"{name!r}: results are stored under this name, and it cannot be a file's; rename it")
    twice = sorted({name for name in track_names if track_names.count(name) > 1})
    if twice:
        raise DataError(f"{twice[0]}: two tracks have this name, and their results would be one file; rename one")

    if partition == "test":
        _require_new(methods, tracks)
    folder = Path(out_folder).resolve()
    _require_one_version(folder, bss)
    faults = [f"{name}: {line}" for name, method in methods.items() for line in method.faults(tracks, sources)]
    if faults:
        raise DataError("; ".join(faults))
    fingerprints = {name: method.fingerprint() for name, method in methods.items()}
    campaign = uuid.uuid4().hex
    jobs = [
        ScoringJob(
            campaign=campaign,
            method_name=name,
            method=method,
            track=track,
            sources=tuple(sources),
            sample_rate=sample_rate,
            bss=bss,
            metrics=tuple(dict.fromkeys(("usdr", *metrics))),  # which every table has
            results=folder,
            partition=partition,
            writes_estimates=write_estimates,
            fingerprint=fingerprints[name],
        )
        for name, method in methods.items()
        for track in tracks
    ]
    results = {job.path: scores for job in jobs if resume and (scores := _finished(job)) is not None}
    report = progress or (lambda _done, _total: None)
    begin()
    mix = next((name for name, method in methods.items() if isinstance(method, MixMethod)), None)
    bounds = [name for name, method in methods.items() if isinstance(method, MixMethod | OracleMethod)]
    record = RunRecord(
        EVALUATION,
        settings={"bss": bss, "partition": partition, "sample_rate": sample_rate, "metrics": list(metrics),
                  "sources": list(sources)},
        data=RecordedData(dataset_name),
        details={"methods": {name: repr(method) for name, method in methods.items()}, "mix": mix, "bounds": bounds,
                 "tracks": {track.name: sorted(track.fingerprints) for track in tracks},
                 "groups": {track.name: track.sample for track in tracks}},
    )  # fmt: skip
    write_record(FolderStore(folder), record)
    report(len(results), len(jobs))
    # a few methods at a time, and of these track by track
    groups = {name: index // OPEN_AT_ONCE for index, name in enumerate(methods)}
    order = {track: index for index, track in enumerate(track_names)}
    todo = sorted(
        (job for job in jobs if job.path not in results),
        key=lambda job: (groups[job.method_name], order[job.track.name]),
    )
    first_of = {job.track.name: job for job in reversed(todo)}
    todo = [replace(job, writes_song=first_of[job.track.name] is job) for job in todo]
    with closing(score_all(todo, num_workers, address)) as scored:
        for job, scores in scored:
            results[job.path] = scores
            report(len(results), len(jobs))
    result = make_result((results[job.path] for job in jobs), folder, record)
    write_result(result)
    return result


def _finished(job: ScoringJob) -> TrackScores | None:
    return read_scores(job.path, job.method_name, job.track.name, job.settings)


def _require_one_version(folder: Path, bss: str) -> None:
    """Refuse to put scores of two versions of BSS Eval into one folder: they must not stand in one table."""
    lookup("version of BSS Eval", VERSIONS, bss)
    record = find_record(FolderStore(folder))
    if record is not None and record.kind != EVALUATION:
        raise ConfigError(f"{folder}: holds a {record.kind}; give the scores another folder with -o")
    if record is not None and (before := record.settings["bss"]) != bss:
        raise ConfigError(f"{folder}: holds scores of BSS Eval {before}; give those of {bss} another folder with -o")


def _require_new(methods: Mapping[str, Method], tracks: Sequence[Track]) -> None:
    """Refuse a method that learnt from a song of the test partition."""
    records = {name: method.learnt_from() for name, method in methods.items()}
    if not any(record.names for record in records.values()):
        return
    recordings = {track.name: recordings_of(track) for track in tracks}
    known = examine_recordings(part for parts in recordings.values() for part in parts)
    tested = {name: [known[part] for part in parts] for name, parts in recordings.items()}
    for name, record in records.items():
        record.require_new(tested, name)
