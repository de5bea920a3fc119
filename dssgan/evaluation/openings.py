"""How often a test partition has been opened: every look at it makes its scores worth a little less."""

from collections.abc import Sequence
from datetime import UTC, datetime

from dssgan.data.dataset import Dataset
from dssgan.errors import WriteError
from dssgan.plain_json import to_json
from dssgan.user_cache import cache_folder

OPENINGS_FILE = "test_openings.jsonl"


def record_opening(dataset: Dataset, methods: Sequence[str]) -> int:
    """Note that the test partition of a data set is opened.

    The note is kept beside its manifest, or in the user's cache where there is none or its folder cannot be written.

    Args:
        dataset: the data set.
        methods: names of the methods that are scored.

    Returns:
        How often it has been opened, including this time.

    Raises:
        WriteError: the record cannot be written anywhere.
    """
    line = to_json({
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "tracks": sorted(track.name for track in dataset.test),
        "methods": list(methods),
    })  # fmt: skip
    paths = [cache_folder("test_openings") / dataset.fingerprint / OPENINGS_FILE]
    if dataset.path is not None:
        paths.insert(0, dataset.path.with_name(OPENINGS_FILE))
    for path in paths:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            return sum(1 for _ in path.open(encoding="utf-8"))
        except OSError as error:
            problem = error
    raise WriteError(f"{paths[-1]}: cannot be written ({problem.strerror}); make space")
