"""`dssgan train`: train one separator."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dssgan.cli.options import config_option, data_option, quiet_option, settings_argument

if TYPE_CHECKING:
    from dssgan.data.dataset import Dataset


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
    gets the checkpoint, the best separator as a bundle, and logs for TensorBoard. With --resume a training goes on with
    the settings and the data that it began with; only more epochs can be given.
    """
    from dssgan.training.settings import make_config, merge, parse_overrides, read_config

    kept = {} if keep_checkpoints is None else {"keep_checkpoints": keep_checkpoints}
    given = merge(merge(read_config(config_file), parse_overrides(settings)), kept)
    if show_settings:
        click.echo(make_config(given).to_yaml(), nl=False)
        return

    from dssgan.atomic import write_text
    from dssgan.cli.terminal import Terminal
    from dssgan.data.guard import guarded
    from dssgan.errors import ConfigError, TrainingInterruptedError
    from dssgan.locks import alone_in
    from dssgan.plain_json import to_json
    from dssgan.provenance import describe_run
    from dssgan.training.checkpoint import has_checkpoint, read_checkpoint
    from dssgan.training.notice import Notice
    from dssgan.training.phases import TrainingResult, train
    from dssgan.training.resume import require_resumable

    terminal = Terminal(quiet=quiet)
    if has_checkpoint(output) and not resume:
        raise ConfigError(f"{output}: holds a training already; add --resume to go on, or choose another -o")
    if resume and not has_checkpoint(output):
        raise ConfigError(f"{output}: holds no training to resume; start it without --resume")
    recorded = read_record(output) if resume else {}
    config = make_config(recorded.get("settings", {}), given)
    if recorded:
        _, position = read_checkpoint(output)
        require_resumable(str(output), recorded["settings"], config.as_settings(), phase=position.phase)
    dataset = load_again(data, recorded, str(output))
    workers = workers or recorded.get("workers", 1)
    with terminal.progress("Looking through the songs") as progress:
        dataset = guarded(dataset, progress=progress.advance_to)
    record = describe_run(
        seed=config.phase_one.seed, workers=workers, settings=config.as_settings(),
        data={"name": dataset.name, "fingerprint": dataset.fingerprint, "path": absolute(data, recorded)},
    )  # fmt: skip
    if recorded:
        again = {key: record[key] for key in ("started", "command")}
        resumed = [*recorded.get("resumed", []), again]
        record = {**recorded, "settings": record["settings"], "resumed": resumed}
    last_epoch, score = config.last_epoch, config.monitored
    with alone_in(output, "training"), terminal.progress("Training") as progress:
        write_text(output / RECORD, to_json(record, indent=2) + "\n")

        def report(metrics: dict[str, float], _checkpoint: Path) -> None:
            progress.advance_to(metrics["epoch"], last_epoch)
            terminal.say(
                f"epoch {metrics['epoch']:3.0f}  phase {metrics['phase']:.0f}  "
                f"{score.title} {score.show(metrics['score']):>6}  best {score.show(metrics['best_score']):>6}  "
                f"{metrics['seconds']:6.0f} s"
            )

        outcome: TrainingResult
        try:
            if workers == 1:
                resume_from = output if resume else None
                with Notice() as notice:
                    outcome = train(config, dataset, output, report=report, resume_from=resume_from, notice=notice)
            else:
                from dssgan.training.distributed import Workers, train_distributed
                from dssgan.training.store import FolderStore

                store, processes = FolderStore(output.resolve().parent), Workers.on_this_machine(workers, config.device)
                outcome = train_distributed(config, dataset, store, output.name, workers=processes, report=report)
        except TrainingInterruptedError as error:
            raise TrainingInterruptedError(f"{error}; go on with dssgan train -o {output} --resume") from error
        except KeyboardInterrupt:
            if has_checkpoint(output):
                terminal.say(f"Nothing is lost up to the last epoch. Go on with dssgan train -o {output} --resume")
            raise
    terminal.say(f"Best: {score.title} {score.show(outcome.score)}, in phase {outcome.best_phase}")
    terminal.say(f"Wrote {outcome.bundle}. Next: dssgan separate SONG -m {outcome.bundle}")


RECORD = "run.json"


def read_record(folder: Path) -> dict[str, Any]:
    """Read what a training recorded of itself; nothing where it was begun from elsewhere."""
    import json

    from dssgan.errors import ConfigError

    file = folder / RECORD
    try:
        record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read ({error}); put it back, or start another training") from error
    return record


def load_again(data: Path | None, recorded: dict[str, Any], what: str) -> "Dataset":
    """Load the data set that is given, or the recorded one, and see to it that it is still the same.

    Args:
        data: what --data says.
        recorded: of the run that goes on; {} for a new one.
        what: the run, for the message.

    Returns:
        The data set.

    Raises:
        ConfigError: it is not the recorded one.
        DataError: it cannot be read.
    """
    from dssgan.data.loading import load_dataset
    from dssgan.errors import ConfigError

    facts = recorded.get("data", {})
    dataset = load_dataset(data if data is not None else facts.get("path"))
    if facts and dataset.fingerprint != facts["fingerprint"]:
        changed = "it has changed since" if data is None else "leave --data out, or start another"
        raise ConfigError(f"{what}: was begun with other data ({facts['name']}) than {dataset.name}; {changed}")
    return dataset


def absolute(data: Path | None, recorded: dict[str, Any]) -> str | None:
    """Give the data set's place for a record; None for the bundled songs."""
    kept: str | None = recorded.get("data", {}).get("path")
    return kept if data is None else str(data.absolute())
