"""`dssgan data merge`: add contributed tracks to a data set."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command()
@click.argument("archives", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Manifest to add the tracks to.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="Folder for the audio; 'contributions' beside the manifest by default.",
)
@click.option(
    "--partition", default="train_sup", show_default=True, help="Partition to add to: train_sup, valid or test."
)
@click.option(
    "--max-gib", type=click.FloatRange(min=0, min_open=True), default=32.0, show_default=True,
    help="Maximum size of an archive, unpacked and decoded, in GiB.",
)  # fmt: skip
@quiet_option
def command(
    archives: tuple[Path, ...], output: Path, into: Path | None, partition: str, max_gib: float, quiet: bool
) -> None:
    """Verify ARCHIVES and add their tracks, with the terms they were given under, to a data set.

    What is in the data set already is left out; what is not fit to learn from goes into quarantine.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.curation.contributions.merge import merge

    merged = merge(archives, output, into=into, partition=partition, max_gib=max_gib)
    terminal = Terminal(quiet=quiet)
    for name, same in merged.duplicates:
        terminal.print(f"left out: {name} is the same audio as {same}")
    for name, reason in merged.quarantined:
        terminal.print(f"quarantined: {name}: {reason}")
    summary = f"Added {len(merged.added)} tracks to {output}" if merged.added else f"{output} has nothing to add"
    terminal.print(summary)
