"""`dssgan separate`: music files into stems."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dssgan.cli.options import device_option, precision_option, quiet_option
from dssgan.errors import ConfigError, DssganError, printable

if TYPE_CHECKING:
    from dssgan.cli.terminal import Terminal
    from dssgan.inference.separator import SeparatedFile, Separator
    from dssgan.inference.tracks import PlannedTrack


@click.command()
@click.argument("tracks", nargs=-1, required=True, metavar="TRACK...", type=click.Path(path_type=Path))
@click.option(
    "-m",
    "--model",
    default="default",
    show_default=True,
    help="Bundle folder, ensemble file, or name of a shipped ensemble.",
)
@click.option(
    "-o",
    "--output",
    "--out",
    "out",
    default="separated",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder to write the stems to.",
)
@click.option("--skip-existing", is_flag=True, help="Leave out tracks whose stems are there.")
@click.option("--overwrite", is_flag=True, help="Replace stems that are there.")
@click.option("--dry-run", is_flag=True, help="Only show which files would be separated, and to where.")
@click.option("--format", "kind", default="wav", show_default=True, type=click.Choice(["wav", "flac"]))
@click.option("--int24", is_flag=True, help="Write 24-bit instead of 16-bit samples.")
@click.option("--float32", is_flag=True, help="Write 32-bit float samples (wav only), which cannot clip.")
@device_option
@click.option("--overlap", default=0.25, show_default=True, help="Overlap between segments, 0 to 0.5.")
@click.option("--segment", type=float, metavar="SECONDS", help="Segment length; the model's own by default.")
@click.option("--batch-size", default=1, show_default=True, help="Number of segments per forward pass.")
@precision_option
@click.option("--address", help="Address of a running Ray cluster whose CPUs to use; this machine by default.")
@click.option("--json", "prints_json", is_flag=True, help="Print one JSON record per track on standard output.")
@quiet_option
def command(
    tracks: tuple[Path, ...],
    model: str,
    out: Path,
    skip_existing: bool,
    overwrite: bool,
    dry_run: bool,
    kind: str,
    int24: bool,
    float32: bool,
    device: str,
    overlap: float,
    segment: float | None,
    batch_size: int,
    precision: str,
    address: str | None,
    prints_json: bool,
    quiet: bool,
) -> None:
    """Separate each TRACK, a file or a folder of files, into OUT/TRACK/drums.wav and OUT/TRACK/other.wav.

    A folder is searched with all below it. The stems have the track's own rate, channels and length, and sum to it. A
    track that fails gives one line and the rest go on; the exit code is then 2. With --address tracks are sent to the
    machines of a cluster, and come back as stems: nothing else needs to be there.
    """
    if int24 and float32:
        raise ConfigError("--int24 and --float32: choose one of them")
    subtype = "float32" if float32 else "pcm24" if int24 else "pcm16"
    if skip_existing and overwrite:
        raise ConfigError("--skip-existing and --overwrite: choose one of them")

    from dssgan.audio.writer import check_format
    from dssgan.cli.terminal import Terminal
    from dssgan.inference.separator import Separator
    from dssgan.inference.tracks import plan_tracks

    suffix = f".{kind}"
    check_format(subtype, suffix)
    separator = Separator.load(
        model, device if address is None else "cpu", overlap=overlap, segment_seconds=segment, batch_size=batch_size,
        precision=precision,
    )  # fmt: skip
    terminal = Terminal(quiet=quiet)
    names = [f"{source}{suffix}" for source in separator.sources]
    planned = plan_tracks(tracks, out)
    if skip_existing:
        there = [one for one in planned if all((one.folder / name).exists() for name in names)]
        for one in there:
            terminal.say(f"{printable(one.path)}: its stems are in {printable(one.folder)} already")
        planned = [one for one in planned if one not in there]
    _refuse_to_overwrite(planned, names, may_replace=overwrite or skip_existing)
    if dry_run:
        for one in planned:
            click.echo(f"{printable(one.path)} -> {printable(one.folder)}")
        return
    paths, folders = [one.path for one in planned], [one.folder for one in planned]
    if address is None:
        outcomes = _separate_here(terminal, separator, paths, folders, subtype, suffix)
    else:
        from dssgan.cli.separate_on_cluster import separate_on_cluster  # Ray takes seconds to import

        outcomes = separate_on_cluster(separator, paths, folders, subtype=subtype, suffix=suffix, address=address)
    num_failed = 0
    for track, folder, outcome in outcomes:
        if isinstance(outcome, DssganError):
            num_failed += 1
            click.echo(f"dssgan: {printable(outcome)}", err=True)
            if prints_json:
                click.echo(json.dumps({"track": str(track), "error": str(outcome)}))
            continue
        terminal.say(_summary(outcome, folder))
        if prints_json:
            click.echo(json.dumps(outcome.as_record()))
    if num_failed:
        if len(planned) > 1:
            click.echo(f"dssgan: {num_failed} of {len(planned)} tracks failed", err=True)
        sys.exit(2)


def _separate_here(
    terminal: "Terminal", separator: "Separator", tracks: Sequence[Path], folders: Sequence[Path], subtype: str,
    suffix: str,
) -> "Iterator[tuple[Path, Path, SeparatedFile | DssganError]]":  # fmt: skip
    for track, folder in zip(tracks, folders, strict=True):
        try:
            with terminal.progress("Separating, seconds") as bar:
                result = separator.separate_file(track, folder, subtype=subtype, suffix=suffix, progress=bar.advance_to)
        except DssganError as error:
            yield track, folder, error
        else:
            yield track, folder, result


def _refuse_to_overwrite(planned: Sequence["PlannedTrack"], names: Sequence[str], *, may_replace: bool) -> None:
    targets = {os.path.realpath(one.folder / name) for one in planned for name in names}
    for one in planned:
        if os.path.realpath(one.path) in targets:
            raise ConfigError(f"{one.path}: a stem would be written over this track; choose another --output")
    for one in planned:
        found = next((one.folder / name for name in names if (one.folder / name).exists()), None)
        if found is not None and not may_replace:
            raise ConfigError(f"{found}: is there already; add --overwrite or --skip-existing, or choose another -o")


def _summary(result: "SeparatedFile", folder: Path) -> str:
    speed = result.seconds / max(result.elapsed_seconds, 1e-9)
    took = f"{result.seconds:.1f} s in {result.elapsed_seconds:.1f} s ({speed:.1f} x real time)"
    line = f"{printable(result.track)}: {took} -> {printable(folder)}"
    if result.gain < 1:
        line += f"; all stems at {result.gain:.4f} of their level, so that none clips"
    if result.promised_seconds is not None:
        line += f"; the file is truncated: its header promises {result.promised_seconds:.1f} s"
    return line
