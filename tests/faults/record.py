"""What was tried and lost, as the table that docs/evidence/faults.md shows."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

TRIES = int(os.environ.get("FAULTS", "5"))
each_try = pytest.mark.parametrize("number", range(TRIES))


@dataclass
class Record:
    """What was tried.

    Args:
        rows: fault -> what each try lost.
    """

    rows: dict[str, list[str]] = field(default_factory=dict)

    def note(self, fault: str, lost: str) -> None:
        """Note a try, and require that it lost nothing."""
        self.rows.setdefault(fault, []).append(lost)
        assert lost == "nothing"

    def table(self) -> Iterator[str]:
        """Give the lines of a table."""
        yield "| Fault | Tries | Lost |"
        yield "|---|---|---|"
        for fault, losses in self.rows.items():
            yield f"| {fault} | {len(losses)} | {'; '.join(dict.fromkeys(losses))} |"
