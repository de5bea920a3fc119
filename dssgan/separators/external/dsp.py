"""Separators that signal processing makes, with nothing to train and nothing to download."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from dssgan.errors import ModelError, unknown
from dssgan.separators.base import SeparatorModel
from dssgan.separators.external.family import Family, KnownModel
from dssgan.separators.hpss import HPSS

_MAKE: dict[str, Callable[[], SeparatorModel]] = {"hpss": HPSS}


class DspFamily(Family):
    """Baselines by signal processing."""

    name: ClassVar[str] = "dsp"
    about: ClassVar[str] = "signal processing without anything that was trained"
    takes: ClassVar[str] = ""
    known: ClassVar[Mapping[str, KnownModel]] = {
        "hpss": KnownModel("harmonic-percussive separation by median filters", (), "nothing to license", "nothing"),
    }
    is_copied: ClassVar[bool] = False

    def find(self, name: str, beside: Path) -> Path:  # noqa: ARG002
        """Give the name as a path; there is no file.

        Raises:
            ModelError: there is no such separator.
        """
        if name not in self.known:
            raise ModelError(unknown(f"{self.name} model", name, self.known))
        return Path(name)

    def load(self, path: Path) -> SeparatorModel:
        """Make the separator of a name."""
        return _MAKE[path.name]()

    def files(self, path: Path) -> list[Path]:  # noqa: ARG002
        """List no files: the name says what is computed."""
        return []
