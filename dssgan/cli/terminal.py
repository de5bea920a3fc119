"""What the commands show: lines, tables and progress, on standard error so that results can be piped."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from dssgan.errors import printable


class Advance(Protocol):
    """A progress bar's handle."""

    def advance_to(self, done: float, total: float) -> None:
        """Show how much is done, and of how much."""

    def describe(self, text: str) -> None:
        """Show what is being done."""


class _Bar:
    def __init__(self, progress: Progress, text: str) -> None:
        self._progress = progress
        self._task = progress.add_task(text, total=None)
        self.has_moved = False

    def advance_to(self, done: float, total: float) -> None:
        self._progress.update(self._task, completed=done, total=total)
        self.has_moved = self.has_moved or done > 0

    def describe(self, text: str) -> None:
        self._progress.update(self._task, description=printable(text))


class Terminal:
    """One command's output.

    Args:
        quiet: show nothing but errors.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        if not self.console.is_terminal:
            # a pipe or a log file has no width of its own; tables must not be cut at 80
            self.console.width = 120

    def print(self, line: str) -> None:
        """Print one line."""
        self.console.print(printable(line), markup=False, soft_wrap=True)

    def error(self, line: str) -> None:
        """Print one line of what went wrong, whether quiet or not."""
        if self.console.quiet:
            click.echo(line, err=True)
        else:
            self.print(line)

    def heading(self, text: str) -> None:
        """Print a stage's name."""
        self.console.rule(Text(text), align="left")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, num_left: int = 1) -> None:
        """Print a table; all columns but the first `num_left` are aligned right."""
        # as text: in a plain string rich would take "[ft]" for markup
        table = Table(title=Text(printable(title)), title_justify="left")
        for index, column in enumerate(columns):
            justify: Literal["left", "right"] = "right" if index >= num_left else "left"
            table.add_column(Text(printable(column)), justify=justify, overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        self.console.print(table)

    @contextmanager
    def progress(self, text: str) -> Iterator[Advance]:
        """Show a progress bar while the block runs; it leaves one line where there is no terminal.

        A block that fails before anything is done leaves nothing of the bar.
        """
        columns = (
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(),
        )  # fmt: skip
        progress = Progress(*columns, console=self.console)
        bar = _Bar(progress, text)
        progress.start()
        try:
            yield bar
        except BaseException:
            if not bar.has_moved:
                progress.live.transient = True
                progress.live.stop()  # Progress.stop would leave an empty line
            raise
        finally:
            if progress.live.is_started:
                progress.stop()
