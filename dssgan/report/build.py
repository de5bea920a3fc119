"""From folders of results to one HTML file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dssgan.atomic import write_text
from dssgan.errors import ConfigError
from dssgan.report.page import Section, render
from dssgan.report.results import results_section
from dssgan.report.sweeps import sweep_section
from dssgan.report.training import training_section
from dssgan.runs.record import EVALUATION, SWEEP, TRAINING, find_record
from dssgan.runs.store import FolderStore

# by the kind of a folder's run; the verdict on a test comes before how it was reached
KINDS: Mapping[str, Callable[[Path], Section]] = {
    EVALUATION: results_section, SWEEP: sweep_section, TRAINING: training_section
}  # fmt: skip


def write_report(folders: Sequence[Path], path: Path, title: str = "Drum separation") -> list[Path]:
    """Write one HTML file on evaluations, sweeps and trainings.

    Args:
        folders: output folders of `dssgan evaluate`, `dssgan sweep` and `dssgan train`, or one that holds such folders,
            as that of `dssgan demo`.
        path: file to write.
        title: title of the page.

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
    for candidates in ([folder], sorted(path for path in folder.iterdir() if path.is_dir())):
        records = [(find_record(FolderStore(candidate)), candidate) for candidate in candidates]
        found = [(record.kind, candidate) for record, candidate in records if record is not None]
        if found:
            return found
    raise ConfigError(
        f"{folder}: holds no evaluation, sweep or training; give a folder of dssgan evaluate, sweep or train"
    )
