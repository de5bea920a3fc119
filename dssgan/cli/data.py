"""`dssgan data`: make, show and convert data sets."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option

PATH = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Make, show, verify and convert data sets."""


@command.command()
@click.argument("dataset", required=False, type=PATH)
def show(dataset: Path | None) -> None:
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


@command.command()
@click.argument("folder", type=PATH)
@click.option("-o", "--output", type=PATH, help="The manifest; FOLDER/dataset.json by default.")
@click.option("--name", help="What reports call the data set; the folder's name by default.")
@click.option("--sources", default="drums,other", show_default=True, help="Names of the sources, in order.")
@click.option("--licence", help="Licence of the audio; it travels into every model trained on it.")
@quiet_option
def create(folder: Path, output: Path | None, name: str | None, sources: str, licence: str | None, quiet: bool) -> None:
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


@command.command()
@click.argument("source", type=PATH)
@click.argument("target", type=PATH)
@quiet_option
def convert(source: Path, target: Path, quiet: bool) -> None:
    """Convert between a JSON manifest and the original project's dataset.pkl, by the files' endings."""
    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import Dataset

    Dataset.load(source).save(target)
    Terminal(quiet=quiet).say(f"Wrote {target}")


@command.command()
@click.argument("dataset", required=False, type=PATH)
@quiet_option
def verify(dataset: Path | None, quiet: bool) -> None:
    """Decode every file and compare it with the fingerprint in the manifest."""
    from dataclasses import replace

    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset
    from dssgan.errors import DataError

    loaded = Dataset.load(dataset)
    samples = [
        sample for name in PAIRED_PARTITIONS for track in loaded.partition(name) for sample in track.samples
    ] + list(loaded.train_unsup.samples)
    terminal = Terminal(quiet=quiet)
    with terminal.progress("Decoding") as progress:
        for done, sample in enumerate(samples):
            progress.advance_to(done, len(samples))
            if sample.fingerprint not in (None, replace(sample, fingerprint=None).content()):
                raise DataError(f"{sample.path}: is not the audio it was; restore it, or make the manifest again")
        progress.advance_to(len(samples), len(samples))
    terminal.say(f"{len(samples)} files, all as they were")
