"""The tables of scores that `evaluate` and `demo` end with."""

from typing import TYPE_CHECKING

from dssgan.cli.terminal import Terminal

if TYPE_CHECKING:
    import pandas as pd


def show_scores(terminal: Terminal, table: "pd.DataFrame", title: str) -> None:
    """Print one line a method.

    Args:
        terminal: where to.
        table: as `dssgan.evaluation.frame.comparison` gives, dB.
        title: heading.
    """
    rows = [[str(method), *(f"{value:.2f}" for value in values)] for method, *values in table.itertuples()]
    terminal.table(f"{title} [dB]", ["method", *table.columns], rows)


def show_listening_scores(terminal: Terminal, whole_track: "pd.DataFrame", target: str, title: str) -> None:
    """Print the means over tracks of what SDR does not say, a column a method.

    Args:
        terminal: where to.
        whole_track: as `EvaluationResult.whole_track`.
        target: source that is shown.
        title: heading.
    """
    from dssgan.metrics.catalogue import METRICS

    methods = list(dict.fromkeys(whole_track["method"]))
    chosen = whole_track[(whole_track["target"] == target) & ~whole_track["metric"].isin(["usdr", "csdr", "snr"])]
    means = chosen.groupby(["metric", "method"])["score"].mean()
    rows = []
    for name, metric in METRICS.items():
        if name in means.index.get_level_values("metric"):
            unit = f" [{metric.unit}]" if metric.unit else ""
            direction = "" if metric.more_is_better else ", less is better"
            rows.append([f"{metric.title}{unit}{direction}", *(f"{means[name, method]:.2f}" for method in methods)])
    terminal.table(f"{title}: {target}, means over tracks", ["", *methods], rows)
