"""`dssgan data convert`: read the original project's data sets."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@quiet_option
def command(source: Path, target: Path, quiet: bool) -> None:
    """Convert the original project's dataset.pkl into a JSON manifest.

    SOURCE may be a manifest as well: TARGET then describes the same files from another folder.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.data.loading import load_dataset
    from dssgan.data.manifest import save_manifest

    save_manifest(load_dataset(source), target)
    Terminal(quiet=quiet).print(f"Wrote {target}")
