"""`dssgan data contribute`: pack tracks with the terms they are given under."""

from datetime import datetime
from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Archive to write, NAME.dssgan.zip."
)
@click.option("--licence", required=True, help="SPDX identifier of the licence, such as CC-BY-4.0.")
@click.option("--holder", required=True, help="Name of the rights holder.")
@click.option("--source", required=True, help="Origin of the tracks, such as a URL or an album.")
@click.option("--consent", required=True, help="What the rights holder agreed to, in one line.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Date of the consent; today by default.")
@click.option("--sources", default="drums,other", show_default=True, help="Names of the sources in FOLDER.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation of the terms.")
@quiet_option
def command(
    folder: Path, output: Path, licence: str, holder: str, source: str, consent: str, day: datetime | None,
    sources: str, yes: bool, quiet: bool,
) -> None:  # fmt: skip
    """Pack the tracks of FOLDER/SONG/{mix,drums,other}.*, or of a manifest, into one archive that others can verify
    and merge.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.curation.contributions.pack import contribute, find_tracks
    from dssgan.curation.contributions.rules import check_licence

    licence = check_licence(licence)
    names, tracks = find_tracks(folder, tuple(sources.split(",")), holder=holder)
    terminal = Terminal(quiet=quiet)
    terminal.print(f"{len(tracks)} tracks of {holder}, under {licence}, from {source}. Consent: {consent}")
    if not yes:
        click.confirm("Is this right, and may you give it away on these terms?", abort=True, err=True)
    contribute(
        tracks, names, output, licence=licence, holder=holder, source=source, consent=consent,
        day=day.date() if day else None,
    )  # fmt: skip
    terminal.print(f"Wrote {output}. To use it: dssgan data merge {output} -o dataset.json")
