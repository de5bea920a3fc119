"""A campaign: many methods on the same tracks, each pair scored on its own, in parallel with Ray or in this process."""

import json
import os
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from dssgan.atomic import write_text
from dssgan.audio import files
from dssgan.data.dataset import Dataset, Track
from dssgan.data.guard import guarded, recordings_of
from dssgan.data.known import examine_recordings
from dssgan.errors import ConfigError, DataError
from dssgan.evaluation import frame as frames
from dssgan.evaluation.methods import Estimator, Method, parse_methods
from dssgan.evaluation.openings import record_opening
from dssgan.metrics.sdr import usdr

Progress = Callable[[int, int, str], None]
_RECORD = "dssgan"  # what museval's format lacks stands under this key of the same file; museval passes over it


@dataclass(frozen=True)
class CampaignResult:
    """What a campaign measured.

    Attributes:
        frame: SiSEC's columns method, track, target, metric, score, time; a row for each number.
        usdr: whole-track SDR, columns method, track, target, score.
        folder: where all of it lies.
    """

    frame: pd.DataFrame
    usdr: pd.DataFrame
    folder: Path

    @property
    def summary(self) -> pd.DataFrame:
        """One line for every method and target; see `frame.summary`."""
        return frames.summary(self.frame, self.usdr)

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
    path: Path
    estimates_folder: Path | None

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
        address=address, partition=partition, resume=resume, write_estimates=write_estimates, begin=begin,
        progress=progress,
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
    resume: bool = False,
    write_estimates: bool = False,
    begin: Callable[[], None] = lambda: None,
    progress: Progress | None = None,
) -> CampaignResult:
    """Score every method on every track with BSS Eval v4 and uSDR.

    The numbers depend neither on the order of methods and tracks nor on `num_workers` (to museval's step of 1e-5 dB;
    ratios above 100 dB are the rounding of its filters, and vary with the number of threads of numpy). Each result is
    written as soon as it is there, to OUT/METHOD/PARTITION/TRACK.json in museval's format (which museval's EvalStore
    reads), and at the end all of them to OUT/DATASET.pkl and OUT/usdr.csv.

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
        resume: take what is already in OUT for the same method, audio, rate and sources instead of scoring it again. A
            model that has changed under the same name is not noticed.
        write_estimates: write them too, to OUT/METHOD/estimates/TRACK/SOURCE.wav in float32.
        begin: called once, when nothing stands against scoring and before anything is scored.
        progress: called with (units done, units in all, what was done last).

    Returns:
        The scores, in the order of `methods`, then `tracks`.

    Raises:
        ConfigError: no method, a number of workers below one, or no cluster at the address.
        DataError: no track, two of one name, a name that cannot be a file's, a missing or misshapen estimate, or a
            method that learnt from a track of the test partition.
        DssganError: a file cannot be written, or a worker died.
    """
    if num_workers is None and address is None:
        num_workers = os.cpu_count() or 1
    if not methods or (num_workers is not None and num_workers < 1):
        raise ConfigError(f"{len(methods)} methods and {num_workers} workers: give at least one of each")
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
    campaign = uuid.uuid4().hex
    units = [
        _ScoringJob(
            campaign=campaign,
            method_name=name,
            method=method,
            track=track,
            sources=tuple(sources),
            sample_rate=sample_rate,
            path=folder / name / partition / f"{track.name}.json",
            estimates_folder=folder / name / "estimates" / track.name if write_estimates else None,
        )
        for name, method in methods.items()
        for track in tracks
    ]
    results = {unit.path: text for unit in units if resume and (text := _finished(unit)) is not None}
    report = progress or (lambda _done, _total, _label: None)
    begin()
    report(len(results), len(units), "")
    todo = [unit for unit in units if unit.path not in results]
    with closing(_score_all(todo, num_workers, address)) as scored:
        for unit, text in scored:
            results[unit.path] = text
            report(len(results), len(units), unit.label)

    texts = [(unit.method_name, unit.track.name, results[unit.path]) for unit in units]
    whole_track = [
        (method, track, source, float(score))
        for method, track, text in texts
        for source, score in json.loads(text)[_RECORD]["usdr"].items()
    ]
    result = CampaignResult(
        frames.scores_frame(texts), pd.DataFrame(whole_track, columns=list(frames.USDR_COLUMNS)), folder
    )
    frames.save_frame(result.frame, folder / f"{dataset_name}.pkl")
    write_text(folder / "usdr.csv", result.usdr.to_csv(index=False))
    return result


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


@lru_cache(maxsize=1)  # a model is loaded once in a process and campaign, for units come method by method
def _open(campaign: str, method: Method, sources: tuple[str, ...], sample_rate: int) -> Estimator:  # noqa: ARG001
    return method.open(sources, sample_rate)


def _score(unit: _ScoringJob) -> str:
    from dssgan.evaluation.bss_eval import evaluate_track  # museval takes more than a second to import

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the workers are the parallelism, and one thread sums in one order
    try:
        mix, references = unit.track.load(unit.sample_rate)
        references = to_16_bits(references)
        estimates = _open(unit.campaign, unit.method, unit.sources, unit.sample_rate)(unit.track, mix)
        store = evaluate_track(references, estimates, unit.sources, unit.sample_rate, unit.label)
        whole = usdr(torch.from_numpy(np.ascontiguousarray(estimates)), torch.from_numpy(references))
    finally:
        torch.set_num_threads(num_threads)
    store.scores[_RECORD] = {**unit.settings, "usdr": dict(zip(unit.sources, whole.tolist(), strict=True))}
    if unit.estimates_folder is not None:
        for source, estimate in zip(unit.sources, estimates, strict=True):
            files.write(unit.estimates_folder / f"{source}.wav", estimate, unit.sample_rate, "float32")
    text: str = store.json
    write_text(unit.path, text)  # last: a result that is there is complete
    return text


def to_16_bits(references: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Round references to the steps of 16-bit audio, as the files are that BSS Eval was made for.

    The rounding's noise, 101 dB below full scale, is spread over all frequencies. Without it a reference that a codec
    cut off at 16 or 20 kHz has no energy above, the equations for the 512-tap filters are all but singular, and ISR,
    SIR and SAR come out many dB wrong (ISR below SDR, say) while SDR is untouched.

    Args:
        references: any shape, in [-1, 1].

    Returns:
        The same, rounded.
    """
    rounded: npt.NDArray[np.float32] = np.rint(references * np.float32(2**15)) * np.float32(2**-15)
    return rounded


def _finished(unit: _ScoringJob) -> str | None:
    try:
        text = unit.path.read_text(encoding="utf-8")
        record = json.loads(text)[_RECORD]
        return text if {**unit.settings, "usdr": record["usdr"]} == record else None
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
