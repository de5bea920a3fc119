"""From folders of results to one HTML file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dssgan.atomic import write_text
from dssgan.errors import ConfigError
from dssgan.evaluation.campaign import RECORD as EVALUATION
from dssgan.report.page import Section, render
from dssgan.report.results import results_section
from dssgan.report.sweeps import sweep_section
from dssgan.report.training import RECORD as TRAINING
from dssgan.report.training import training_section
from dssgan.tuning.record import RECORD as SWEEP

# by the file that says what a folder is; the verdict on a test comes before how it was reached
KINDS: Mapping[str, Callable[[Path], Section]] = {
    EVALUATION: results_section, SWEEP: sweep_section, TRAINING: training_section
}  # fmt: skip


def write_report(folders: Sequence[Path], path: Path, title: str = "Drum separation") -> list[Path]:
    """Write one HTML file on evaluations, sweeps and trainings.

    Args:
        folders: of `dssgan evaluate`, `dssgan sweep` and `dssgan train`, or one that holds such folders, as that of
            `dssgan demo`.
        path: file to write.
        title: of the page.

    Returns:
        The folders that are in it, evaluations first.

    Raises:
        ConfigError: a folder holds none of these.
        DataError: what one holds is not finished or damaged.
        WriteError: the file cannot be written; what existed is untouched.
    """
    found = [pair for folder in folders for pair in _find(Path(folder))]
    found.sort(key=lambda pair: list(KINDS).index(pair[0]))  # stable: in the given order within a kind
    write_text(path, render(title, [KINDS[kind](folder) for kind, folder in found]))
    return [folder for _, folder in found]


def _find(folder: Path) -> list[tuple[str, Path]]:
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; give one of dssgan evaluate, sweep or train")
    for places in ([folder], sorted(folder.iterdir())):
        found = [(kind, place) for place in places for kind in KINDS if (place / kind).is_file()]
        if found:
            return found
    raise ConfigError(
        f"{folder}: holds no evaluation, sweep or training; give a folder of dssgan evaluate, sweep or train"
    )
