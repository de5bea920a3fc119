"""`dssgan sweep`: search settings, and see what a search has found."""

import click

from dssgan.cli.lazy import RunByDefault


@click.group(cls=RunByDefault, package="dssgan.cli.sweep", names=("run", "status", "finalists"))
def command() -> None:
    """Search settings with many trainings: dssgan sweep SPACE is short for dssgan sweep run SPACE."""
