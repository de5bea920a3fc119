"""`dssgan sweep finalists`: is the best trial better, or was it lucky?"""

from pathlib import Path
from typing import Any

import click

from dssgan.cli.options import data_option, quiet_option
from dssgan.cli.sweep.options import location_option, resource_options, study_option


@click.command()
@click.argument("name")
@data_option
@click.option(
    "--top", default=3, show_default=True, type=click.IntRange(1), help="Number of best trials to train again."
)
@click.option(
    "--seeds",
    default=3,
    show_default=True,
    type=click.IntRange(1),
    help="Number of seeds for each of them, at least 3.",
)
@click.option("--resume", is_flag=True, help="Resume finalists that were interrupted.")
@location_option
@study_option
@resource_options
@quiet_option
def command(
    name: str,
    data: Path | None,
    top: int,
    seeds: int,
    resume: bool,
    location: str,
    study: str | None,
    address: str | None,
    quiet: bool,
    **resources: Any,
) -> None:
    """Train the best trials of the sweep NAME again with several seeds each, and recommend one.

    One seed's score depends on chance, and the best of many most of all. A trial replaces the search's first choice
    only where its mean is higher by more than the seeds' spread.
    """
    from dssgan.cli.sweep.run import require_success, run_and_show
    from dssgan.cli.terminal import Terminal
    from dssgan.runs.agreement import load_data_of
    from dssgan.runs.location import join, open_store
    from dssgan.runs.record import SWEEP, read_record
    from dssgan.training.settings import lay_out
    from dssgan.tuning.finalists import compare, finalists_space
    from dssgan.tuning.search.options import SearchOptions
    from dssgan.tuning.status import read_status

    terminal = Terminal(quiet=quiet)
    store = open_store(join(location, name))
    searched = read_status(store, study)
    recorded = read_record(store, SWEEP)
    settings = lay_out(recorded.settings)
    settings.get("phase_one", {}).pop("seed", None)  # each finalist is trained with several
    space = finalists_space(searched.result, searched.settings, top, seeds)
    options = SearchOptions(num_trials=top * seeds, sampler="brute_force", pruner="none", **resources)
    trained = run_and_show(
        terminal, space, load_data_of(name, recorded, data), join(str(store), "finalists"), settings=settings,
        options=options, name=f"{name}-finalists", study_url=study or recorded.details["study_url"],
        resume=resume, address=address, parent=store,
    )  # fmt: skip
    require_success(trained)
    finalists = compare(searched.result, trained, top)
    rows = [
        [
            str(finalist.number), "promoted" if finalist.promoted else "", f"{finalist.searched:.2f}",
            f"{finalist.mean:.2f}", f"{finalist.spread:.2f}", str(len(finalist.scores)),
        ]
        for finalist in finalists
    ]  # fmt: skip
    terminal.table(
        f"Finalists by {searched.result.score_title}",
        ["trial", "", "in the search", "mean of seeds", "spread", "seeds"],
        rows,
        num_left=2,
    )
