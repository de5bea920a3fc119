"""A sweep as a chapter of a report."""

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import plotly.graph_objects as go

from dssgan.report.figures import make_plot
from dssgan.report.page import Plot, Section, SectionPart, Table, facts_of
from dssgan.runs.location import open_store
from dssgan.runs.record import SWEEP, read_record
from dssgan.tuning.results import TrialResult, pareto_front
from dssgan.tuning.search.attributes import is_own
from dssgan.tuning.search.objectives import FURTHER_OBJECTIVES
from dssgan.tuning.status import Status, read_status
from dssgan.tuning.sweep_files import recorded_study

_TOP = 10
_COLOURS = {"complete": "#2f7fd1", "pruned": "#e0803a", "running": "#2a9d8f", "fail": "#d1495b"}
_ADVERSARIAL, _ADDITIVITY = "alpha", "beta"


def sweep_section(folder: Path) -> Section:
    """Make the section of a sweep: its results and its costs.

    Args:
        folder: output folder of `dssgan sweep`.

    Raises:
        ConfigError: it holds no sweep, or no study.
    """
    store = open_store(folder)
    record = read_record(store, SWEEP)
    status = read_status(store)
    study = recorded_study(store, record)
    scored = [trial for trial in status.result.trials if trial.score is not None]
    drawn: list[SectionPart | None] = [
        _best_trials(status, scored),
        _history(status, scored),
        _curves(study, status.result.score_title),
        _importances(status),
        _map(scored, status.result.score_title),
        _parallel(study, status.result.score_title),
        *_fronts(status),
    ]
    return Section(
        f"Sweep: {record.details['study']}", _verdict(status, scored), [part for part in drawn if part is not None],
        facts_of(record, "space", "options"),
    )  # fmt: skip


def _verdict(status: Status, scored: Sequence[TrialResult]) -> list[str]:
    states = Counter(trial.state for trial in status.result.trials)
    counted = ", ".join(f"{count} {state}" for state, count in states.most_common())
    costs = status.costs
    sentences = [
        f"{len(status.result.trials)} of {status.num_trials} trials: {counted}.",
        f"{costs.spent:.2f} {costs.unit} spent; {costs.saved_by_sharing:.2f} saved by sharing supervised phases, "
        f"{costs.saved_by_stopping:.2f} by early stopping.",
    ]
    if scored:
        best = max(scored, key=_score)
        drawn = ", ".join(f"{name} {_shown(value)}" for name, value in best.params.items())
        sentences.insert(
            0, f"Trial {best.number} is the best: {status.result.score_title} {best.score:.2f}, with {drawn}."
        )
    return sentences


def _score(trial: TrialResult) -> float:
    assert trial.score is not None
    return trial.score


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _best_trials(status: Status, scored: Sequence[TrialResult]) -> Table | None:
    if not scored:
        return None
    keys = list(dict.fromkeys(key for trial in scored for key in trial.params))
    further = list(dict.fromkeys(name for trial in scored for name in trial.further))
    header = ["trial", "state", status.result.score_title, *(FURTHER_OBJECTIVES[name].title for name in further),
              "phase two", *keys, "seconds"]  # fmt: skip
    rows = [
        [
            str(trial.number), trial.state, f"{_score(trial):.2f}",
            *(_shown(trial.further[name]) if name in trial.further else "" for name in further),
            trial.phase_two, *(_shown(trial.params[key]) if key in trial.params else "" for key in keys),
            f"{trial.seconds:.0f}",
        ]
        for trial in sorted(scored, key=_score, reverse=True)[:_TOP]
    ]  # fmt: skip
    return Table(f"The best {len(rows)} trials", header, rows)


def _history(status: Status, scored: Sequence[TrialResult]) -> Plot | None:
    if not scored:
        return None
    figure = go.Figure()
    for state in dict.fromkeys(trial.state for trial in scored):
        chosen = [trial for trial in scored if trial.state == state]
        figure.add_scatter(
            x=[trial.number for trial in chosen], y=[trial.score for trial in chosen], mode="markers", name=state,
            marker={"color": _COLOURS.get(state, "#8a8f98"), "size": 8},
            hovertemplate="trial %{x}: %{y:.2f}<extra></extra>",
        )  # fmt: skip
    best: list[float] = []
    for trial in scored:
        best.append(max([*best[-1:], _score(trial)]))
    figure.add_scatter(
        x=[trial.number for trial in scored], y=best, mode="lines", name="best so far",
        line={"color": "#8a8f98", "shape": "hv"}, hoverinfo="skip",
    )  # fmt: skip
    figure.update_layout(xaxis_title="trial", yaxis_title=status.result.score_title,
                         legend={"orientation": "h", "y": -0.25})  # fmt: skip
    found = max(scored, key=_score).number
    caption = f"A point is a trial, the line the best so far; it last rose at trial {found}."
    return make_plot("How the search went", caption, figure)


def _curves(study: optuna.Study, title: str) -> Plot | None:
    """Draw every trial's validations, one trace for all trials of a state."""
    lines: dict[str, tuple[list[int | None], list[float | None], list[str | None]]] = {}
    for trial in study.get_trials(deepcopy=False):
        if not is_own(trial) or not trial.intermediate_values:
            continue
        x, y, text = lines.setdefault(trial.state.name.lower(), ([], [], []))
        steps = sorted(trial.intermediate_values)
        x += [*steps, None]
        y += [*(trial.intermediate_values[step] for step in steps), None]
        text += [*([f"trial {trial.number}"] * len(steps)), None]
    if not lines:
        return None
    figure = go.Figure()
    for state, (x, y, text) in lines.items():
        figure.add_scatter(
            x=x, y=y, text=text, mode="lines+markers", name=state, opacity=0.75, connectgaps=False,
            line={"color": _COLOURS.get(state, "#8a8f98"), "width": 1.5}, marker={"size": 4},
            hovertemplate="%{text}, step %{x}: %{y:.2f}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(xaxis_title="separator steps", yaxis_title=title, legend={"orientation": "h", "y": -0.25})
    stopped = sum(trial.state.name == "PRUNED" for trial in study.get_trials(deepcopy=False))
    caption = f"A line is a trial's validations; {stopped} trials were stopped early, where their lines end."
    return make_plot("What early stopping did", caption, figure, 440)


def _importances(status: Status) -> Plot | None:
    if not status.importances:
        return None
    items = sorted(status.importances.items(), key=lambda item: item[1])
    figure = go.Figure(
        go.Bar(
            x=[share for _, share in items], y=[name for name, _ in items], orientation="h",
            hovertemplate="%{y}: %{x:.2f}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(xaxis_title="share", yaxis_automargin=True)
    listed = ", ".join(f"{name} {share:.0%}" for name, share in reversed(items))
    caption = f"Share of each setting in what makes the best trials differ from all, by PED-ANOVA: {listed}."
    return make_plot("Which settings matter", caption, figure, 110 + 32 * len(items))


def _map(scored: Sequence[TrialResult], title: str) -> Plot | None:
    both = [trial for trial in scored if {_ADVERSARIAL, _ADDITIVITY} <= trial.params.keys()]
    if len(both) < 2:
        return None
    figure = go.Figure(
        go.Scatter(
            x=[trial.params[_ADVERSARIAL] for trial in both], y=[trial.params[_ADDITIVITY] for trial in both],
            mode="markers", text=[f"trial {trial.number}: {_score(trial):.2f}" for trial in both],
            marker={
                "color": [trial.score for trial in both], "colorscale": "Cividis", "size": 12, "showscale": True,
                "colorbar": {"title": title}, "line": {"width": 1, "color": "#8a8f98"},
            },
            hovertemplate="%{text}<br>alpha %{x:.3g}, beta %{y:.3g}<extra></extra>",
        )
    )  # fmt: skip
    scale = {axis: "log" if all(trial.params[axis] > 0 for trial in both) else "linear"
             for axis in (_ADVERSARIAL, _ADDITIVITY)}  # fmt: skip
    figure.update_layout(
        xaxis={"title": "alpha, the adversarial weight", "type": scale[_ADVERSARIAL]},
        yaxis={"title": "beta, the additivity weight", "type": scale[_ADDITIVITY]},
    )
    best = max(both, key=_score)
    caption = (
        f"A point is a trial, its colour the score. The best of these has alpha {best.params[_ADVERSARIAL]:.3g} and "
        f"beta {best.params[_ADDITIVITY]:.3g}."
    )
    return make_plot("Alpha and beta", caption, figure, 440)


def _parallel(study: optuna.Study, title: str) -> Plot | None:
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        figure = optuna.visualization.plot_parallel_coordinate(
            study, target=lambda trial: float(trial.values[0]), target_name=title
        )
    caption = "A line is a trial that came to its end; it crosses each axis at the setting that it had."
    plot = make_plot("All settings at once", caption, figure, 420)
    figure.update_layout(margin={"l": 70, "r": 40, "t": 60, "b": 60})
    return Plot(plot.title, plot.caption, figure.to_plotly_json(), plot.height)


def _fronts(status: Status) -> list[SectionPart]:
    front = {trial.number for trial in pareto_front(status.result)}
    parts: list[SectionPart] = []
    for name in dict.fromkeys(name for trial in status.result.trials for name in trial.further):
        chosen = [trial for trial in status.result.trials if name in trial.further and trial.score is not None]
        figure = go.Figure()
        for title, on_front in (("trials", False), ("on the front", True)):
            shown = [trial for trial in chosen if (trial.number in front) == on_front]
            figure.add_scatter(
                x=[trial.further[name] for trial in shown], y=[trial.score for trial in shown], name=title,
                mode="markers", marker={"size": 11 if on_front else 7, "symbol": "diamond" if on_front else "circle"},
                text=[f"trial {trial.number}" for trial in shown],
                hovertemplate="%{text}: %{x:.3g}, %{y:.2f}<extra></extra>",
            )  # fmt: skip
        objective = FURTHER_OBJECTIVES[name]
        figure.update_layout(xaxis_title=objective.title, yaxis_title=status.result.score_title,
                             legend={"orientation": "h", "y": -0.25})  # fmt: skip
        caption = (
            f"Trials on the front are beaten by no other in all objectives: {', '.join(map(str, sorted(front)))}. "
            f"{objective.title}: {'more' if objective.sign > 0 else 'less'} is better."
        )
        parts.append(make_plot(f"Score against {objective.title}", caption, figure, 440))
    return parts
