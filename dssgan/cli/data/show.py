"""`dssgan data show`: print what is in a data set."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dssgan.cli.terminal import Terminal


@click.command()
@click.argument("dataset", required=False, type=click.Path(path_type=Path), metavar="[DATASET|MODEL]")
def command(dataset: Path | None) -> None:
    """Print what is in a data set, the bundled songs by default; or the data sets that a model learnt from, with
    credits.

    MODEL is a bundle's folder, an ensemble's file or the name of a shipped ensemble: what it learnt from, under which
    licence, and the credits that belong wherever it is passed on.
    """
    if dataset is not None and _is_model(dataset):
        _show_model(dataset)
        return
    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import PAIRED_PARTITIONS
    from dssgan.data.loading import load_dataset

    loaded = load_dataset(dataset)
    rows = []
    for name in PAIRED_PARTITIONS:
        tracks = loaded.partition(name)
        rows.append([name, str(len(tracks)), f"{sum(track.duration for track in tracks):.1f}"])
    unpaired = zip(("mixes", *loaded.sources), (loaded.train_unsup.mixes, *loaded.train_unsup.sources), strict=True)
    for name, samples in unpaired:
        rows.append([f"train_unsup {name}", str(len(samples)), f"{sum(sample.duration for sample in samples):.1f}"])
    terminal = Terminal(quiet=False)
    terminal.table(f"{loaded.name} ({loaded.licence or 'licence unknown'})", ["partition", "files", "seconds"], rows)
    for credit in loaded.credits:
        terminal.print(credit)
    _print_share_alike(terminal, [loaded.licence or "", *loaded.credits], "")
    terminal.print(f"fingerprint of what a model may learn from: {loaded.fingerprint}")


def _print_share_alike(terminal: "Terminal", lines: list[str], indent: str) -> None:
    from dssgan.data.rights import share_alike

    if licences := share_alike(lines):
        terminal.print(
            f"{indent}share alike: some of it is under {', '.join(licences)}; keep their terms when passing it on"
        )


def _is_model(path: Path) -> bool:
    if path.suffix == ".yaml" or (path / "model.json").is_file():
        return True
    from dssgan.separators.external import parse_reference
    from dssgan.separators.loading import is_shipped

    return is_shipped(path) or parse_reference(path) is not None


def _show_model(path: Path) -> None:
    from dssgan.cli.terminal import Terminal
    from dssgan.separators.loading import find_model

    terminal = Terminal(quiet=False)
    for data in find_model(path).origins():
        terminal.print(f"{data['name']} ({data.get('licence') or 'licence unknown'})")
        for credit in data.get("credits", []):
            terminal.print(f"  {credit}")
        for rights in data.get("rights", []):
            tracks = ", ".join(rights["tracks"])
            terminal.print(f"  {tracks}: {rights['licence']}, {rights['holder']}, {rights['source']}")
        _print_share_alike(terminal, [data.get("licence") or "", *data.get("credits", [])], "  ")
        terminal.print(f"  fingerprint: {data['fingerprint']}")
