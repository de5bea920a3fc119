"""`dssgan data`: make, show, check and convert data sets."""

import click

from dssgan.cli.lazy import LazyGroup


@click.group(
    cls=LazyGroup,
    package="dssgan.cli.data",
    names=("show", "import", "check", "convert", "combine", "decode", "contribute", "merge", "synth"),
)
def command() -> None:
    """Make, show, check and convert data sets."""
