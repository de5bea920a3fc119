"""Evaluation as users ask for it: methods by name, the partition of a data set, and a note of each opening."""

from collections.abc import Callable, Sequence
from pathlib import Path

from dssgan.data.dataset import Dataset
from dssgan.data.guard import guarded
from dssgan.evaluation.campaign import run_campaign
from dssgan.evaluation.methods import parse_methods
from dssgan.evaluation.openings import record_opening
from dssgan.evaluation.results import EvaluationResult
from dssgan.metrics.catalogue import DEFAULT_METRICS
from dssgan.types import Progress


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
    on_message: Callable[[str], None] = lambda _: None,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Score separators on a partition of a data set, as `dssgan evaluate` does.

    >>> from dssgan import evaluate, load_dataset
    >>> result = evaluate(["mix"], load_dataset(), "results", partition="valid", bss="fast", num_workers=1)
    >>> list(result.summary.columns[:2])
    ['method', 'target']

    Args:
        methods: each a bundle's folder, an ensemble's file or name, a folder with estimates as TRACK/SOURCE.wav, or
            "mix"; "NAME=METHOD" gives it another name than its file's.
        dataset: where the songs are.
        folder: where scores go.
        partition: "test", "valid" or "train_sup". Each opening of a test partition is noted
            beside the data set's manifest, or in the user's cache.
        bss: version of BSS Eval: "v4", "v3", "images-v3", or "fast", which is the SDR of v4 alone.
        metrics: scores of whole songs beside it, of `dssgan.metrics.catalogue.METRICS`.
        sample_rate: Hz to score at; None for the first track's.
        num_workers: as for `run_campaign`, as are `address`, `resume`, `write_estimates` and `progress`.
        device: where models run.
        precision: precision that models compute in.
        on_message: called with a line on how often the test partition has been opened.

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
            count = record_opening(dataset, list(parsed))
            on_message(f"The test partition of {dataset.name} is opened for the {_ordinal(count)} time")

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
