"""Options that the sweep's commands share."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import click

Command = Callable[..., Any]

location_option = click.option(
    "-o", "--storage-path", "location", default="sweeps", show_default=True, metavar="LOCATION",
    help="Where sweeps are stored: a folder that all machines see, s3://BUCKET/FOLDER or gs://...",
)  # fmt: skip
study_option = click.option(
    "--study",
    metavar="URL",
    help="Optuna storage URL without a password; a SQLite file in the sweep's folder by default.",
)
_RESOURCES = (
    click.option("--address", help="Address of a running Ray cluster; Ray is started on this machine by default."),
    click.option(
        "--workers-per-trial", default=1, show_default=True, type=click.IntRange(1), help="Processes per trial."
    ),
    click.option(
        "--cpus-per-worker", default=1, show_default=True, type=click.IntRange(1), help="CPU cores per process."
    ),
    click.option(
        "--gpus-per-worker",
        type=click.FloatRange(0),
        help="GPUs per process, e.g. 0.5; 1 by default where there are GPUs.",
    ),
    click.option(
        "--max-concurrent",
        type=click.IntRange(1),
        help="Maximum number of trials at a time; as many as fit by default.",
    ),
    click.option(
        "--max-hours",
        type=click.FloatRange(0, min_open=True),
        help="Stop after so many hours; --resume continues.",
    ),
    click.option(
        "--patience",
        default=15.0,
        show_default=True,
        type=click.FloatRange(0),
        help="Minutes to wait for a database or bucket that does not answer.",
    ),
)


def resource_options(command: Command) -> Command:
    """Add the options of the resources that a sweep's trainings run on."""
    return reduce(lambda decorated, option: option(decorated), reversed(_RESOURCES), command)
