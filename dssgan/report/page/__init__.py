"""The parts of a report, and how they become one HTML file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dssgan import web
from dssgan.runs.record import RunRecord


class SectionPart(Protocol):
    """A part of a section; the template of its name shows it."""

    @property
    def template(self) -> str: ...


@dataclass(frozen=True)
class Plot:
    """A picture that Plotly draws.

    Args:
        title: heading.
        caption: a description of what it shows, also for readers who cannot see it.
        figure: as `plotly.graph_objects.Figure.to_plotly_json` gives.
        height: pixels.
    """

    title: str
    caption: str
    figure: Mapping[str, Any]
    height: int = 360
    template: str = "plot.html"


@dataclass(frozen=True)
class PlotMenu:
    """Pictures of which the reader chooses one.

    Args:
        title: heading.
        label: label of the menu, such as "Metric".
        plots: by the menu's entries; the first is shown at first.
    """

    title: str
    label: str
    plots: Mapping[str, Plot]
    template: str = "choice.html"


@dataclass(frozen=True)
class Table:
    """Text in rows and columns; the first column names the rows.

    Args:
        title: heading.
        header: the columns' names.
        rows: rows of cells.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    template: str = "table.html"


@dataclass(frozen=True)
class Pictures:
    """Pictures in a row, as from a training's beginning to its end.

    Args:
        title: heading.
        pictures: (caption, data URI) each.
    """

    title: str
    pictures: Sequence[tuple[str, str]]
    template: str = "pictures.html"


@dataclass(frozen=True)
class Sound:
    """One signal of a song, to be played and shown.

    Args:
        audio: data URI of Ogg Opus.
        picture: data URI of its spectrogram.
    """

    audio: str
    picture: str


@dataclass(frozen=True)
class Signal:
    """A signal that a listener can switch to.

    Args:
        name: as it is shown.
        score: as it is shown beside the name; "" for none.
        is_method: it takes part in the blind test.
        sounds: by the keys of `Players.parts`; the mix has the first one's alone.
    """

    name: str
    score: str
    is_method: bool
    sounds: Mapping[str, Sound]


@dataclass(frozen=True)
class PlayableSong:
    """Signals of one song that play in step.

    Args:
        name: name of the song.
        why: it was chosen.
        signals: its signals, in order.
    """

    name: str
    why: str
    signals: Sequence[Signal]


@dataclass(frozen=True)
class Players:
    """Songs to listen to.

    Args:
        title: heading.
        parts: the sources that were to be found and, of one, what is left without it: labels by key.
        songs: to listen to.
        blind: two methods or more, so that there is something to choose from.
    """

    title: str
    parts: Mapping[str, str]
    songs: Sequence[PlayableSong]
    template: str = "players.html"

    @property
    def blind(self) -> bool:
        return any(sum(signal.is_method for signal in song.signals) > 1 for song in self.songs)


@dataclass(frozen=True)
class Section:
    """A chapter of a report.

    Args:
        title: its heading.
        verdict: what it comes to, a sentence each; the first is the most important.
        parts: its parts, in order.
        facts: how it was made, for a fold at the end.
    """

    title: str
    verdict: Sequence[str]
    parts: Sequence[SectionPart]
    facts: Mapping[str, Any]


def facts_of(record: RunRecord, *details: str) -> dict[str, Any]:
    """Return what repeats a run, from its record, with some of its details."""
    facts = {"command": record.command, "started": record.started, "versions": dict(record.versions)}
    chosen = {name: record.details[name] for name in details if name in record.details}
    return {name: fact for name, fact in {**facts, **chosen}.items() if fact not in ("", {})}


def render(title: str, sections: Sequence[Section]) -> str:
    """Write a report.

    Args:
        title: title of the page.
        sections: its sections, in order.

    Returns:
        HTML that loads nothing from elsewhere.
    """
    parts = [part for section in sections for part in section.parts]
    needs_plotly = any(isinstance(part, Plot | PlotMenu) for part in parts)
    return _environment().get_template("page.html").render(
        title=title, sections=sections, style=Markup(web.read("theme.css")) + _text("page.css"),
        plots=_text("plots.js"), transport=Markup(web.read_joined("stretch.js", "transport.js")),
        player=_text("player.js"),
        plotly=Markup(_plotly()) if needs_plotly else "",
    )  # fmt: skip


def _text(name: str) -> Markup:
    return Markup(resources.files(__name__).joinpath(name).read_text("utf-8"))


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _as_json(value: Any) -> Markup:
    """Write JSON that is safe inside a script element, for any texts in it."""
    from plotly.utils import PlotlyJSONEncoder

    text = json.dumps(value, cls=PlotlyJSONEncoder, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _lines(value: Any) -> str:
    """Write a fact, or facts in lines."""
    return "\n".join(f"{name}: {fact}" for name, fact in value.items()) if isinstance(value, Mapping) else str(value)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__name__, ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"json": _as_json, "lines": _lines}
    return environment
