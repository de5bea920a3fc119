"""`dssgan ensemble`: combine trained separators, and see what each part of an ensemble contributes."""

import click

from dssgan.cli.lazy import RunByDefault


@click.group(cls=RunByDefault, package="dssgan.cli.ensemble", names=("run", "explain"))
def command() -> None:
    """Combine separators: dssgan ensemble SWEEP -o FILE is short for dssgan ensemble run SWEEP -o FILE."""
