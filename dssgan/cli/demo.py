"""`dssgan demo`: the whole chain on the bundled songs."""

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click

from dssgan.cli.options import data_option, quiet_option, settings_argument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import Track
    from dssgan.evaluation.results import EvaluationResult
    from dssgan.inference.separator import SeparatedFile


@click.command()
@settings_argument
@data_option
@click.option("-o", "--output", default="demo", show_default=True, type=click.Path(path_type=Path),
              help="Folder to write the results to.")  # fmt: skip
@click.option("--trials", default=6, show_default=True, type=click.IntRange(1), help="Number of trials of the sweep.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Random seed of the search.")
@quiet_option
def command(settings: tuple[str, ...], data: Path | None, output: Path, trials: int, seed: int, quiet: bool) -> None:
    """Run the main job, start to finish: search, combine, test, separate, report.

    A sweep over alpha, beta, consistency and the architecture with early stopping; the best separators as one ensemble,
    fitted on the validation songs; the test songs opened once and scored; the drums and the rest of one of them written
    as wav files; and all of it as one page to read and to listen to. Takes some minutes on two cores.
    """
    import os

    from dssgan.cli.scores import show_scores
    from dssgan.cli.sweep.run import run_and_show
    from dssgan.cli.terminal import Terminal
    from dssgan.data.loading import load_dataset
    from dssgan.ensembling.build import build_ensemble
    from dssgan.errors import ModelError
    from dssgan.evaluation.api import evaluate
    from dssgan.report.build import write_report
    from dssgan.training.settings import parse_overrides
    from dssgan.tuning.search.options import SearchOptions
    from dssgan.tuning.search.space import find_space

    terminal = Terminal(quiet=quiet)
    folder = unused(output)
    dataset = load_dataset(data)

    terminal.heading(f"1 of 5  Search: {trials} trials over alpha, beta, consistency and the architecture")
    sweep = run_and_show(
        terminal, find_space("quick"), dataset, folder / "sweep", settings=parse_overrides(settings),
        options=SearchOptions(trials, seed), name="demo",
    )  # fmt: skip
    bundles = [trial.bundle for trial in sweep.trials if trial.bundle is not None]
    if not bundles:
        raise ModelError(f"{folder}: no trial gave a separator; see {folder / 'sweep' / 'trials.csv'}")

    terminal.heading("2 of 5  Combine: what the validation songs say is better than the best separator alone")
    with terminal.progress("Separating the validation songs") as progress:
        built = build_ensemble(bundles, dataset, folder / "ensemble.yaml", progress=progress.advance_to)
    terminal.print(built.verdict[0].upper() + built.verdict[1:] + ".")

    terminal.heading("3 of 5  Test: the test songs, opened once, with BSS Eval v4")
    methods = [
        "mix",
        *(f"{name.replace('_', ' ')}={folder / 'ensemble' / name}" for name in built.members),
        # one member alone is listed already
        *([] if built.plan.kind == "best" and built.gate_threshold_db is None else [f"ensemble={built.path}"]),
    ]
    with terminal.progress("Scoring") as progress:
        result = evaluate(
            methods, dataset, folder / "test", num_workers=os.cpu_count() or 1, on_message=terminal.print,
            progress=progress.advance_to,
        )  # fmt: skip

    terminal.heading("4 of 5  Separate: one test song into its drums and the rest")
    song = separate_one(terminal, dataset.test[0], built.path, folder / "separated")

    terminal.heading("5 of 5  Report: plots, and excerpts to listen to, in one file")
    report = folder / "report.html"
    write_report([folder], report, "dssgan demo")

    terminal.heading("Result")
    for name, bundle in built.members.items():
        terminal.print(f"{name.replace('_', ' ')} is {Path(bundle).parent.name} of the sweep")
    show_scores(terminal, result.table(dataset.sources[0]), f"{dataset.name}, test songs")
    terminal.print(outcome([trial.score for trial in sweep.trials], result, dataset.sources[0]))
    terminal.print(f"Stems: {', '.join(str(path) for path in song.paths.values())}")
    terminal.print(f"Report: {report}")
    terminal.print(f"Results: {folder}")


def outcome(trials: "Sequence[float | None]", result: "EvaluationResult", source: str) -> str:
    """Return what came out, in sentences: what the search gained, and what the ensemble gained over its best member.

    Args:
        trials: the trials' scores on validation, dB; None for those without one.
        result: scores of the members and of the ensemble on the test songs.
        source: the source that they are about.
    """
    from dssgan.evaluation.ranking import verdict

    scored = sorted(score for score in trials if score is not None)
    gained = scored[-1] - median(scored)
    searched = f"The search's best trial has {scored[-1]:.2f} dB on validation, {gained:.2f} dB above the median one."
    return f"{searched} On the test songs, {verdict(result.scores, source, leave_out=result.bounds)}."


def unused(folder: Path) -> Path:
    """Find a name that nothing has yet: FOLDER, or FOLDER-2, FOLDER-3, ..."""
    candidate, number = folder, 1
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def separate_one(terminal: "Terminal", track: "Track", ensemble: Path, folder: Path) -> "SeparatedFile":
    """Write a track's mix, its separated stems and a picture of all of them.

    Args:
        terminal: shows the progress.
        track: what to separate.
        ensemble: the ensemble to separate with.
        folder: where to.

    Returns:
        What was written.
    """
    import torch

    from dssgan import Separator
    from dssgan.audio import files
    from dssgan.audio.picture import draw_spectrograms

    mix, _ = track.load()
    files.write(folder / "mix.wav", mix, track.sample_rate)
    separator = Separator.load(ensemble)
    with terminal.progress("Separating") as progress:
        separated = separator.separate_file(folder / "mix.wav", folder, progress=progress.advance_to)
    waves = {"mix": torch.from_numpy(mix)}
    waves |= {name: torch.from_numpy(files.read(path)) for name, path in separated.paths.items()}
    draw_spectrograms(folder / "spectrograms.png", waves, track.sample_rate, title=f"{track.name}, separated")
    return separated
