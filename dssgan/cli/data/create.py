"""`dssgan data create`: make a data set of a plain layout of folders."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The manifest; FOLDER/dataset.json by default.")
@click.option("--name", help="What reports call the data set; the folder's name by default.")
@click.option("--sources", default="drums,other", show_default=True, help="Names of the sources, in order.")
@click.option("--licence", help="Licence of the audio; it travels into every model trained on it.")
@quiet_option
def command(
    folder: Path, output: Path | None, name: str | None, sources: str, licence: str | None, quiet: bool
) -> None:
    """Make a data set of FOLDER/{train_sup,valid,test}/SONG/{mix,drums,other}.* and
    FOLDER/train_unsup/{mixes,drums,other}/*.

    Where a song has no mix, the mix is the sum of its sources; a source that is missing is silent.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.data.create import create as create_dataset

    output = output or folder / "dataset.json"
    dataset = create_dataset(
        folder, sources=tuple(sources.split(",")), name=name or folder.resolve().name, licence=licence
    )
    dataset.save(output)
    Terminal(quiet=quiet).say(f"Wrote {output}. Next: dssgan data show {output}")
