"""`dssgan data decode`: decode a data set once, for training to read."""

from pathlib import Path

import click

from dssgan.cli.options import address_option, quiet_option


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Manifest of the copies to write.")
@click.option(
    "--cache",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for the copies, about 10 MB per minute of stereo; data sets may share it.",
)
@click.option(
    "--sample-rate", default=44100, show_default=True, type=click.IntRange(1), help="Sample rate of the copies, Hz."
)
@click.option(
    "--channels", default=2, show_default=True, type=click.IntRange(1), help="Maximum number of channels of a copy."
)
@click.option(
    "-j", "--jobs", type=click.IntRange(1), help="Number of files decoded in parallel; the number of cores by default."
)
@address_option
@quiet_option
def command(
    dataset: Path,
    output: Path,
    cache: Path,
    sample_rate: int,
    channels: int,
    jobs: int | None,
    address: str | None,
    quiet: bool,
) -> None:
    """Decode and resample every file of a data set once, and write the manifest of the copies.

    Reading an excerpt of a copy costs a small part of what it does of a compressed file, so that training does not
    wait for it. What was decoded stays when the command is interrupted; run it again to go on. Files of the right kind
    (wav of this rate) stay where they are.
    """
    import os
    from contextlib import AbstractContextManager, nullcontext

    from dssgan.cli.terminal import Terminal
    from dssgan.curation.decoded import DecodedCache, decode_dataset
    from dssgan.data.loading import load_dataset
    from dssgan.data.manifest import FILE_NAME, save_manifest
    from dssgan.errors import ConfigError, DataError
    from dssgan.parallel.processes import MapUnordered, map_in_processes

    if output.suffix.lower() != ".json":
        raise ConfigError(f"{output}: cannot be the name of a manifest; end it in .json")
    if output.resolve() in (dataset.resolve(), (dataset / FILE_NAME).resolve()):
        raise ConfigError(f"{output}: is the data set to be decoded, which stays as it is; choose another name")
    terminal = Terminal(quiet=quiet)
    loaded = load_dataset(dataset)
    decoded_cache = DecodedCache(cache.absolute(), sample_rate, channels)
    mapping: AbstractContextManager[MapUnordered]
    if address is None:
        mapping = nullcontext(map_in_processes(jobs or os.cpu_count() or 1))
    else:
        from dssgan.parallel.cluster import cluster_map  # Ray takes seconds to import

        mapping = cluster_map(address, jobs)
    with mapping as map_unordered, terminal.progress("Decoding") as progress:
        result = decode_dataset(loaded, decoded_cache, map_unordered=map_unordered, progress=progress.advance_to)
    if result.dataset is None:
        for error in result.errors:
            click.echo(error, err=True)
        raise DataError(
            f"{dataset}: {len(result.errors)} of {result.num_files} files cannot be decoded, so no manifest was "
            "written; fix them or take them out, and run it again: the other copies are kept"
        )
    save_manifest(result.dataset, output)
    terminal.print(
        f"{result.num_files} files: {result.num_written} decoded ({result.num_bytes / 1e6:.1f} MB), "
        f"{result.num_files - result.num_written} there already"
    )
    terminal.print(f"Wrote {output}. Next: dssgan train --data {output}")
