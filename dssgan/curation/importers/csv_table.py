"""Just a table: a row a song, a column a file."""

import csv
from pathlib import Path

from dssgan.curation.importers.base import Importer, ImportResult, Options, make_track
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import PAIRED_PARTITIONS
from dssgan.data.track import Unpaired
from dssgan.errors import DataError, unknown

_UNPAIRED = "train_unsup"
_MIX = "mix"


def _read(path: Path, options: Options) -> ImportResult:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is not a table that can be read ({error}); save it as CSV in UTF-8") from error
    columns = (_MIX, *options.sources)
    if not rows or not any(column in rows[0] for column in columns):
        raise DataError(f"{path}: has no column {' or '.join(columns)}; name the columns in the first row")
    found = ImportResult()
    parts = dict(zip(PAIRED_PARTITIONS, (found.train, found.valid, found.test), strict=True))
    loose: dict[str, list[AudioFile]] = {column: [] for column in columns}
    for number, row in enumerate(rows, 2):
        cells = {column: (row.get(column) or "").strip() for column in columns}
        given = {column: path.parent / cell for column, cell in cells.items() if cell}
        partition = (row.get("partition") or "").strip() or ("train_sup" if len(given) > 1 else _UNPAIRED)
        if partition not in (*parts, _UNPAIRED):
            raise DataError(f"{path}, line {number}: {unknown('partition', partition, (*parts, _UNPAIRED))}")
        if not given:
            raise DataError(f"{path}, line {number}: names no file; fill in {' or '.join(columns)}")
        if partition == _UNPAIRED:
            for column, file_path in given.items():
                loose[column].append(AudioFile.of(file_path))
            continue
        name = (row.get("name") or "").strip() or next(iter(given.values())).stem
        stems = [(column, file_path) for column, file_path in given.items() if column != _MIX]
        parts[partition].append(make_track(name, given.get(_MIX), stems, options))
    found.unpaired = Unpaired(tuple(loose[_MIX]), tuple(tuple(loose[source]) for source in options.sources))
    return found


CSV = Importer(
    "a table",
    "a .csv with the columns name, partition, mix, drums, other; paths count from the table's folder",
    _read,
    is_file=True,
)
