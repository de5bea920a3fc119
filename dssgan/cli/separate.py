"""`dssgan separate`: music files into stems."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dssgan.cli.options import device_option, precision_option, quiet_option
from dssgan.errors import ConfigError, DssganError

if TYPE_CHECKING:
    from dssgan.cli.terminal import Terminal
    from dssgan.inference.separator import SeparatedFile, Separator


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
    """Separate each TRACK into OUT/TRACK/drums.wav and OUT/TRACK/other.wav.

    The stems have the track's own rate, channels and length, and sum to it. A track that fails gives one line and the
    rest go on; the exit code is then 2. With --address tracks are sent to the machines of a cluster, and come back as
    stems: nothing else needs to be there.
    """
    if int24 and float32:
        raise ConfigError("--int24 and --float32: choose one of them")
    subtype = "float32" if float32 else "pcm24" if int24 else "pcm16"
    folders = _folders(tracks, out)

    from dssgan.audio.writer import check_format
    from dssgan.cli.terminal import Terminal
    from dssgan.inference.separator import Separator

    suffix = f".{kind}"
    check_format(subtype, suffix)
    separator = Separator.load(
        model, device if address is None else "cpu", overlap=overlap, segment_seconds=segment, batch_size=batch_size,
        precision=precision,
    )  # fmt: skip
    _refuse_to_overwrite(tracks, folders, [f"{source}{suffix}" for source in separator.sources])

    terminal = Terminal(quiet=quiet)
    if address is None:
        outcomes = _separate_here(terminal, separator, tracks, folders, subtype, suffix)
    else:
        from dssgan.cli.separate_on_cluster import separate_on_cluster  # Ray takes seconds to import

        outcomes = separate_on_cluster(separator, tracks, folders, subtype=subtype, suffix=suffix, address=address)
    num_failed = 0
    for track, folder, outcome in outcomes:
        if isinstance(outcome, DssganError):
            num_failed += 1
            click.echo(f"dssgan: {outcome}", err=True)
            if prints_json:
                click.echo(json.dumps({"track": str(track), "error": str(outcome)}))
            continue
        terminal.say(_summary(outcome, folder))
        if prints_json:
            click.echo(json.dumps(outcome.as_record()))
    if num_failed:
        if len(tracks) > 1:
            click.echo(f"dssgan: {num_failed} of {len(tracks)} tracks failed", err=True)
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


def _folders(tracks: Sequence[Path], out: Path) -> list[Path]:
    folders = []
    owners: dict[str, Path] = {}
    for track in tracks:
        name = track.stem.removesuffix(".stem") or track.name  # song.stem.mp4 is "song"
        key = name.casefold()  # some file systems do not tell capitals from small letters
        if key in owners:
            raise ConfigError(
                f"{track}: its stems would lie in {out / name} like those of {owners[key]}; "
                "rename one of them, or separate it with another --output"
            )
        owners[key] = track
        folders.append(out / name)
    return folders


def _refuse_to_overwrite(tracks: Sequence[Path], folders: Sequence[Path], names: Sequence[str]) -> None:
    targets = {(folder / name).resolve() for folder in folders for name in names}
    for track in tracks:
        if track.resolve() in targets:
            raise ConfigError(f"{track}: a stem would be written over this track; choose another --output")


def _summary(result: "SeparatedFile", folder: Path) -> str:
    speed = result.seconds / max(result.elapsed_seconds, 1e-9)
    took = f"{result.seconds:.1f} s in {result.elapsed_seconds:.1f} s ({speed:.1f} x real time)"
    line = f"{result.track}: {took} -> {folder}"
    if result.gain < 1:
        line += f"; all stems at {result.gain:.4f} of their level, so that none clips"
    if result.promised_seconds is not None:
        line += f"; the file is truncated: its header promises {result.promised_seconds:.1f} s"
    return line
