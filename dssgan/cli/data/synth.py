"""`dssgan data synth`: make songs."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--songs", default=100, show_default=True, type=click.IntRange(1), help="Number of songs.")
@click.option(
    "--seconds", default=30.0, show_default=True, type=click.FloatRange(1), help="Length of each song, seconds."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Random seed of the songs.")
@click.option("--genre", help="Genre of all songs; all genres by default.")
@click.option(
    "--drummers",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="MIDI files of drummers, which the drummers of the songs play, such as the Groove MIDI Dataset.",
)
@click.option(
    "--midi",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="MIDI files of whole songs; half of the songs are made of them.",
)
@click.option(
    "--written",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of the songs that are made of --midi.",
)
@click.option(
    "--kits",
    "only",
    multiple=True,
    metavar="PATTERN",
    help='Drum kits to play, such as "Salamander*"; may be given again. All by default.',
)
@click.option(
    "--without-kits",
    "without",
    multiple=True,
    metavar="PATTERN",
    help="Drum kits not to play; may be given again.",
)
@click.option(
    "--pieces",
    is_flag=True,
    help="Also write kick, snare, toms, hihat and cymbals, which add up to the drums, and drums.mid.",
)
@click.option(
    "--valid", default=0.1, show_default=True, type=click.FloatRange(0, 1), help="Share of songs for validation."
)
@click.option(
    "--test", default=0.0, show_default=True, type=click.FloatRange(0, 1), help="Share of songs for the test."
)
@click.option(
    "-j", "--jobs", type=click.IntRange(1), help="Number of songs rendered in parallel; the number of cores by default."
)
@quiet_option
def command(
    folder: Path, songs: int, seconds: float, seed: int, genre: str | None, drummers: Path | None, midi: Path | None,
    written: float, only: tuple[str, ...], without: tuple[str, ...], pieces: bool, valid: float, test: float,
    jobs: int | None, quiet: bool,
) -> None:  # fmt: skip
    """Compose songs by rule, or take them from MIDI files, play them on this machine's instruments and write them.

    The same seed makes the same songs where the same instruments are installed (`make instruments`). To train on
    synthetic songs without writing any, use `dssgan train synthetic=0.5`.
    """
    import os
    from dataclasses import replace

    from dssgan.cli.data.counts import describe_counts
    from dssgan.cli.terminal import Terminal
    from dssgan.data.manifest import FILE_NAME
    from dssgan.parallel.processes import map_in_processes
    from dssgan.synthesis import kits, material
    from dssgan.synthesis.write import PIECES_FILE, write_dataset

    terminal = Terminal(quiet=quiet)
    found = replace(material.find(drummers, midi, written), kits=kits.choose(only, without))
    problems: list[str] = []
    with terminal.progress("Making songs") as progress:
        dataset = write_dataset(
            folder, num_songs=songs, seconds=seconds, seed=seed, genre=genre, material=found, pieces=pieces,
            valid_share=valid, test_share=test, on_problem=problems.append,
            map_unordered=map_in_processes(jobs or os.cpu_count() or 1), progress=progress.advance_to,
        )  # fmt: skip
    for problem in problems:
        terminal.error(problem)
    also = f", and {folder / PIECES_FILE}, the pieces of their drums" if pieces else ""
    terminal.print(
        f"Wrote {folder / FILE_NAME}: {describe_counts(dataset)}; {songs * seconds / 60:.0f} minutes{also}. "
        f"Next: dssgan train --data {folder}"
    )
