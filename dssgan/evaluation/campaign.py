"""A campaign: many methods on the same tracks, each pair scored on its own, in parallel with Ray or in this process."""

import json
import math
import os
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from dssgan.atomic import write_text
from dssgan.audio import files
from dssgan.configurable import lookup
from dssgan.data.dataset import Dataset, Track
from dssgan.data.guard import guarded, recordings_of
from dssgan.data.known import examine_recordings
from dssgan.errors import ConfigError, DataError
from dssgan.evaluation import excerpts, ranking
from dssgan.evaluation import frame as frames
from dssgan.evaluation.method import Estimator, Method
from dssgan.evaluation.methods import MixMethod, parse_methods
from dssgan.evaluation.openings import record_opening
from dssgan.evaluation.oracles import OracleMethod
from dssgan.metrics.bss_eval import VERSIONS, References
from dssgan.metrics.catalogue import DEFAULT_METRICS, Song, find_metrics, score_song
from dssgan.metrics.silence import without_noise
from dssgan.plain_json import plain, to_json
from dssgan.provenance import describe_run
from dssgan.types import Audio, Progress

_RECORD = "dssgan"  # what museval's format lacks stands under this key of the same file; museval passes over it
_WHOLE = "whole_track"
RECORD = "evaluation.json"
_OPEN_AT_ONCE = 8  # methods whose models a process holds, so that a song's references serve all of them


@dataclass(frozen=True)
class CampaignResult:
    """What a campaign measured.

    Attributes:
        frame: SiSEC's columns method, track, target, metric, score, time; a row for each number of BSS Eval.
        whole_track: the scores of `dssgan.metrics.catalogue`, columns method, track, target, metric, score.
        folder: where all of it lies.
        mix: name of the method that gives the mix, over which the others' gains are counted; None where there is none.
        bounds: names of the methods that nobody could use: the mix and the oracles.
        record: with what it was made, as in `RECORD`.
    """

    frame: pd.DataFrame
    whole_track: pd.DataFrame
    folder: Path
    mix: str | None = None
    bounds: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scores(self) -> pd.DataFrame:
        """One number a track for every method, target and metric; see `ranking.track_scores`."""
        return ranking.track_scores(self.frame, self.whole_track, self.mix)

    @property
    def summary(self) -> pd.DataFrame:
        """One line for every method and target; see `frame.summary`."""
        return frames.summary(self.frame, self.usdr)

    @property
    def usdr(self) -> pd.DataFrame:
        """SDR of whole tracks: columns method, track, target, score."""
        rows = self.whole_track[self.whole_track["metric"] == "usdr"]
        return rows.drop(columns="metric").reset_index(drop=True)

    def table(self, target: str) -> pd.DataFrame:
        """One line for every method, `target` in full; see `frame.comparison`."""
        return frames.comparison(self.summary, target)


@dataclass(frozen=True)
class _ScoringJob:
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
    write_estimates: bool
    fingerprint: str = ""  # of what the method computes
    write_song: bool = False  # its own excerpts too, which are the same for every method

    @property
    def path(self) -> Path:
        return self.results / self.method_name / self.partition / f"{self.track.name}.json"

    @property
    def label(self) -> str:
        return f"{self.method_name}: {self.track.name}"

    @property
    def needed(self) -> list[Path]:
        """Files and folders that must be there where it is scored."""
        return [*(file.path for part in self.track.samples for file in part.files), *self.method.paths()]

    @property
    def settings(self) -> dict[str, object]:
        """What a stored result must agree with to be taken for this unit's."""
        return {
            "method": repr(self.method),
            "model": self.fingerprint,
            "bss": self.bss,
            "metrics": list(self.metrics),
            "sample_rate": self.sample_rate,
            "sources": list(self.sources),
            "fingerprints": sorted(self.track.fingerprints),
        }


def evaluate(
    methods: Sequence[str | Path],
    dataset: Dataset,
    folder: Path | str,
    *,
    partition: str = "test",
    bss: str = "v4",
    metrics: Sequence[str] = DEFAULT_METRICS,
    sample_rate: int | None = None,
    num_workers: int | None = None,
    address: str | None = None,
    resume: bool = False,
    write_estimates: bool = False,
    device: str = "cpu",
    precision: str = "float32",
    manifest_folder: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
    progress: Progress | None = None,
) -> CampaignResult:
    """Score separators on a partition of a data set, as `dssgan evaluate` does.

    >>> from dssgan import evaluate, load_dataset
    >>> result = evaluate(["mix"], load_dataset(), "results", partition="valid", sample_rate=8000, num_workers=1)
    >>> list(result.summary.columns[:2])
    ['method', 'target']

    Args:
        methods: each a bundle's folder, an ensemble's file or name, a folder with estimates as TRACK/SOURCE.wav, or
            "mix"; "NAME=METHOD" gives it another name than its file's.
        dataset: where the songs are.
        folder: where scores go.
        partition: "test", "valid" or "train_sup". A test partition's openings are counted.
        bss: version of BSS Eval: "v4", "v3", "images-v3", or "fast", which is the SDR of v4 alone.
        metrics: scores of whole songs beside it, of `dssgan.metrics.catalogue.METRICS`.
        sample_rate: Hz to score at; None for the first track's.
        num_workers: as for `run_campaign`, as are `address`, `resume`, `write_estimates` and `progress`.
        device: where models run.
        precision: in which precision.
        manifest_folder: where the openings are noted; None for the user's cache.
        say: told how often the test partition has been opened.

    Returns:
        The scores.

    Raises:
        ConfigError: two methods of one name, or no such device.
        ModelError: there is no such model.
        DataError: as `run_campaign` does.
    """
    parsed = parse_methods(list(map(str, methods)), device=device, precision=precision)
    if partition == "test":
        dataset = guarded(dataset)
    tracks = dataset.partition(partition)

    def begin() -> None:
        if partition == "test":
            count = record_opening(dataset, manifest_folder, list(parsed))
            say(f"The test partition of {dataset.name} is opened for the {_ordinal(count)} time")

    return run_campaign(
        parsed, tracks, Path(folder), dataset_name=dataset.name, sources=dataset.sources,
        sample_rate=sample_rate or (tracks[0].sample_rate if tracks else 44100), num_workers=num_workers,
        address=address, partition=partition, bss=bss, metrics=metrics, resume=resume,
        write_estimates=write_estimates, begin=begin, progress=progress,
    )  # fmt: skip


def _ordinal(number: int) -> str:
    """Write a number as in "the 2nd time"."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


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
) -> CampaignResult:
    """Score every method on every track with BSS Eval, and by whole songs.

    The numbers depend neither on the order of methods and tracks nor on `num_workers` (to museval's step of 1e-5 dB;
    ratios above 100 dB are the rounding of its filters, and vary with the number of threads of numpy). Each result is
    written as soon as it is there, to OUT/METHOD/PARTITION/TRACK.json in museval's format (which museval's EvalStore
    reads), and at the end all of them to OUT/DATASET.pkl, OUT/DATASET.parquet and OUT/whole_track.csv, with statistics
    over tracks in OUT/summary.csv and OUT/pairs.csv. OUT/evaluation.json says with what they were made.

    Args:
        methods: what to score, by name.
        tracks: what to score them on. A source without any sound has no score: it is
            NaN, for all sources of its track.
        out_folder: OUT. Other files in it stay.
        dataset_name: DATASET.
        sources: names, in the order of the tracks' sources.
        sample_rate: Hz at which everything is scored.
        num_workers: units scored at a time; more than one runs them as Ray tasks. None for one for each core.
        address: of a running Ray cluster that does the work; None starts Ray on this machine where it is needed.
            Tracks, models and OUT must be readable under the same paths on all its machines.
        partition: PARTITION.
        bss: of `dssgan.metrics.bss_eval.VERSIONS`. OUT holds scores of one version alone.
        metrics: of `dssgan.metrics.catalogue.METRICS`: scores of whole songs.
        resume: take what is already in OUT for the same method with the same weights, audio, rate and sources instead
            of scoring it again.
        write_estimates: write them too, to OUT/METHOD/estimates/TRACK/SOURCE.wav in float32.
        begin: called once, when nothing stands against scoring and before anything is scored.
        progress: called with the units done and all units.

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
    units = [
        _ScoringJob(
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
            write_estimates=write_estimates,
            fingerprint=fingerprints[name],
        )
        for name, method in methods.items()
        for track in tracks
    ]
    results = {unit.path: text for unit in units if resume and (text := _finished(unit)) is not None}
    report = progress or (lambda _done, _total: None)
    begin()
    mix = next((name for name, method in methods.items() if isinstance(method, MixMethod)), None)
    bounds = [name for name, method in methods.items() if isinstance(method, MixMethod | OracleMethod)]
    record = describe_run(
        bss=bss, partition=partition, sample_rate=sample_rate, metrics=list(metrics), sources=list(sources),
        methods={name: repr(method) for name, method in methods.items()}, mix=mix, bounds=bounds,
        data={"name": dataset_name, "tracks": {track.name: sorted(track.fingerprints) for track in tracks}},
    )  # fmt: skip
    write_text(folder / RECORD, to_json(record, indent=2))
    report(len(results), len(units))
    # a few methods at a time, and of these track by track
    groups = {name: index // _OPEN_AT_ONCE for index, name in enumerate(methods)}
    order = {track: index for index, track in enumerate(track_names)}
    todo = sorted(
        (unit for unit in units if unit.path not in results),
        key=lambda unit: (groups[unit.method_name], order[unit.track.name]),
    )
    first_of = {unit.track.name: unit for unit in reversed(todo)}
    todo = [replace(unit, write_song=first_of[unit.track.name] is unit) for unit in todo]
    with closing(_score_all(todo, num_workers, address)) as scored:
        for unit, text in scored:
            results[unit.path] = text
            report(len(results), len(units))

    texts = [(unit.method_name, unit.track.name, results[unit.path]) for unit in units]
    whole_track = [
        (method, track, source, metric, math.nan if score is None else float(score))
        for method, track, text in texts
        for metric, by_source in json.loads(text)[_RECORD][_WHOLE].items()
        for source, score in by_source.items()
    ]
    result = CampaignResult(
        frames.scores_frame(texts),
        pd.DataFrame(whole_track, columns=list(frames.WHOLE_COLUMNS)),
        folder,
        mix,
        tuple(bounds),
        record,
    )
    frames.save_frame(result.frame, folder, dataset_name)
    scores = result.scores
    for name, table in {
        "whole_track": result.whole_track, "summary": ranking.summarise(scores), "pairs": ranking.compare_all(scores)
    }.items():  # fmt: skip
        write_text(folder / f"{name}.csv", table.to_csv(index=False))
    return result


def load_results(folder: Path | str) -> CampaignResult:
    """Read what a campaign measured.

    Args:
        folder: OUT of `run_campaign`.

    Returns:
        The scores.

    Raises:
        DataError: the folder does not hold all that a campaign writes, or a file of it is damaged.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        frame = pd.read_parquet(folder / f"{record['data']['name']}.parquet")
        whole_track = pd.read_csv(
            folder / f"{_WHOLE}.csv", dtype=dict.fromkeys(frames.WHOLE_COLUMNS[:-1], str), keep_default_na=False,
            na_values={"score": ["", "nan"]},
        )  # fmt: skip
        missing = (set(frames.COLUMNS) - set(frame.columns)) | (set(frames.WHOLE_COLUMNS) - set(whole_track.columns))
        if missing:
            raise KeyError(*missing)
        return CampaignResult(frame, whole_track, folder, record["mix"], tuple(record["bounds"]), record)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder}: holds no finished evaluation; run dssgan evaluate -o {folder} again, with --resume"
        ) from error


def _require_one_version(folder: Path, bss: str) -> None:
    """Refuse to put scores of two versions of BSS Eval into one folder: they must not stand in one table."""
    lookup("version of BSS Eval", VERSIONS, bss)
    try:
        there = json.loads((folder / RECORD).read_text("utf-8")).get("bss")
    except (OSError, ValueError, AttributeError):
        return
    if there != bss:
        raise ConfigError(f"{folder}: holds scores of BSS Eval {there}; give those of {bss} another folder with -o")


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


@lru_cache(maxsize=_OPEN_AT_ONCE)  # a model is loaded once in a process and campaign
def _open(campaign: str, method: Method, sources: tuple[str, ...], sample_rate: int) -> Estimator:  # noqa: ARG001
    return method.open(sources, sample_rate)


@lru_cache(maxsize=1)  # a track is read once, for units come track by track
def _load(track: Track, sample_rate: int, bss: str) -> tuple[Audio, References]:
    mix, sources = track.load(sample_rate)
    return mix, References(to_16_bits(sources), sample_rate, VERSIONS[bss])


def _score(unit: _ScoringJob) -> str:
    from dssgan.evaluation.bss_eval import evaluate_track  # museval takes more than a second to import

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the workers are the parallelism, and one thread sums in one order
    try:
        mix, references = _load(unit.track, unit.sample_rate, unit.bss)
        estimates = _open(unit.campaign, unit.method, unit.sources, unit.sample_rate)(unit.track, mix)
        store = evaluate_track(references, estimates, unit.sources, unit.label)
        song = Song(estimates, without_noise(references.sources), mix, unit.sample_rate, unit.sources)
        whole = score_song(song, unit.metrics)
        targets = unit.method.targets(unit.track, unit.sources)
    finally:
        torch.set_num_threads(num_threads)
    if len(targets) < len(unit.sources):  # what the others leave of the mix is nobody's estimate
        store.scores["targets"] = [target for target in store.scores["targets"] if target["name"] in targets]
        whole = {
            metric: {source: score for source, score in by_source.items() if source in targets}
            for metric, by_source in whole.items()
        }
    store.scores[_RECORD] = {**unit.settings, _WHOLE: plain(whole)}
    if unit.write_estimates:
        for source, estimate in zip(unit.sources, estimates, strict=True):
            path = unit.results / unit.method_name / "estimates" / unit.track.name / f"{source}.wav"
            files.write(path, estimate, unit.sample_rate, "float32")
    _write_excerpts(unit, mix, references.sources, estimates)
    text: str = store.json
    write_text(unit.path, text)  # last: a result that is there is complete
    return text


def _write_excerpts(unit: _ScoringJob, mix: Audio, references: Audio, estimates: Audio) -> None:
    part = excerpts.find_excerpt(references[0], unit.sample_rate)
    mix, reference, estimate = mix[:, part], references[0][:, part], estimates[0][:, part]
    target = unit.sources[0]
    if unit.write_song:
        of_song = {excerpts.MIX: mix, target: reference, excerpts.REST: mix - reference}
        excerpts.write_excerpts(excerpts.song_folder(unit.results, unit.track.name), of_song, unit.sample_rate)
    of_method = {target: estimate, excerpts.REST: mix - estimate}
    folder = excerpts.method_folder(unit.results, unit.method_name, unit.track.name)
    excerpts.write_excerpts(folder, of_method, unit.sample_rate)


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


def _finished(unit: _ScoringJob) -> str | None:
    try:
        text = unit.path.read_text(encoding="utf-8")
        record = json.loads(text)[_RECORD]
        return text if {**unit.settings, _WHOLE: record[_WHOLE]} == record else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _score_all(
    units: Sequence[_ScoringJob], num_workers: int | None, address: str | None
) -> Generator[tuple[_ScoringJob, str], None, None]:
    if not units or (address is None and num_workers == 1):
        yield from map(_scored, units)
        return
    from dssgan.parallel.cluster import cluster_map, require_seen  # Ray takes seconds to import

    advice = "resume with fewer workers"
    with cluster_map(address, num_workers, label=lambda unit: unit.label, advice=advice) as map_unordered:
        if address is not None:
            require_seen(list(dict.fromkeys(path for unit in units for path in unit.needed)))
        yield from map_unordered(_scored, units)


def _scored(unit: _ScoringJob) -> tuple[_ScoringJob, str]:
    return unit, _score(unit)
