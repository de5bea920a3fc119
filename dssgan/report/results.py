"""An evaluation as a chapter of a report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dssgan.evaluation.ranking import FEWEST_SONGS, compare_all, more_is_better, summarise, verdict
from dssgan.evaluation.results import EvaluationResult, load_results
from dssgan.metrics.bss_eval import METRICS as BSS_METRICS
from dssgan.metrics.catalogue import METRICS
from dssgan.report.figures import make_plot
from dssgan.report.listening import make_players
from dssgan.report.page import Plot, PlotMenu, Section, SectionPart, Table, facts_of

DECISIVE = "usdr"
# of drums, agrees best with listeners' ratings: arXiv 2507.06917
OF_LISTENERS = "si_sar"
_HEAT = (DECISIVE, OF_LISTENERS, "onset_sdr", "attack_error")
_TABLE = (DECISIVE, "csdr", OF_LISTENERS, "onset_sdr", "attack_error", "onset_f1", "bleed")
_BANDS = {"kick_sdr": "kick", "snare_sdr": "snare", "cymbals_sdr": "cymbals", "onset_sdr": "onsets"}
_BOUND_COLOUR, _COLOUR = "#8a8f98", "#2f7fd1"


def title_of(metric: str) -> str:
    """Return a metric's name with its unit, as "uSDR [dB]"."""
    if metric in METRICS:
        unit = METRICS[metric].unit
        return METRICS[metric].title + (f" [{unit}]" if unit else "")
    return f"{metric.upper()} [dB]"


def results_section(folder: Path) -> Section:
    """Make the section of an evaluation.

    Args:
        folder: where `dssgan evaluate` wrote to.

    Raises:
        DataError: it holds no finished evaluation.
    """
    result = load_results(folder)
    record, scores = result.record, result.scores
    targets = list(dict.fromkeys(scores["target"]))
    target = targets[0]
    names = _names(result)
    parts: list[SectionPart | None] = [
        *(_summary_table(scores, each, names) for each in targets),
        _boxes(scores, targets, names, result.bounds),
        _heatmaps(scores, target, names),
        _significance(scores, target, names),
        _bands(scores, target, names),
        make_players(result, names),
    ]
    return Section(
        f"Evaluation: {record.data.name}, partition {record.settings['partition']}",
        _verdict(result, target),
        [part for part in parts if part is not None],
        facts_of(record, "methods"),
    )


def _verdict(result: EvaluationResult, target: str) -> list[str]:
    record, scores = result.record, result.scores
    sentences = [verdict(scores, target, leave_out=result.bounds)]
    if OF_LISTENERS in set(scores["metric"]):
        sentences.append(
            f"By {METRICS[OF_LISTENERS].title}, which agrees best with listeners' ratings of drums "
            f"(arXiv 2507.06917): {verdict(scores, target, OF_LISTENERS, leave_out=result.bounds)}"
        )
    tracks = list(record.details["tracks"])
    num_songs = len({result.groups.get(track, track) for track in tracks})
    songs = f"{num_songs} song{'' if num_songs == 1 else 's'}"
    if num_songs < len(tracks):
        songs = f"{len(tracks)} recordings of {songs} or records, which count as so many,"
    text = (
        f"Measured on {songs} of {record.data.name}, partition {record.settings['partition']}, at "
        f"{record.settings['sample_rate']} Hz with BSS Eval {record.settings['bss']}: {', '.join(tracks[:12])}"
        f"{', ...' if len(tracks) > 12 else ''}."
    )
    missing = scores[(scores["metric"] == DECISIVE) & scores["score"].isna()].groupby("target")["track"].nunique()
    text += "".join(
        f" {count} of them {'has' if count == 1 else 'have'} no score for {of}, which is silent there."
        for of, count in missing.items()
    )
    if num_songs < 10:
        text += " So few songs are no evidence about other music."
    return [*sentences, text]


def _names(result: EvaluationResult) -> dict[str, str]:
    """Return the name under which each method is shown: the mix and the oracles are marked as bounds."""
    methods = list(dict.fromkeys(result.frame["method"]))
    return {name: name if name not in result.bounds or name == result.mix else f"{name} (oracle)" for name in methods}


def _summary_table(scores: pd.DataFrame, target: str, names: Mapping[str, str]) -> Table:
    metrics = [name for name in _TABLE if ((scores["metric"] == name) & (scores["target"] == target)).any()]
    summary = summarise(scores[scores["target"] == target])
    means: dict[tuple[str, str], tuple[float, float, float]] = {
        (method, metric): (mean, low, high)
        for method, metric, mean, low, high in zip(
            *(summary[column].tolist() for column in ("method", "metric", "mean", "mean_low", "mean_high")), strict=True
        )
    }

    def cell(method: str, metric: str) -> str:
        mean, low, high = means.get((method, metric), (np.nan,) * 3)
        if not np.isfinite(mean):
            return "none"
        return f"{mean:.2f}" + (f" ({low:.2f} to {high:.2f})" if np.isfinite(low) else "")

    def rank(method: str) -> float:
        mean = means.get((method, DECISIVE), (np.nan,))[0]
        return -mean if np.isfinite(mean) else np.inf

    header = ["method", *(title_of(name) + ("" if more_is_better(name) else ", less is better") for name in metrics)]
    rows = [[names[method], *(cell(method, metric) for metric in metrics)] for method in sorted(names, key=rank)]
    return Table(f"{target}: means over songs with 95 % intervals", header, rows)


def _boxes(scores: pd.DataFrame, targets: Sequence[str], names: Mapping[str, str], bounds: Sequence[str]) -> PlotMenu:
    known = [*METRICS, *BSS_METRICS]
    plots = {}
    for target in targets:
        of_target = scores[scores["target"] == target]
        for metric in sorted(
            dict.fromkeys(of_target["metric"]), key=lambda name: known.index(name) if name in known else len(known)
        ):
            plots[f"{target}: {title_of(metric)}"] = _box(
                of_target[of_target["metric"] == metric], target, metric, names, bounds
            )
    return PlotMenu("How the songs spread", "Score", plots)


def _box(scores: pd.DataFrame, target: str, metric: str, names: Mapping[str, str], bounds: Sequence[str]) -> Plot:
    figure = go.Figure()
    medians = scores.groupby("method")["score"].median()
    order = medians.sort_values(ascending=more_is_better(metric), na_position="first").index
    for method in order:
        chosen = scores[scores["method"] == method]
        figure.add_box(
            x=chosen["score"], text=chosen["track"], name=names[method], boxpoints="all", jitter=0.4, pointpos=0,
            marker={"color": _BOUND_COLOUR if method in bounds else _COLOUR, "size": 5}, line={"width": 1.5},
            hovertemplate="%{text}: %{x:.2f}<extra></extra>", showlegend=False,
        )  # fmt: skip
    figure.update_layout(xaxis_title=f"{target} {title_of(metric)}", yaxis_automargin=True)
    listed = ", ".join(f"{names[method]} {medians[method]:.2f}" for method in reversed(order))
    caption = (
        f"Each point is a song, each box the middle half of them. Medians: {listed}."
        f"{'' if more_is_better(metric) else ' Less is better.'} Grey: the mix, and oracles that know the true sources."
    )
    return make_plot(f"{target} {title_of(metric)}", caption, figure, 90 + 56 * len(order))


def _heatmaps(scores: pd.DataFrame, target: str, names: Mapping[str, str]) -> PlotMenu | None:
    plots = {}
    for metric in _HEAT:
        chosen = scores[(scores["target"] == target) & (scores["metric"] == metric)]
        if chosen.empty:
            continue
        table = chosen.pivot(index="track", columns="method", values="score")
        table = table[[name for name in names if name in table.columns]]
        table = table.loc[table.mean(axis=1).sort_values(ascending=not more_is_better(metric)).index]
        figure = go.Figure(
            go.Heatmap(
                z=table.to_numpy(), x=[names[name] for name in table.columns], y=list(table.index),
                colorscale="Cividis", reversescale=not more_is_better(metric), texttemplate="%{z:.1f}",
                hovertemplate="%{y}, %{x}: %{z:.2f}<extra></extra>", colorbar={"title": METRICS[metric].unit},
            )
        )  # fmt: skip
        figure.update_layout(yaxis_automargin=True, xaxis_automargin=True)
        # plotly draws the first row at the bottom
        caption = f"A row is a song, a column a method; on top is the hardest song for all together: {table.index[-1]}."
        plots[title_of(metric)] = make_plot(f"{target}, song by song", caption, figure, 130 + 26 * len(table))
    return PlotMenu(f"{target}, song by song", "Metric", plots) if plots else None


def _significance(scores: pd.DataFrame, target: str, names: Mapping[str, str]) -> PlotMenu | Table | None:
    title, plots = "Which methods differ by more than chance", {}
    num_songs = scores["group"].nunique()
    if len(names) > 1 and num_songs < FEWEST_SONGS:
        return Table(title, [f"too few songs: {num_songs}, where {FEWEST_SONGS} are the fewest that can show it"], [])
    for metric in (DECISIVE, OF_LISTENERS):
        chosen = scores[(scores["target"] == target) & (scores["metric"] == metric)]
        pairs = compare_all(chosen) if not chosen.empty else chosen
        if pairs.empty:
            continue
        methods = list(dict.fromkeys([*pairs["method"], *pairs["other"]]))
        column = "conover_p" if pairs["conover_p"].notna().any() else "wilcoxon_p"
        table = pd.DataFrame(np.nan, index=methods, columns=methods)
        for pair in pairs.to_dict("records"):
            table.loc[pair["method"], pair["other"]] = table.loc[pair["other"], pair["method"]] = pair[column]
        shown = [names[name] for name in methods]
        figure = go.Figure(
            go.Heatmap(
                z=table.to_numpy(), x=shown, y=shown, zmin=0, zmax=0.1, colorscale="Cividis",
                text=table.map(_shown_p).to_numpy(), texttemplate="%{text}",
                hovertemplate="%{y} and %{x}: p = %{z:.4f}<extra></extra>",
                colorbar={"title": "p"},
            )
        )  # fmt: skip
        figure.update_layout(yaxis_autorange="reversed", yaxis_automargin=True, xaxis_automargin=True)
        test = "Conover and Iman's test after Friedman's" if column == "conover_p" else "Wilcoxon's signed-rank test"
        alike = [
            f"{names[pair['method']]} and {names[pair['other']]}"
            for pair in pairs.to_dict("records")
            if not pair[column] < 0.05
        ]
        friedman = pairs["friedman_p"].iloc[0]
        caption = f"p of {test}: how often songs like these would differ so much if two methods were alike. "
        if np.isfinite(friedman):
            caption += f"Friedman's test that all are alike: p = {friedman:.3g}. "
        caption += (
            f"No significant difference (p > 0.05): {'; '.join(alike)}."
            if alike
            else "All pairs differ significantly (p < 0.05)."
        )
        plots[title_of(metric)] = make_plot(f"Which differ, by {target} {title_of(metric)}", caption, figure,
                                            130 + 40 * len(methods))  # fmt: skip
    return PlotMenu(title, "Metric", plots) if plots else None


def _shown_p(p: float) -> str:
    if np.isnan(p):
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _bands(scores: pd.DataFrame, target: str, names: Mapping[str, str]) -> Plot | None:
    chosen = scores[(scores["target"] == target) & scores["metric"].isin(list(_BANDS))]
    if chosen.empty:
        return None
    summary = summarise(chosen)
    figure = go.Figure()
    for method, shown in names.items():
        rows = summary[summary["method"] == method].set_index("metric").reindex(list(_BANDS))
        figure.add_bar(
            x=list(_BANDS.values()), y=rows["mean"], name=shown,
            error_y={
                "array": rows["mean_high"] - rows["mean"], "arrayminus": rows["mean"] - rows["mean_low"],
                "thickness": 1,
            },
            hovertemplate="%{x}: %{y:.2f} dB<extra>" + shown.replace("<", "&lt;") + "</extra>",
        )  # fmt: skip
    figure.update_layout(barmode="group", yaxis_title="SDR [dB]", legend={"orientation": "h", "y": -0.15})
    caption = (
        "SDR within the bands of kick, snare and cymbals, and in the first moments of each onset; means over songs "
        "with 95 % intervals."
    )
    return make_plot("Kick, snare, cymbals and onsets", caption, figure, 420)
