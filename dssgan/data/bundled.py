"""The real songs that come with the package."""

from pathlib import Path

FOLDER = Path(__file__).parent / "bundled"
MANIFEST = FOLDER / "dataset.json"
