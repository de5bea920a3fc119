"""Third-party separators, as FAMILY:NAME or FAMILY:PATH. A new family is one file and one line here."""

from pathlib import Path

from dssgan.separators.external.demucs import Demucs, DemucsFamily
from dssgan.separators.external.family import Family, KnownModel
from dssgan.separators.external.graph_files import OnnxFamily, OpenVinoFamily
from dssgan.separators.external.msst import MSST, MSSTFamily
from dssgan.separators.external.openunmix import OpenUnmix, OpenUnmixFamily
from dssgan.separators.external.stems_folder import StemsFamily

__all__ = ["EXTERNAL", "FAMILIES", "Family", "KnownModel", "parse_reference"]

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        DemucsFamily(), MSSTFamily(), OnnxFamily(), OpenUnmixFamily(), OpenVinoFamily(), StemsFamily(),
    )
}  # fmt: skip
# Third-party networks that can be trained further and saved as bundles.
EXTERNAL = {"demucs": Demucs, "msst": MSST, "open_unmix": OpenUnmix}


def parse_reference(reference: str | Path) -> tuple[Family, str] | None:
    """Parse a reference to another project's separator.

    Args:
        reference: such as "demucs:htdemucs".

    Returns:
        Its family and the text after the colon; None where it is none, or where a file of that name exists.
    """
    family, colon, name = str(reference).partition(":")
    if not colon or family not in FAMILIES or Path(reference).exists():
        return None
    return FAMILIES[family], name
