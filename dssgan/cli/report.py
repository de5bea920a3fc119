"""`dssgan report`: evaluations, sweeps and trainings as one page."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command()
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path(path_type=Path))
@click.option("-o", "--output", default="report.html", show_default=True,
              type=click.Path(path_type=Path, dir_okay=False), help="HTML file to write.")  # fmt: skip
@click.option("--title", default="Drum separation", show_default=True, help="Title of the page.")
@quiet_option
def command(folders: tuple[Path, ...], output: Path, title: str, quiet: bool) -> None:
    """Write one HTML file on the evaluation, sweep or training in each FOLDER.

    The verdict comes first; then plots, and songs to listen to with their spectrograms, also blind. The file needs
    nothing else and no network.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.report.build import write_report

    terminal = Terminal(quiet=quiet)
    used = write_report(folders, output, title)
    terminal.print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, of {', '.join(map(str, used))}")
