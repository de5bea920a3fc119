"""`dssgan data combine`: several data sets as one."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command()
@click.argument("datasets", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Manifest to write.")
@click.option("--name", help="Name of the whole; the manifest's name by default.")
@quiet_option
def command(datasets: tuple[Path, ...], output: Path, name: str | None, quiet: bool) -> None:
    """Put DATASETS together, each partition with its own: manifests, their folders, or a dataset.pkl.

    No audio is copied: the new manifest names the files where they are. Licences, credits and rights of all are kept.
    """
    from dssgan.cli.data.counts import describe_counts
    from dssgan.cli.terminal import Terminal
    from dssgan.data.combine import combine_datasets
    from dssgan.data.loading import load_dataset
    from dssgan.data.manifest import save_manifest

    whole = combine_datasets([load_dataset(path) for path in datasets], name or output.stem)
    save_manifest(whole, output)
    Terminal(quiet=quiet).print(f"Wrote {output}: {describe_counts(whole)}. Next: dssgan data check {output}")
