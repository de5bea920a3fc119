"""`dssgan data verify`: compare the files with their fingerprints."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command()
@click.argument("dataset", required=False, type=click.Path(path_type=Path))
@quiet_option
def command(dataset: Path | None, quiet: bool) -> None:
    """Decode every file and compare it with the fingerprint in the manifest."""
    from dataclasses import replace

    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset
    from dssgan.errors import DataError

    loaded = Dataset.load(dataset)
    recordings = [
        recording for name in PAIRED_PARTITIONS for track in loaded.partition(name) for recording in track.samples
    ] + list(loaded.train_unsup.samples)
    samples = list(dict.fromkeys(sample for recording in recordings for sample in recording.files))
    terminal = Terminal(quiet=quiet)
    with terminal.progress("Decoding") as progress:
        for done, sample in enumerate(samples):
            progress.advance_to(done, len(samples))
            if sample.fingerprint not in (None, replace(sample, fingerprint=None).content()):
                raise DataError(f"{sample.label}: is not the audio it was; restore it, or make the manifest again")
        progress.advance_to(len(samples), len(samples))
    terminal.say(f"{len(samples)} files, all as they were")
