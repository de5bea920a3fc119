"""`dssgan sweep`: train many separators and keep the best."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dssgan.cli.options import config_option, data_option, quiet_option, settings_argument
from dssgan.cli.sweep.options import location_option, resource_options, study_option

if TYPE_CHECKING:
    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import Dataset
    from dssgan.tuning.ray.events import Event
    from dssgan.tuning.results import SweepResult
    from dssgan.tuning.search.options import SearchOptions
    from dssgan.tuning.search.space import SearchSpace

DEFAULT_TRIALS = 6
# Where a space draws more settings, the table shows the first ones.
SHOWN_SETTINGS = 6


@click.command()
@click.argument("space", metavar="SPACE")
@settings_argument
@config_option
@data_option
@click.option(
    "--trials",
    type=click.IntRange(1),
    help=f"Total number of trials; {DEFAULT_TRIALS} by default, or as before with --resume.",
)
@click.option("--name", help="Name of the sweep and its study; the name of SPACE by default.")
@location_option
@click.option("--resume", is_flag=True, help="Resume a sweep that was interrupted.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Random seed of the search.")
@click.option(
    "--sampler", default="tpe", show_default=True, help="Sampler: tpe, gp, cmaes, nsgaii, qmc, random or brute_force."
)
@click.option("--pruner", default="asha", show_default=True, help="Early stopping: asha, hyperband, median or none.")
@click.option("--reduction-factor", default=3, show_default=True, type=click.IntRange(2),
              help="asha and hyperband continue one trial in N at each rung.")  # fmt: skip
@click.option("--min-speed", type=click.FloatRange(0, min_open=True), metavar="X",
              help="Skip separators slower than X times real time on a CPU of the sweep.")  # fmt: skip
@click.option("--max-parameters", type=click.FloatRange(1), metavar="N",
              help="Skip separators with more than N parameters.")  # fmt: skip
@click.option("--also", multiple=True, metavar="OBJECTIVE",
              help="Further objective: speed, or a metric such as onset_sdr or si_sar; repeatable.")  # fmt: skip
@click.option("--own-phase-one", is_flag=True, help="Train the supervised phase in every trial instead of sharing it.")
@click.option("--warm-start", metavar="NAME", multiple=True,
              help="Earlier sweep in the same folder or bucket to learn from; repeatable.")  # fmt: skip
@study_option
@resource_options
@quiet_option
def command(
    space: str,
    settings: tuple[str, ...],
    config_file: Path | None,
    data: Path | None,
    trials: int | None,
    name: str | None,
    location: str,
    resume: bool,
    seed: int,
    sampler: str,
    pruner: str,
    reduction_factor: int,
    min_speed: float | None,
    max_parameters: float | None,
    also: tuple[str, ...],
    own_phase_one: bool,
    warm_start: tuple[str, ...],
    study: str | None,
    address: str | None,
    quiet: bool,
    **resources: Any,
) -> None:
    """Search the settings that SPACE draws: a Python file with space(trial), or quick, paper, full
    or gpu.

    KEY=VALUE settings hold for every trial and win over what the space draws. With --resume a sweep continues with the
    settings and the data that it was begun with; what is given again must agree, and more trials extend it.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.runs.agreement import load_data_of
    from dssgan.runs.location import join, open_store
    from dssgan.runs.record import SWEEP, RunRecord, read_record
    from dssgan.training.settings import merge, parse_overrides, read_config
    from dssgan.tuning.search.options import SearchOptions
    from dssgan.tuning.search.space import find_space
    from dssgan.tuning.sweep_files import recorded_study

    terminal = Terminal(quiet=quiet)
    name = name or Path(space).stem
    given = {
        "num_trials": trials, "seed": seed, "sampler": sampler, "pruner": pruner,
        "reduction_factor": reduction_factor, "min_speed": min_speed, "max_parameters": max_parameters,
        "share_phase_one": not own_phase_one, "also": also, **resources,
    }  # fmt: skip
    recorded: RunRecord | None = None
    if resume:
        recorded = read_record(open_store(join(location, name)), SWEEP)
        begun = recorded.details["options"]
        given |= {key: begun[key] for key in given if key in begun and not _is_given(key)}
    options = SearchOptions(**given | {"num_trials": given["num_trials"] or DEFAULT_TRIALS})
    if recorded is not None:
        study = study or recorded.details["study_url"]
    sweeps = [open_store(join(location, one)) for one in warm_start]
    earlier = [recorded_study(store, read_record(store, SWEEP), study) for store in sweeps]
    result = run_and_show(
        terminal, find_space(space), load_data_of(name, recorded, data), join(location, name),
        settings=merge(read_config(config_file), parse_overrides(settings)), options=options, name=name,
        study_url=study, warm_start=earlier, resume=resume, address=address,
    )  # fmt: skip
    require_success(result)
    if any(trial.state == "running" for trial in result.trials):
        terminal.print(f"Not all trials are at their end. Go on with dssgan sweep {space} --name {name} --resume")
    else:
        terminal.print(f"Next: dssgan ensemble {result.store} -o ensembles/{name}.yaml")


# The option that sets each of a search's options, where it has another name.
_PARAMETERS = {"num_trials": "trials", "share_phase_one": "own_phase_one"}


def _is_given(key: str) -> bool:
    source = click.get_current_context().get_parameter_source(_PARAMETERS.get(key, key))
    return source not in (None, click.core.ParameterSource.DEFAULT)


def require_success(result: "SweepResult") -> None:
    """Raise an error if every trial failed.

    Raises:
        DssganError: all trials failed; the message has the first one's reason.
    """
    from dssgan.errors import DssganError

    failed = [trial for trial in result.trials if trial.state == "fail"]
    if failed and len(failed) == len(result.trials):
        raise DssganError(
            f"{result.store}: all {len(failed)} trials failed, the first with: {failed[0].error}; every reason is in "
            "trials.csv there"
        )


def run_and_show(
    terminal: "Terminal",
    space: "SearchSpace",
    dataset: "Dataset",
    location: str | Path,
    *,
    options: "SearchOptions",
    **further: Any,
) -> "SweepResult":
    """Run a sweep with its progress on the terminal, and print its trials at the end.

    Args:
        terminal: where to.
        space: what to draw.
        dataset: what to learn from.
        location: the sweep's folder or bucket.
        options: how to search.
        further: arguments of `dssgan.tuning.ray.sweep.run_sweep`.

    Returns:
        The sweep.
    """
    from dssgan.tuning.ray.sweep import run_sweep

    with terminal.progress("Trials") as progress:

        def listen(event: "Event") -> None:
            progress.advance_to(event.num_ended, event.num_trials)
            line = describe(event)
            if line is not None:
                terminal.print(line)

        try:
            result = run_sweep(
                space, dataset, location, options=options, listener=listen, on_message=terminal.print, **further
            )
        except KeyboardInterrupt:
            terminal.print("Nothing is lost. Go on with the same SPACE, --name and --resume")
            raise
    show_trials(terminal, result)
    show_front(terminal, result)
    terminal.print(f"Trials, study and bundles: {result.store}")
    return result


def describe(event: "Event") -> str | None:
    """Return one line on an event; None for a trial's end, and for epochs that were taken over before the last one."""
    from dssgan.tuning.ray.messages import Failed, Skipped, Validated

    message = event.message
    if event.ended:
        return None
    if isinstance(message, Failed):
        return f"trial {event.number:3}  failed: {message.reason}"
    if isinstance(message, Skipped):
        return f"trial {event.number:3}  left out: {message.reason}"
    if not isinstance(message, Validated) or (message.is_reused and not message.is_last_reused):
        return None
    reused = "  (phase one shared)" if message.is_reused else ""
    return (
        f"trial {event.number:3}  epoch {message.epoch:3}  phase {message.phase}  "
        f"score {message.score:6.2f}  best {message.best_score:6.2f}{reused}"
    )


def show_front(terminal: "Terminal", result: "SweepResult") -> None:
    """Print the Pareto front of a sweep that has several objectives."""
    from dataclasses import replace

    from dssgan.tuning.results import pareto_front

    front = pareto_front(result)
    if front and front[0].further:
        show_trials(terminal, replace(result, trials=front), title="Not beaten in every objective (Pareto front)")


def show_trials(terminal: "Terminal", result: "SweepResult", num: int | None = None, *, title: str = "Trials") -> None:
    """Print a sweep's trials, the best first.

    Args:
        terminal: where to.
        result: the sweep.
        num: how many; None for all.
        title: title of the table.
    """
    from dssgan.tuning.search.objectives import FURTHER_OBJECTIVES

    ranked = sorted(result.trials, key=lambda trial: -trial.score if trial.score is not None else float("inf"))
    keys = list(dict.fromkeys(key for trial in result.trials for key in trial.params))[:SHOWN_SETTINGS]
    further = [name for name in FURTHER_OBJECTIVES if any(name in trial.further for trial in result.trials)]
    two = any(trial.phase_two for trial in result.trials)
    rows = []
    for trial in ranked[:num]:
        values = [_short(trial.params.get(key)) for key in keys]
        score = "" if trial.score is None else f"{trial.score:.2f}"
        also = [_short(trial.further.get(name)) for name in further]
        rows.append([str(trial.number), trial.state, score, *also, *([trial.phase_two] if two else []), *values])
    columns = ["trial", "state", result.score_title, *(FURTHER_OBJECTIVES[name].title for name in further)]
    columns += ["phase two"] if two else []
    terminal.table(title, [*columns, *(key.removeprefix("separator.") for key in keys)], rows)


def _short(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2g}" if isinstance(value, float) else str(value)
