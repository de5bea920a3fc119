"""`dssgan ensemble run`: combine trained separators."""

from pathlib import Path

import click

from dssgan.cli.options import address_option, data_option, device_option, precision_option, quiet_option


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SWEEP|RUN|BUNDLE...")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="YAML file to write the ensemble to."
)
@data_option
@click.option(
    "--candidates",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="Number of best trials to consider of each sweep.",
)
@click.option("--max-members", default=3, show_default=True, type=click.IntRange(1), help="Maximum number of members.")
@click.option("--plain", is_flag=True, help="Average the members instead of fitting weights per band and a bleed gate.")
@address_option
@device_option
@precision_option
@quiet_option
def command(
    sources: tuple[str, ...],
    output: Path,
    data: Path | None,
    candidates: int,
    max_members: int,
    plain: bool,
    address: str | None,
    device: str,
    precision: str,
    quiet: bool,
) -> None:
    """Choose the best separators of a sweep, or among bundles, and combine them.

    A sweep is a folder or a bucket's URL, and only its trials that ended well are candidates. Members, weights per
    frequency band and the bleed gate are chosen on the validation partition. The members are copied into a folder
    beside the YAML file, so both can be moved together.

    With --address the songs are worked on by all machines of a cluster. They come from the bucket where a sweep lies in
    one; otherwise every machine must see them under the same paths.
    """
    from contextlib import ExitStack

    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import Localise, unchanged
    from dssgan.data.loading import load_dataset
    from dssgan.ensembling.build import build_ensemble
    from dssgan.ensembling.validation_songs import validation_alone
    from dssgan.inference.overlap_add import SeparationSettings
    from dssgan.parallel.processes import MapUnordered
    from dssgan.tuning.candidates import find_candidates

    bundles = list(dict.fromkeys(bundle for source in sources for bundle in find_candidates(source, candidates)))
    terminal = Terminal(quiet=quiet)
    dataset = load_dataset(data)
    map_unordered: MapUnordered = map
    localise: Localise = unchanged
    with ExitStack() as stack:
        if address is not None:
            from dssgan.parallel.cluster import cluster_map  # Ray takes seconds to import
            from dssgan.runs.location import is_bucket, open_store
            from dssgan.tuning.ray.songs import share_songs

            map_unordered = stack.enter_context(cluster_map(address))
            bucket = next((open_store(source) for source in sources if is_bucket(source)), None)
            localise = share_songs(validation_alone(dataset), bucket, terminal.print)
        progress = stack.enter_context(terminal.progress("Separating the validation songs"))
        built = build_ensemble(
            bundles, dataset, output, max_members=max_members, plain=plain, map_unordered=map_unordered,
            localise=localise, device=device if address is None else "cpu",
            settings=SeparationSettings(precision=precision), progress=progress.advance_to,
        )  # fmt: skip
    rows = [[name, str(bundle), f"{built.candidates[str(bundle)]:.2f}"] for name, bundle in built.members.items()]
    rows.append(["ensemble", str(built.path), f"{built.fitted:.2f}"])
    if built.left_out is not None:
        rows.append(["on songs left out in turn", "", f"{built.left_out[0]:.2f}"])
        rows.append(["and the best candidate", "", f"{built.left_out[1]:.2f}"])
    terminal.table("Validation", ["", "from", f"{built.source} uSDR [dB]"], rows)
    terminal.print(built.verdict[0].upper() + built.verdict[1:] + ".")
    terminal.print(f"Wrote {built.path}. Next: dssgan separate SONG -m {built.path}")
