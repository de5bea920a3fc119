"""Options that the sweep's commands share."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import click

Command = Callable[..., Any]

place_option = click.option(
    "-o", "--storage-path", "place", default="sweeps", show_default=True, metavar="PLACE",
    help="Folder that all machines see, s3://BUCKET/FOLDER or gs://BUCKET/FOLDER.",
)  # fmt: skip
study_option = click.option(
    "--study", metavar="URL", help="Optuna storage, without a password; by default a SQLite file in the sweep's folder."
)
_RESOURCES = (
    click.option("--address", help="Of a running Ray cluster; by default Ray is started on this machine."),
    click.option("--workers-per-trial", default=1, show_default=True, type=click.IntRange(1), help="Processes."),
    click.option("--cpus-per-worker", default=1, show_default=True, type=click.IntRange(1), help="Processor cores."),
    click.option(
        "--gpus-per-worker", type=click.FloatRange(0), help="GPUs, may be a fraction; by default 1 where there are any."
    ),
    click.option("--max-concurrent", type=click.IntRange(1), help="Trials at a time; by default all that find room."),
    click.option(
        "--max-hours",
        type=click.FloatRange(0, min_open=True),
        help="Stop then; --resume goes on with the rest.",
    ),
)


def resource_options(command: Command) -> Command:
    """Add the options that say what a sweep's trainings run on."""
    return reduce(lambda decorated, option: option(decorated), reversed(_RESOURCES), command)
