"""`dssgan data import`: describe a data set in place."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command("import")
@click.argument("kind")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Manifest to write; dataset.json in PATH by default."
)
@click.option("--name", help="Name of the data set; the folder's name by default.")
@click.option("--sources", default="drums,other", show_default=True, help="Names of the sources, in order.")
@click.option("--drums", help="Name or number of the drum stem, if the file names do not show it.")
@click.option("--skip-bad", is_flag=True, help="Leave out songs that cannot be used, and list them.")
@click.option("--licence", help="Licence of the audio, which is recorded in every model trained on it.")
@click.option(
    "--valid",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 0.9),
    help="Share of songs for validation, if the data set does not define one.",
)
@click.option(
    "--test",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 0.9),
    help="Share of songs for testing, if the data set does not define one.",
)
@click.option("--group-by", type=click.Choice(["artist", "album", "folder"]),
              help="Keep songs of one artist, album or folder on one side of such a split.")  # fmt: skip
@click.option(
    "-j", "--jobs", type=click.IntRange(1), help="Number of files read in parallel; the number of cores by default."
)
@quiet_option
def command(
    kind: str,
    path: Path,
    output: Path | None,
    name: str | None,
    sources: str,
    drums: str | None,
    skip_bad: bool,
    licence: str | None,
    valid: float,
    test: float,
    group_by: str | None,
    jobs: int | None,
    quiet: bool,
) -> None:
    """Describe a data set in the layout it has: musdb18, musdb18-hq, dsd100, medleydb, moisesdb, slakh, ccmixter,
    ikala, bach10, stems, folders, csv or unpaired.

    No audio is copied: the manifest names the files where they are. docs/data.md shows every layout.
    """
    import os

    from dssgan.cli.data.counts import describe_counts
    from dssgan.cli.terminal import Terminal
    from dssgan.curation.importers import Options, import_dataset
    from dssgan.data.manifest import FILE_NAME, save_manifest
    from dssgan.parallel.processes import map_in_processes

    terminal = Terminal(quiet=quiet)
    output = output or (path if path.is_dir() else path.parent) / FILE_NAME
    options = Options(tuple(source.strip() for source in sources.split(",")), drums, skip_bad)
    with terminal.progress("Reading") as progress:
        dataset, notes = import_dataset(
            kind, path, options, name=name, licence=licence, valid_share=valid, test_share=test,
            group_by=group_by,
            map_unordered=map_in_processes(jobs or os.cpu_count() or 1), progress=progress.advance_to,
        )  # fmt: skip
    save_manifest(dataset, output)
    for note in notes:
        terminal.print(f"Note: {note}")
    terminal.print(f"Wrote {output}: {describe_counts(dataset)}. Next: dssgan data check {output}")
