"""`dssgan data show`: print what is in a data set."""

from pathlib import Path

import click


@click.command()
@click.argument("dataset", required=False, type=click.Path(path_type=Path))
def command(dataset: Path | None) -> None:
    """Print what is in a data set; the bundled songs by default."""
    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset

    loaded = Dataset.load(dataset)
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
        terminal.say(credit)
    terminal.say(f"fingerprint of what a model may learn from: {loaded.fingerprint}")
