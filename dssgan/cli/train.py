"""`dssgan train`: train one separator."""

from pathlib import Path

import click

from dssgan.cli.options import config_option, data_option, quiet_option, settings_argument


@click.command()
@settings_argument
@config_option
@data_option
@click.option("-o", "--output", default="runs/train", show_default=True, type=click.Path(path_type=Path),
              help="Folder to write checkpoint, bundle and logs to.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Resume from the last checkpoint in the output folder.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Number of data-parallel processes; 1 by default, or as before with --resume.",
)
@click.option("--keep-checkpoints", type=click.IntRange(1), metavar="N",
              help="Checkpoints to keep, the newest counted; 2 by default.")  # fmt: skip
@click.option("--show-settings", is_flag=True, help="Print all settings with their values and exit.")
@quiet_option
def command(
    settings: tuple[str, ...],
    config_file: Path | None,
    data: Path | None,
    output: Path,
    resume: bool,
    workers: int | None,
    keep_checkpoints: int | None,
    show_settings: bool,
    quiet: bool,
) -> None:
    """Train a separator in two phases: on pairs, and then also, where alpha is above 0, against one critic per source.

    Any setting can be given as KEY=VALUE, with dots into sections: alpha=0.01 separator.num_layers=4. The output folder
    gets the checkpoint, the best separator as a bundle, and logs for TensorBoard. With --resume a training continues
    with the settings and the data that it was begun with; only more epochs can be given.
    """
    from dssgan.training.settings import make_config, merge, parse_overrides, read_config

    kept = {} if keep_checkpoints is None else {"keep_checkpoints": keep_checkpoints}
    given = merge(merge(read_config(config_file), parse_overrides(settings)), kept)
    if show_settings:
        click.echo(make_config(given).to_yaml(), nl=False)
        return

    from dssgan.cli.terminal import Terminal
    from dssgan.data.guard import guarded
    from dssgan.errors import ConfigError, TrainingInterruptedError
    from dssgan.runs.agreement import load_data_of, record_to_resume
    from dssgan.runs.record import TRAINING
    from dssgan.runs.store import FolderStore
    from dssgan.training.checkpoint import has_checkpoint, read_checkpoint
    from dssgan.training.notice import StopNotice
    from dssgan.training.phases import TrainingResult, train
    from dssgan.training.resume import require_resumable

    terminal = Terminal(quiet=quiet)
    recorded = record_to_resume(FolderStore(output), TRAINING, resume=resume)
    if recorded is None and has_checkpoint(output):
        raise ConfigError(f"{output}: holds a training of an earlier version without a record; choose another -o")
    config = make_config({} if recorded is None else recorded.settings, given)
    if recorded is not None:
        _, position = read_checkpoint(output)
        require_resumable(str(output), recorded.settings, config.as_settings(), phase=position.phase)
    workers = workers or (1 if recorded is None else recorded.details.get("workers", 1))
    dataset = load_data_of(str(output), recorded, data)
    with terminal.progress("Looking through the songs") as progress:
        dataset = guarded(dataset, progress=progress.advance_to)
    last_epoch, score = config.last_epoch, config.monitored.of(dataset.sources)
    with FolderStore(output).hold("training"), terminal.progress("Training") as progress:

        def report(metrics: dict[str, float], _checkpoint: Path) -> None:
            progress.advance_to(metrics["epoch"], last_epoch)
            terminal.print(
                f"epoch {metrics['epoch']:3.0f}  phase {metrics['phase']:.0f}  "
                f"{score.title} {score.show(metrics['score']):>6}  best {score.show(metrics['best_score']):>6}  "
                f"{metrics['seconds']:6.0f} s"
            )

        outcome: TrainingResult
        try:
            if workers == 1:
                resume_from = output if resume else None
                with StopNotice() as notice:
                    outcome = train(config, dataset, output, report=report, resume_from=resume_from, notice=notice)
            else:
                from dssgan.training.distributed import Workers, train_distributed

                store, processes = FolderStore(output.resolve().parent), Workers.on_this_machine(workers, config.device)
                outcome = train_distributed(config, dataset, store, output.name, workers=processes, report=report)
        except TrainingInterruptedError as error:
            raise TrainingInterruptedError(f"{error}; go on with dssgan train -o {output} --resume") from error
        except KeyboardInterrupt:
            if has_checkpoint(output):
                terminal.print(f"Nothing is lost up to the last epoch. Go on with dssgan train -o {output} --resume")
            raise
    terminal.print(f"Best: {score.title} {score.show(outcome.score)}, in phase {outcome.best_phase}")
    terminal.print(f"Wrote {outcome.bundle}. Next: dssgan separate SONG -m {outcome.bundle}")
