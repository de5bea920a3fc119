"""The real songs that come with the package."""

from pathlib import Path

FOLDER = Path(__file__).parent / "bundled"
MANIFEST = FOLDER / "dataset.json"
SUNG = "Everything is Free"  # the group of the songs with singers
