"""What all plots of a report have in common."""

import plotly.graph_objects as go

from dssgan.report.page import Plot


def make_plot(title: str, caption: str, figure: go.Figure, height: int = 380) -> Plot:
    """Prepare a figure for the page.

    Args:
        title: heading.
        caption: a description of what it shows.
        figure: a figure of Plotly. Its colours for text, grid and background are the page's.
        height: pixels.
    """
    figure.update_layout(
        template=go.layout.Template(), dragmode=False, margin={"l": 60, "r": 20, "t": 20, "b": 60}, title=None,
        height=None, width=None,
        colorway=["#2f7fd1", "#e0803a", "#2a9d8f", "#b565c9", "#d1495b", "#8a8f98", "#b59a2d", "#5aa9e6"],
    )  # fmt: skip
    return Plot(title, caption, figure.to_plotly_json(), height)
