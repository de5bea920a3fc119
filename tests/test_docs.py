"""The documentation's Python examples run as they stand, and its commands are understood."""

import re
import shlex
from pathlib import Path

import click
import pytest

import dssgan
from dssgan.audio.files import read, write
from dssgan.cli import cli
from dssgan.data.bundled import FOLDER
from dssgan.training.settings import make_config, parse_overrides

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "recipes").glob("*.md"))]


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
    assert len(examples) == 7
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


def rows(page: Path, name: str) -> list[list[str]]:
    """Return the cells of every table row whose first cell begins with a name, in bold or not."""
    lines = page.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip(" *`") for cell in line.strip("| ").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if row[0].replace("`", "").startswith(name)]


def test_readme_states_the_figures_of_the_model_card() -> None:
    card = DOCS / "model-card.md"
    (mean,) = rows(card, "mean of six")
    columns = rows(card, "Song")[0]
    six_songs = dict(zip([column.removeprefix("uSDR: ") for column in columns], mean, strict=True))
    electronic = {row[0]: row[2] for name in ("default", "member_1, that is fast") for row in rows(card, name)[:1]}
    speed = {row[0]: row[1:] for name in ("default", "fast") for row in rows(card, name)[-1:]}
    readme = {name: rows(ROOT / "README.md", name)[0] for name in ("default", "fast", "hpss", "the mix", "an ideal")}
    stated = {name: row[2].removesuffix(" dB") for name, row in readme.items()}
    assert stated == {"default": six_songs["default"], "fast": six_songs["fast"], "hpss": six_songs["HPSS"],
                      "the mix": six_songs["mix"], "an ideal": six_songs["mask"]}  # fmt: skip
    assert [readme[name][3].removesuffix(" dB") for name in ("default", "fast")] == [*electronic.values()]
    assert {name: readme[name][4:] for name in speed} == speed


def test_the_api_page_imports_public_names_alone() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    assert not re.findall(r"^(?:from|import) dssgan\.[\w.]+", text, re.MULTILINE)
    named = {name for line in re.findall(r"^from dssgan import (.*)$", text, re.MULTILINE) for name in line.split(", ")}
    assert named <= set(dssgan.__all__)


def test_pages_have_commands() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
