"""`dssgan ensemble explain`: what each member, band and step of an ensemble contributes."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dssgan.cli.options import data_option, device_option, precision_option, quiet_option

if TYPE_CHECKING:
    from dssgan.cli.terminal import Terminal
    from dssgan.ensembling.explain import Explanation


@click.command()
@click.argument("file", metavar="FILE.yaml|NAME")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Picture to write, such as explained.png.")
@data_option
@device_option
@precision_option
@quiet_option
def command(file: str, output: Path | None, data: Path | None, device: str, precision: str, quiet: bool) -> None:
    """Show what each member, band and step of an ensemble contributes on the validation songs.

    All figures are of the first source that sounds, the drums: SDR in dB, means over the songs. A member's line shows
    its score alone and the ensemble's without it; the bands' table, which member is good where.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.data.loading import load_dataset
    from dssgan.ensembling.explain import explain_ensemble
    from dssgan.ensembling.explain_picture import check_picture, save_picture
    from dssgan.inference.overlap_add import SeparationSettings

    terminal = Terminal(quiet=quiet)
    if output is not None:
        check_picture(output)
    dataset = load_dataset(data)
    with terminal.progress("Separating the validation songs") as progress:
        found = explain_ensemble(
            file, dataset, device=device, settings=SeparationSettings(precision=precision),
            progress=progress.advance_to,
        )  # fmt: skip
    show_explanation(terminal, found)
    if output is not None:
        save_picture(found, output)
        terminal.print(f"Picture: {output}")


def show_explanation(terminal: "Terminal", found: "Explanation") -> None:
    """Print an ensemble's weights and what each part is worth.

    Args:
        terminal: where to.
        found: what was measured.
    """
    from dssgan.ensembling.explain_picture import band_names

    bands = band_names(found.edges_hz)
    for source, of_source in zip(found.sources, found.weights.tolist(), strict=True):
        rows = [
            [name, *(f"{weight:.2f}" for weight in row)] for name, row in zip(found.members, of_source, strict=True)
        ]
        terminal.table(f"Weights for {source}", ["member", *bands], rows)
    rows = [
        [name, f"{alone:.2f}", f"{without - found.weighted_sum:+.2f}", *(f"{value:.2f}" for value in of_bands)]
        for name, alone, without, of_bands in zip(
            found.members, found.alone, found.without, found.bands.tolist(), strict=False
        )
    ]
    whole = [f"{value:.2f}" for value in found.bands[-1].tolist()]
    rows.append(["weighted sum", f"{found.weighted_sum:.2f}", "", *whole])
    terminal.table(f"SDR of {found.scored} [dB]", ["", "alone", "if left out", *bands], rows)
    before = found.steps[0][1]
    rows = []
    for name, value in found.steps:
        rows.append([name, f"{value:.2f}", f"{value - before:+.2f}"])
        before = value
    terminal.table(f"SDR of {found.scored} after each stage [dB]", ["", "SDR", "gain"], rows)
    rows = [
        [song, *(f"{value:.2f}" for value in row)]
        for song, row in zip(found.songs, found.by_song.tolist(), strict=True)
    ]
    terminal.table(f"SDR of {found.scored} song by song [dB]", ["", *(name for name, _ in found.steps[1:])], rows)
