"""How often a test partition has been opened: every look at it makes its scores worth a little less."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from dssgan.data.dataset import Dataset
from dssgan.errors import WriteError
from dssgan.plain_json import to_json
from dssgan.user_cache import cache_folder

OPENINGS_FILE = "test_openings.jsonl"


def record_opening(dataset: Dataset, folder: Path | None, methods: Sequence[str]) -> int:
    """Note that the test partition is opened.

    Args:
        dataset: whose it is.
        folder: the data set's; None, or one that cannot be written to, keeps the record in the user's cache.
        methods: names of what is scored.

    Returns:
        How often it has been opened, this time counted.

    Raises:
        WriteError: the record cannot be written anywhere.
    """
    line = to_json({
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "tracks": sorted(track.name for track in dataset.test),
        "methods": list(methods),
    })  # fmt: skip
    places = [cache_folder("test_openings") / dataset.fingerprint / OPENINGS_FILE]
    if folder is not None:
        places.insert(0, folder / OPENINGS_FILE)
    for place in places:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            return sum(1 for _ in place.open(encoding="utf-8"))
        except OSError as error:
            problem = error
    raise WriteError(f"{places[-1]}: cannot be written ({problem.strerror}); make space")
