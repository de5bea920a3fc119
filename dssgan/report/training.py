"""A training as a chapter of a report."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import plotly.graph_objects as go

from dssgan.errors import DataError
from dssgan.report.figures import make_plot
from dssgan.report.listening import webp
from dssgan.report.page import Pictures, Plot, Section, SectionPart, facts_of
from dssgan.runs.record import TRAINING, read_record
from dssgan.runs.store import FolderStore

Curve = Mapping[int, float]  # value by separator step

_NUM_PICTURES = 6
_PHASE = "phase"


def training_section(folder: Path) -> Section:
    """Make the section of a training.

    Args:
        folder: output folder of `dssgan train`.

    Raises:
        ConfigError: it holds no training, or its record is damaged.
        DataError: no epoch has ended.
    """
    facts = facts_of(read_record(FolderStore(folder), TRAINING), "seed", "workers")
    curves, films = _read_events(folder / "tensorboard")
    if not curves:
        raise DataError(f"{folder}: no epoch of this training has ended yet")
    switch, phases = _find_switch(curves.pop(_PHASE, {}))
    losses = {name: curve for name, curve in curves.items() if name.startswith("loss/")}
    distances = {name: curve for name, curve in losses.items() if "wasserstein" in name or "critic" in name}
    scores = {name: curve for name, curve in curves.items() if not name.startswith(("loss/", "num_nan_tracks/"))}
    drawn: list[SectionPart | None] = [
        _curves("Validation", "Scores of the validation songs after each epoch.", scores, switch),
        _curves(
            "Losses of the separator", "Means over each epoch.",
            {name: curve for name, curve in losses.items() if name not in distances}, switch,
        ),
        _curves(
            "Critics and Wasserstein distance",
            "How far each critic finds separated sources from real ones; critics exist in phase two alone.",
            distances, switch,
        ),
        *(_film(name, film) for name, film in films.items()),
    ]  # fmt: skip
    last = max(step for curve in curves.values() for step in curve)
    return Section(
        f"Training: {folder.name}", [f"{last} step{'' if last == 1 else 's'}{phases}.", *_best(scores)],
        [part for part in drawn if part is not None], facts,
    )  # fmt: skip


def _find_switch(phases: Curve) -> tuple[int | None, str]:
    """Find after which step phase two began, from each epoch's phase, and describe it."""
    first, second = ([step for step, phase in phases.items() if phase == number] for number in (1, 2))
    if first and second:
        return max(first), f"; phase two began after step {max(first)}"
    if first or second:
        return None, f", all of phase {'one' if first else 'two'}"
    return None, ""  # written by a version that did not log the phase


def _best(scores: Mapping[str, Curve]) -> Iterable[str]:
    for name, curve in scores.items():
        if name.startswith("usdr/"):
            step = max(curve, key=lambda at: curve[at])
            source = name.removeprefix("usdr/")
            yield f"{source}: uSDR {curve[step]:.2f} dB at step {step}, the best of {len(curve)} epochs."


def _curves(title: str, caption: str, curves: Mapping[str, Curve], switch: int | None) -> Plot | None:
    if not curves:
        return None
    figure = go.Figure()
    for name, curve in curves.items():
        steps = sorted(curve)
        figure.add_scatter(
            x=steps, y=[curve[step] for step in steps], name=name.removeprefix("loss/"), mode="lines+markers",
            visible=True if len(curves) <= 8 or "drums" in name else "legendonly",
        )  # fmt: skip
    if switch is not None:
        figure.add_vline(x=switch, line_dash="dash", line_color="#8a8f98", annotation_text="phase two")
        caption += " The dashed line marks where phase two begins."
    figure.update_layout(xaxis_title="separator steps", legend={"orientation": "h", "y": -0.2}, yaxis_automargin=True)
    return make_plot(title, caption, figure, 440)


def _read_events(folder: Path) -> tuple[dict[str, Curve], dict[str, Sequence[tuple[int, bytes]]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "audio": 1})
    accumulator.Reload()
    tags = accumulator.Tags()
    # a resumed training logs some steps twice; the later entry counts
    curves: dict[str, Curve] = {
        tag: {event.step: event.value for event in accumulator.Scalars(tag)} for tag in tags["scalars"]
    }
    films: dict[str, Sequence[tuple[int, bytes]]] = {
        tag: tuple(sorted({event.step: event.encoded_image_string for event in accumulator.Images(tag)}.items()))
        for tag in tags["images"]
    }
    return curves, films


def _film(name: str, pictures: Sequence[tuple[int, bytes]]) -> Pictures:
    from PIL import Image

    count = min(_NUM_PICTURES, len(pictures))
    indices = sorted({round(number * (len(pictures) - 1) / max(1, count - 1)) for number in range(count)})
    shown = []
    for index in indices:
        step, png = pictures[index]
        image = Image.open(io.BytesIO(png)).convert("RGB")
        shown.append((f"step {step}", webp(image.tobytes(), image.size, (448, 288))))
    return Pictures(f"{name.removeprefix('spectrogram/')} over time", shown)
