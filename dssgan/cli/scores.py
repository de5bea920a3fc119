"""The table of scores that `evaluate` and `demo` end with."""

from typing import TYPE_CHECKING

from dssgan.cli.terminal import Terminal

if TYPE_CHECKING:
    import pandas as pd


def show_scores(terminal: Terminal, table: "pd.DataFrame", title: str) -> None:
    """Print one line a method.

    Args:
        terminal: where to.
        table: as `dssgan.evaluation.frame.comparison` gives, dB.
        title: stands above.
    """
    rows = [[str(method), *(f"{value:.2f}" for value in values)] for method, *values in table.itertuples()]
    terminal.table(f"{title} [dB]", ["method", *table.columns], rows)
