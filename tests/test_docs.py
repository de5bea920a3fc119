"""The documentation's Python examples run as they stand, and its commands are understood."""

import re
import shlex
from pathlib import Path

import click
import pytest

from dssgan.audio.files import read, write
from dssgan.cli import cli
from dssgan.data.bundled import FOLDER
from dssgan.training.settings import make_config, parse_overrides

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((ROOT / "recipes").glob("*.md"))]


def commands(page: Path) -> list[str]:
    """Give the command lines of a page's indented blocks, those in several lines as one."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"^    (?:\.venv/bin/)?(dssgan .*)", text, re.MULTILINE)


def parse(words: list[str]) -> click.Context:
    """Have the command line parsed, down to the command, without running it."""
    context = cli.make_context("dssgan", words)
    while isinstance(context.command, click.Group):
        name, command, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        context = command.make_context(name, rest, parent=context)
    return context


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_understood(page: Path) -> None:
    for line in commands(page):
        words = shlex.split(re.split(r" [|>] ", line)[0], comments=True)[1:]
        try:
            context = parse(words)
        except click.exceptions.Exit:
            continue  # --help and --version
        for value in context.params.values():
            if isinstance(value, tuple) and value and all(isinstance(each, str) and "=" in each for each in value):
                here = [each for each in value if not each.startswith("start_from=demucs:")]  # which is downloaded
                make_config(parse_overrides(here))


def test_pages_have_commands() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
