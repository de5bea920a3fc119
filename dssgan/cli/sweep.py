"""`dssgan sweep`: train many separators and keep the best."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dssgan.cli.options import config_option, data_option, quiet_option, settings_argument

if TYPE_CHECKING:
    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import Dataset
    from dssgan.tuning.sweep import Event, SweepResult

# Where the keys of a space are long, the table shows the last part.
SHOWN_SETTINGS = 6


@click.command()
@click.argument("space", metavar="SPACE")
@settings_argument
@config_option
@data_option
@click.option("--trials", default=6, show_default=True, type=click.IntRange(1), help="Trials in all.")
@click.option("--name", help="Of the sweep and its study; the space's name by default.")
@click.option("-o", "--output", default="sweeps", show_default=True, type=click.Path(path_type=Path))
@click.option("--resume", is_flag=True, help="Go on with a sweep that was cut short.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the search.")
@click.option("--max-concurrent", type=click.IntRange(1), help="Trials at a time; by default one for each core.")
@click.option("--cpus-per-trial", default=1, show_default=True, type=click.IntRange(1), help="Cores of a trial.")
@click.option("--study", metavar="URL", help="Optuna storage; by default a SQLite file in the sweep's folder.")
@click.option("--address", help="Of a running Ray cluster; by default Ray is started on this machine.")
@quiet_option
def command(
    space: str,
    settings: tuple[str, ...],
    config_file: Path | None,
    data: Path | None,
    trials: int,
    name: str | None,
    output: Path,
    resume: bool,
    seed: int,
    max_concurrent: int | None,
    cpus_per_trial: int,
    study: str | None,
    address: str | None,
    quiet: bool,
) -> None:
    """Search the settings that SPACE draws: a Python file with space(trial), or quick, paper or full.

    KEY=VALUE settings hold for every trial and win over what the space draws.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import Dataset
    from dssgan.training.config import read_config

    terminal = Terminal(quiet=quiet)
    name = name or Path(space).stem
    result = run_and_show(
        terminal,
        space,
        Dataset.load(data),
        output / name,
        settings=settings,
        config=read_config(config_file),
        trials=trials,
        seed=seed,
        name=name,
        resume=resume,
        max_concurrent=max_concurrent,
        cpus_per_trial=cpus_per_trial,
        study_url=study,
        address=address,
    )
    terminal.say(f"Next: dssgan ensemble {result.folder} -o ensembles/{name}.yaml")


def run_and_show(
    terminal: "Terminal",
    space: str,
    dataset: "Dataset",
    folder: Path,
    *,
    settings: tuple[str, ...],
    trials: int,
    seed: int,
    config: dict[str, Any] | None = None,
    name: str = "sweep",
    **options: Any,
) -> "SweepResult":
    """Run a sweep with its progress on the terminal, and print its trials at the end.

    Args:
        terminal: where to.
        space: path or name of the search space.
        dataset: what to learn from.
        folder: the sweep's.
        settings: KEY=VALUE settings for every trial.
        trials: in all.
        seed: of the search.
        config: settings of a file, under those.
        name: of the study.
        options: of `dssgan.tuning.sweep.run_sweep`.

    Returns:
        The sweep.
    """
    from dssgan.training.config import merge, parse_overrides
    from dssgan.tuning.space import find_space
    from dssgan.tuning.sweep import run_sweep

    fixed = merge(config or {}, parse_overrides(settings))
    ended: set[int] = set()
    with terminal.progress("Trials") as progress:
        progress.advance_to(0, trials)

        def listen(event: "Event") -> None:
            if event.ended:
                ended.add(event.number)
                progress.advance_to(len(ended), trials)
            elif not event.metrics.get("finished"):
                terminal.say(describe(event))

        result = run_sweep(
            find_space(space), dataset, folder, settings=fixed, num_trials=trials, seed=seed, name=name,
            listener=listen, **options,
        )  # fmt: skip
    show_trials(terminal, result)
    return result


def describe(event: "Event") -> str:
    """Tell of one validation in one line."""
    metrics = event.metrics
    if "error" in metrics:
        return f"trial {event.number:3}  failed: {metrics['error']}"
    phase = {1: "supervised", 2: "adversarial"}[metrics["phase"]]
    reused = "  (phase one shared)" if metrics.get("reused") else ""
    return (
        f"trial {event.number:3}  epoch {metrics['epoch']:3}  {phase:11}  drums uSDR {metrics['score']:6.2f} dB"
        f"  best {metrics['best_score']:6.2f} dB{reused}"
    )


def show_trials(terminal: "Terminal", result: "SweepResult") -> None:
    """Print a sweep's trials, the best first."""
    from dssgan.tuning.sweep import TrialResult

    def rank(trial: TrialResult) -> float:
        return -trial.score if trial.score is not None else float("inf")

    keys = list(dict.fromkeys(key for trial in result.trials for key in trial.params))[:SHOWN_SETTINGS]
    rows = []
    for trial in sorted(result.trials, key=rank):
        values = [_short(trial.params.get(key)) for key in keys]
        score = "" if trial.score is None else f"{trial.score:.2f}"
        rows.append([str(trial.number), trial.state, score, *values])
    columns = ["trial", "state", "drums uSDR [dB]", *(key.removeprefix("separator.") for key in keys)]
    terminal.table("Trials", columns, rows)
    terminal.say(f"Trials, study and bundles: {result.folder}")


def _short(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2g}" if isinstance(value, float) else str(value)
