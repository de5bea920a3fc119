"""`dssgan data convert`: change the format of a data set."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@quiet_option
def command(source: Path, target: Path, quiet: bool) -> None:
    """Convert between a JSON manifest and the original project's dataset.pkl, by the files' endings."""
    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import Dataset

    Dataset.load(source).save(target)
    Terminal(quiet=quiet).say(f"Wrote {target}")
