"""A picture of what each part of an ensemble contributes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dssgan.atomic import replacing
from dssgan.ensembling.explain import Explanation
from dssgan.errors import WriteError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SUFFIXES = (".png", ".svg", ".pdf")


def check_picture(path: Path) -> None:
    """Refuse a name that no picture can have, before anything is measured.

    Raises:
        WriteError: its suffix is none of .png, .svg and .pdf.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise WriteError(f"{path}: is no name for a picture; end it in one of {', '.join(_SUFFIXES)}")


def band_names(edges_hz: Sequence[float]) -> list[str]:
    """Name bands by their edges, such as "150-500 Hz" and "6 kHz up"."""

    def shown(frequency: float) -> str:
        return f"{frequency / 1000:g}k" if frequency >= 1000 else f"{frequency:g}"

    upper = [f"-{shown(edge)} Hz" for edge in edges_hz[1:]] + [" Hz up"]
    return [shown(edge) + end for edge, end in zip(edges_hz, upper, strict=True)]


def save_picture(found: Explanation, path: Path) -> None:
    """Draw the weights of each source, the SDR in each band and after each stage.

    Args:
        found: what was measured.
        path: the picture's file; its suffix says which kind.

    Raises:
        WriteError: the file cannot be written, or its suffix is no picture's.
    """
    from matplotlib.figure import Figure

    check_picture(path)
    num_sources = len(found.sources)
    figure = Figure(figsize=(12, 7.5), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.25))[:, 0]
    axes = np.atleast_1d(upper.subplots(1, num_sources, sharey=True))
    largest = float(found.weights.abs().max()) or 1.0
    for number, (axis, source) in enumerate(zip(axes, found.sources, strict=True)):
        _draw_weights(axis, found, number, largest)
        axis.set_title(f"weights for {source}")
    by_band, by_stage = lower.subplots(1, 2, width_ratios=(1.6, 1))
    _draw_bands(by_band, found)
    _draw_stages(by_stage, found)
    figure.suptitle(f"What each part contributes: SDR of {found.scored} on {len(found.songs)} validation songs")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format=path.suffix.lower()[1:])


def _draw_weights(axis: "Axes", found: Explanation, source: int, largest: float) -> None:
    weights = found.weights[source].numpy()
    axis.imshow(weights, cmap="Blues", vmin=0, vmax=largest, aspect="auto")
    for row, column in np.ndindex(weights.shape):
        value = weights[row, column]
        axis.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value > largest / 2 else "k")
    axis.set_xticks(range(len(found.edges_hz)), band_names(found.edges_hz), rotation=20)
    axis.set_yticks(range(len(found.members)), found.members)


def _draw_bands(axis: "Axes", found: Explanation) -> None:
    names = [*found.members, "weighted sum"]
    width = 0.8 / len(names)
    positions = np.arange(len(found.edges_hz))
    for number, (name, values) in enumerate(zip(names, found.bands.tolist(), strict=True)):
        colour = "k" if number == len(found.members) else None
        axis.bar(positions + (number - (len(names) - 1) / 2) * width, values, width, label=name, color=colour)
    axis.set_xticks(positions, band_names(found.edges_hz))
    axis.axhline(0, color="k", linewidth=0.8)
    axis.set_ylabel("SDR [dB]")
    axis.set_title("in each band, members alone and together")
    axis.legend(fontsize="small")


def _draw_stages(axis: "Axes", found: Explanation) -> None:
    names = [name for name, _ in found.steps]
    values = [value for _, value in found.steps]
    positions = np.arange(len(names))[::-1]
    bars = axis.barh(positions, values, color="tab:blue")
    axis.bar_label(bars, [f"{value:.2f}" for value in values], padding=3)
    axis.set_yticks(positions, names)
    axis.set_xlim(min(0.0, *values) * 1.15, max(0.0, *values) * 1.15 + 0.1)
    axis.set_xlabel("SDR [dB]")
    axis.set_title("after each stage")
