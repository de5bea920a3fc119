"""`dssgan evaluate`: score separators on a partition."""

from pathlib import Path

import click

from dssgan.cli.options import address_option, data_option, device_option, precision_option, quiet_option


@click.command()
@click.argument("methods", nargs=-1, required=True, metavar="METHOD...")
@data_option
@click.option(
    "--partition", default="test", show_default=True, type=click.Choice(["test", "valid", "train_sup"]),
    help="Songs to score on.",
)  # fmt: skip
@click.option(
    "--bss", default="v4", show_default=True, type=click.Choice(["v4", "v3", "images-v3", "fast"]),
    help="Version of BSS Eval; fast is the SDR of v4 alone.",
)  # fmt: skip
@click.option("--also", multiple=True, type=click.Choice(["fad", "zimtohrli", "visqol"]),
              help="Further metric by a model of hearing, which takes longer; repeatable.")  # fmt: skip
@click.option("-o", "--output", default="results", show_default=True, type=click.Path(path_type=Path),
              help="Folder to write the scores to.")  # fmt: skip
@click.option(
    "-j", "--jobs", type=click.IntRange(1), help="Number of songs scored in parallel; the number of cores by default."
)
@click.option(
    "--sample-rate", type=click.IntRange(1), help="Sample rate to score at, Hz; the first track's by default."
)
@click.option("--resume", is_flag=True, help="Reuse the scores that are already in the output folder.")
@click.option("--write-estimates", is_flag=True, help="Also write the estimates as wav files.")
@address_option
@device_option
@precision_option
@quiet_option
def command(
    methods: tuple[str, ...],
    data: Path | None,
    partition: str,
    bss: str,
    also: tuple[str, ...],
    output: Path,
    jobs: int | None,
    sample_rate: int | None,
    resume: bool,
    write_estimates: bool,
    address: str | None,
    device: str,
    precision: str,
    quiet: bool,
) -> None:
    """Score each METHOD with BSS Eval, and with metrics that agree better with listeners.

    A METHOD is a bundle's folder, an ensemble's YAML file or name, a folder with estimates as TRACK/SOURCE.wav, "mix",
    the mix as its own estimate, or an oracle: ibm1, ibm2, irm1, irm2 or mwf. The output folder gets museval's JSON for
    each track, one frame in SiSEC's columns as Parquet and pickle, and statistics over tracks as CSV.
    """
    from dssgan.cli.scores import show_listening_scores, show_scores
    from dssgan.cli.terminal import Terminal
    from dssgan.data.loading import load_dataset
    from dssgan.evaluation.api import evaluate
    from dssgan.evaluation.ranking import verdict
    from dssgan.metrics.catalogue import DEFAULT_METRICS
    from dssgan.types import DRUMS

    terminal = Terminal(quiet=quiet)
    dataset = load_dataset(data)
    with terminal.progress("Scoring") as progress:
        result = evaluate(
            methods,
            dataset,
            output,
            partition=partition,
            bss=bss,
            metrics=(*DEFAULT_METRICS, *also),
            sample_rate=sample_rate,
            num_workers=jobs,
            address=address,
            resume=resume,
            write_estimates=write_estimates,
            device=device,
            precision=precision,
            on_message=terminal.print,
            progress=progress.advance_to,
        )
    title = f"{dataset.name}, partition {partition}"
    for source in [DRUMS] if DRUMS in dataset.sources else dataset.sources:
        of_source = title if source == DRUMS else f"{title}, {source}"
        show_scores(terminal, result.table(source), f"{of_source}, BSS Eval {bss}")
        show_listening_scores(terminal, result.whole_track, source, of_source)
        terminal.print(verdict(result.scores, source, leave_out=result.bounds))
    terminal.print(f"Scores of every track and second: {output}")
