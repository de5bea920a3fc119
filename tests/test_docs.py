"""The documentation's Python examples run as they stand."""

import re
from pathlib import Path

import pytest

from dssgan.audio.files import read, write
from dssgan.data.bundled import FOLDER

DOCS = Path(__file__).parent.parent / "docs"


def test_examples_of_the_api_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("song.wav"), read(FOLDER / "train_unsup" / "mixes" / "potassium.ogg", 44100, 2 * 44100), 44100)
    examples = re.findall(r"```python\n(.*?)```", (DOCS / "api.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 6
    names: dict[str, object] = {}
    for example in examples:
        exec(example, names)
    assert {path.name for path in Path("stems").iterdir()} == {
        "drums.wav",
        "other.wav",
        "drums.flac",
        "My song.stem.mp4",
    }
    assert Path("results").is_dir()


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
