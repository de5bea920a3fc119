"""`dssgan train`: train one separator."""

from pathlib import Path

import click

from dssgan.cli.options import config_option, data_option, quiet_option, settings_argument


@click.command()
@settings_argument
@config_option
@data_option
@click.option("-o", "--output", default="runs/train", show_default=True, type=click.Path(path_type=Path))
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in the output folder.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Data-parallel processes.")
@click.option("--show-settings", is_flag=True, help="Print every setting with its value and stop.")
@quiet_option
def command(
    settings: tuple[str, ...],
    config_file: Path | None,
    data: Path | None,
    output: Path,
    resume: bool,
    workers: int,
    show_settings: bool,
    quiet: bool,
) -> None:
    """Train a separator, supervised and then against one critic per source.

    Any setting can be given as KEY=VALUE, with dots into sections: alpha=0.01 separator.num_layers=4. The output folder
    gets the checkpoint, the best separator as a bundle, and logs for TensorBoard.
    """
    from dssgan.training.config import make_config, parse_overrides, read_config

    config = make_config(read_config(config_file), parse_overrides(settings))
    if show_settings:
        click.echo(config.to_yaml(), nl=False)
        return

    from dssgan.atomic import write_text
    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import Dataset
    from dssgan.errors import ConfigError
    from dssgan.provenance import describe_run
    from dssgan.training.checkpoint import has_checkpoint
    from dssgan.training.phases import train

    terminal = Terminal(quiet=quiet)
    if has_checkpoint(output) and not resume:
        raise ConfigError(f"{output}: holds a training already; add --resume to go on, or choose another -o")
    dataset = Dataset.load(data)
    record = describe_run(
        seed=config.seed, data={"name": dataset.name, "fingerprint": dataset.fingerprint}, settings=config.as_settings()
    )
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "run.json", to_json(record))
    last_epoch = config.supervised_epochs + config.adversarial_epochs
    with terminal.progress("Training") as progress:

        def report(metrics: dict[str, float], _checkpoint: Path) -> None:
            progress.advance_to(metrics["epoch"], last_epoch)
            terminal.say(
                f"epoch {metrics['epoch']:3.0f}  phase {metrics['phase']:.0f}  drums uSDR {metrics['score']:6.2f} dB"
                f"  best {metrics['best_score']:6.2f} dB  {metrics['seconds']:6.0f} s"
            )

        if workers == 1:
            outcome = train(config, dataset, output, report=report, resume_from=output if resume else None)
            bundle = outcome.bundle
        else:
            from dssgan.training.distributed import Workers, train_distributed
            from dssgan.training.store import FolderStore

            store, processes = FolderStore(output.resolve().parent), Workers.on_this_machine(workers, config.device)
            bundle = train_distributed(config, dataset, store, output.name, workers=processes, report=report).bundle
    terminal.say(f"Wrote {bundle}. Next: dssgan separate SONG -m {bundle}")


def to_json(record: dict[str, object]) -> str:
    """Write a record for people to read."""
    import json

    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"
