"""`dssgan separate`: music files into stems."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dssgan.cli.options import device_option, quiet_option
from dssgan.errors import ConfigError, DssganError, printable
from dssgan.plain_json import to_json

if TYPE_CHECKING:
    from dssgan.cli.terminal import Terminal
    from dssgan.inference.batch import Outcome, Request
    from dssgan.inference.separator import SeparatedFile, Separator

_KINDS = ["wav", "flac", "mp3", "ogg", "opus", "m4a", "stem.mp4"]
_STANDARD = Path("-")
DEFAULT = "default"  # of the shipped models


@click.command()
@click.argument("tracks", nargs=-1, required=True, metavar="TRACK...", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "-m",
    "--model",
    default=DEFAULT,
    show_default=True,
    help="Bundle folder, ensemble file, or a name that `dssgan models` lists.",
)
@click.option(
    "-o",
    "--output",
    "--out",
    "out",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Folder to write the stems to, or - for standard output.  [default: separated]",
)
@click.option("--pieces", is_flag=True, help="Also take the drums apart: kick, snare, toms, hihat and cymbals.")
@click.option(
    "--drums", is_flag=True, help="The recordings are drums already; with --pieces, or a model that takes drums."
)
@click.option("--midi", is_flag=True, help="Also write the drums as MIDI, drums.mid.")
@click.option(
    "--samples",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Also write the drums as samples, with kits that play them, to OUT/TRACK.",
)
@click.option("--two-stems", metavar="STEM", help="Write this stem and all others together, as no_STEM.")
@click.option("--stems", metavar="STEM,...", help="Write these stems only.")
@click.option("--filename", help="Names of the files, of {track}, {stem} and {ext}.  [default: {track}/{stem}.{ext}]")
@click.option("--skip-existing", is_flag=True, help="Leave out tracks whose stems are there.")
@click.option("--overwrite", is_flag=True, help="Replace stems that are there.")
@click.option("--dry-run", is_flag=True, help="Only show which files would be separated, and to where.")
@click.option("--format", "kind", default="wav", show_default=True, type=click.Choice(_KINDS))
@click.option("--int24", is_flag=True, help="Write 24-bit instead of 16-bit samples (wav and flac).")
@click.option("--float32", is_flag=True, help="Write 32-bit float samples (wav only), which cannot clip.")
@click.option("--bitrate", "--mp3-bitrate", "kbps", type=int, metavar="KBPS", help="Bit rate of mp3, ogg, opus or AAC.")
@click.option("--mp3-preset", type=int, help="Encoder's effort for mp3, 0 (best) to 9 (fastest).")
@click.option("--codec", type=click.Choice(["aac", "alac"]), help="Codec in m4a and stem.mp4.")
@click.option(
    "--clip-mode",
    default="rescale",
    show_default=True,
    type=click.Choice(["rescale", "clamp", "none"]),
    help="Where a stem would clip: turn all down, cut its peaks off, or refuse to write it.",
)
@click.option("--no-tags", is_flag=True, help="Carry neither text tags nor cover art over.")
@device_option
@click.option("--overlap", default=0.1, show_default=True, help="Overlap between segments, 0 to 0.5.")
@click.option("--segment", type=float, metavar="SECONDS", help="Segment length; the model's own by default.")
@click.option("--shifts", default=1, show_default=True, help="Average over this many shifted runs.")
@click.option("--channel-swap", is_flag=True, help="Average with a run whose channels are swapped.")
@click.option("--polarity", is_flag=True, help="Average with a run of the inverted signal.")
@click.option("--batch-size", default=1, show_default=True, help="Number of segments per forward pass.")
@click.option(
    "--precision",
    default="auto",
    show_default=True,
    help="float32, bf16, or auto: bf16 where the processor is faster with it and the stems are as good.",
)
@click.option(
    "--audio-track",
    type=click.IntRange(1),
    metavar="N",
    help="Audio track of a video with several; the one that the file calls its default is used otherwise.",
)
@click.option(
    "--engine",
    default="torch",
    show_default=True,
    help="What runs the networks: torch, onnxruntime, openvino, or auto, the fastest that is installed.",
)
@click.option(
    "-j",
    "--jobs",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of tracks separated in parallel.",
)
@click.option("--address", help="Address of a running Ray cluster whose CPUs to use; this machine by default.")
@click.option("--json", "prints_json", is_flag=True, help="Print one JSON record per track on standard output.")
@quiet_option
def command(
    tracks: tuple[Path, ...],
    model: str,
    out: Path | None,
    pieces: bool,
    drums: bool,
    midi: bool,
    samples: Path | None,
    two_stems: str | None,
    stems: str | None,
    filename: str | None,
    skip_existing: bool,
    overwrite: bool,
    dry_run: bool,
    kind: str,
    int24: bool,
    float32: bool,
    kbps: int | None,
    mp3_preset: int | None,
    codec: str | None,
    clip_mode: str,
    no_tags: bool,
    device: str,
    overlap: float,
    segment: float | None,
    shifts: int,
    channel_swap: bool,
    polarity: bool,
    batch_size: int,
    precision: str,
    engine: str,
    audio_track: int | None,
    jobs: int,
    address: str | None,
    prints_json: bool,
    quiet: bool,
) -> None:  # fmt: skip
    """Separate each TRACK, a file or a folder of files, into OUT/TRACK/drums.wav and OUT/TRACK/other.wav.

    A folder is searched with all below it; - is standard input. The stems have the track's own rate, channels and
    length, and sum to it; with --pieces, those of the kit stand beside, and sum to the drums. A track that fails gives
    one line and the rest go on; the exit code is then 2. With --address tracks are sent to the machines of a cluster,
    and come back as stems: nothing else needs to be there.
    """
    _refuse_both("--int24", int24, "--float32", float32)
    _refuse_both("--skip-existing", skip_existing, "--overwrite", overwrite)
    _refuse_both("--two-stems", two_stems is not None, "--midi", midi)
    _refuse_both("--two-stems", two_stems is not None, "--samples", samples is not None)
    _refuse_both("--address", address is not None, "--samples", samples is not None)
    _refuse_both("--address", address is not None, "-j", jobs > 1)
    _refuse_both("--address", address is not None, "--engine", engine != "torch")
    if out is None:
        out = _STANDARD if tracks == (_STANDARD,) else Path("separated")
    _refuse_both("--json", prints_json, "standard output for sound", out == _STANDARD)

    from dssgan.cli.pipes import from_standard_input, to_standard_output
    from dssgan.cli.terminal import Terminal
    from dssgan.inference.batch import check_output, plan
    from dssgan.inference.device import keep_freed_memory
    from dssgan.inference.drum_score import DrumScore
    from dssgan.inference.output import OutputSettings
    from dssgan.inference.separator import Separator
    from dssgan.separators.loading import models_for

    keep_freed_memory()
    output = OutputSettings(
        suffix=f".{kind}", subtype="float32" if float32 else "pcm24" if int24 else None, codec=codec, kbps=kbps,
        mp3_preset=mp3_preset, clip_mode=clip_mode, tags=not no_tags, replaces=overwrite or skip_existing,
        stems=None if stems is None else tuple(stems.split(",")),
        filename=filename or ("{track}.{ext}" if kind == "stem.mp4" else "{track}/{stem}.{ext}"),
    )  # fmt: skip
    if address is not None and precision == "auto":
        precision = "float32"  # the processors of other machines may be slower with bf16
    model, then = models_for(model, takes_apart=pieces or midi or samples is not None, drums=drums)
    separator = Separator.load(
        model, device if address is None else "cpu", then=then, overlap=overlap, segment_seconds=segment, shifts=shifts,
        channel_swap=channel_swap, polarity=polarity, batch_size=batch_size, precision=precision, engine=engine,
        audio_track=audio_track,
        two_stems=two_stems,
    )  # fmt: skip
    if midi or samples is not None:
        DrumScore(separator.sources, separator.sample_rate)  # refused here, once, and not with every track
        wholes = separator.wholes if output.stems is None and not pieces else output.stems
        output = replace(output, midi=midi, samples=samples, stems=wholes)
    terminal = Terminal(quiet=quiet or out == _STANDARD)
    with ExitStack() as stack:
        if _STANDARD in tracks:
            stdin = stack.enter_context(from_standard_input())
            tracks = tuple(stdin if track == _STANDARD else track for track in tracks)
        folder = stack.enter_context(to_standard_output()) if out == _STANDARD else out
        requests = plan(tracks, folder, output, separator.stems)
        if out == _STANDARD and (len(requests) > 1 or len(set(requests[0].paths.values())) > 1):
            raise ConfigError(
                "standard output holds one file: name one track, and choose --stems drums, --format stem.mp4 or a "
                "folder with -o"
            )
        requests = _keep_new(requests, terminal, skips=skip_existing, replaces=overwrite)
        if dry_run:
            for one in requests:
                click.echo(f"{printable(one.path)} -> {printable(one.target)}")
            return
        if not requests:
            return
        check_output(output, requests[0].target if out == _STANDARD else folder)
        outcomes = _separate(requests, terminal, separator, output, jobs=jobs, address=address)
        num_failed = sum(_report(terminal, one, result, prints_json=prints_json) for one, result in outcomes)
    if num_failed:
        if len(requests) > 1:
            click.echo(f"dssgan: {num_failed} of {len(requests)} tracks failed", err=True)
        sys.exit(2)


def _refuse_both(one: str, one_given: bool, other: str, other_given: bool) -> None:
    if one_given and other_given:
        raise ConfigError(f"{one} and {other}: choose one of them")


def _keep_new(requests: "list[Request]", terminal: "Terminal", *, skips: bool, replaces: bool) -> "list[Request]":
    """Leave out what is done, and see that nothing is lost of what is there."""
    kept = []
    for one in requests:
        if skips and all(path.exists() for path in one.paths.values()):
            terminal.print(f"{printable(one.path)}: its stems are in {printable(one.target)} already")
        else:
            kept.append(one)
    for one in kept:
        found = next((path for path in one.paths.values() if path.exists()), None)
        if found is not None and not (skips or replaces):
            raise ConfigError(f"{found}: is there already; add --overwrite or --skip-existing, or choose another -o")
    return kept


def _separate(
    requests: "list[Request]", terminal: "Terminal", separator: "Separator", output: Any, *, jobs: int,
    address: str | None,
) -> "Iterator[tuple[Request, Outcome]]":  # fmt: skip
    from dssgan.inference.batch import separate_requests

    if address is not None:
        yield from separate_requests(separator, requests, output, address=address)
        return
    with terminal.progress("Separating, seconds") as bar:
        yield from separate_requests(separator, requests, output, jobs=jobs, progress=bar.advance_to)


def _report(terminal: "Terminal", request: "Request", outcome: "Outcome", *, prints_json: bool) -> bool:
    """Print the result of a track and return whether it failed."""
    if isinstance(outcome, DssganError):
        terminal.error(f"dssgan: {printable(outcome)}")
        if prints_json:
            click.echo(to_json({"track": str(request.path), "error": str(outcome)}))
        return True
    terminal.print(_summary(outcome, request.target))
    if prints_json:
        click.echo(to_json(outcome.as_record()))
    return False


def _summary(result: "SeparatedFile", target: Path) -> str:
    speed = result.seconds / max(result.elapsed_seconds, 1e-9)
    took = f"{result.seconds:.1f} s in {result.elapsed_seconds:.1f} s ({speed:.1f} x real time)"
    line = f"{printable(result.track)}: {took} -> {printable(target)}"
    if result.gain < 1:
        line += f"; all stems at {result.gain:.4f} of their level, so that none clips"
    if result.stem_rate != result.sample_rate:
        line += f"; the stems at {result.stem_rate} Hz, which this format holds, not {result.sample_rate}"
    if result.note:
        line += f"; {printable(result.note)}"
    if result.promised_seconds is not None:
        line += f"; the file is truncated: its header promises {result.promised_seconds:.1f} s"
    return line
