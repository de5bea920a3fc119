"""A table with a row for each song and a column for each file."""

import csv
import io
from pathlib import Path

from dssgan.curation.importers.base import Importer, ImportResult, Options, make_track
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import PAIRED_PARTITIONS
from dssgan.data.track import Unpaired
from dssgan.errors import DataError, unknown

_UNPAIRED = "train_unsup"
_MIX = "mix"
_DELIMITERS = ",;\t"


def _read(path: Path, options: Options) -> ImportResult:
    rows = _rows(path)
    columns = (_MIX, *options.sources)
    if not rows or not any(column in rows[0] for column in columns):
        named = f"; its columns are {', '.join(rows[0])}" if rows else ""
        raise DataError(f"{path}: has no column {' or '.join(columns)}{named}; name the columns in the first row")
    found = ImportResult()
    parts = dict(zip(PAIRED_PARTITIONS, (found.train, found.valid, found.test), strict=True))
    loose: dict[str, list[AudioFile]] = {column: [] for column in columns}
    for number, row in enumerate(rows, 2):
        cells = {column: (row.get(column) or "").strip() for column in columns}
        given = {column: _find_file(path, cell) for column, cell in cells.items() if cell}
        partition = (row.get("partition") or "").strip() or ("train_sup" if len(given) > 1 else _UNPAIRED)
        if partition not in (*parts, _UNPAIRED):
            raise DataError(f"{path}, line {number}: {unknown('partition', partition, (*parts, _UNPAIRED))}")
        if not given:
            raise DataError(f"{path}, line {number}: names no file; fill in {' or '.join(columns)}")
        if partition == _UNPAIRED:
            with found.one_song():
                for column, file_path in given.items():
                    loose[column].append(AudioFile.of(file_path))
            continue
        name = (row.get("name") or "").strip() or next(iter(given.values())).stem
        stems = [(column, file_path) for column, file_path in given.items() if column != _MIX]
        with found.one_song():
            parts[partition].append(make_track(name, given.get(_MIX), stems, options))
    found.unpaired = Unpaired(tuple(loose[_MIX]), tuple(tuple(loose[source]) for source in options.sources))
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    """Read a table that people saved: UTF-8 or what Excel calls Unicode; commas, semicolons or tabs; any case."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        first = text.split("\n", 1)[0]
        delimiter = max(_DELIMITERS, key=first.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        header, *lines = [[cell.strip() for cell in line] for line in reader] or [[]]
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"{path}: is not a table that can be read ({error}); save it as CSV in UTF-8") from error
    names = [name.casefold() for name in header]
    return [dict(zip(names, line, strict=False)) for line in lines if any(line)]


def _find_file(table: Path, cell: str) -> Path:
    """Find a file that a cell names, counted from the table's folder; its path may be written as Windows does."""
    path = table.parent / cell
    return path if path.exists() or "\\" not in cell else table.parent / cell.replace("\\", "/")


CSV = Importer(
    "a table",
    "a .csv with the columns name, partition, mix, drums, other; paths count from the table's folder",
    _read,
    is_file=True,
)
