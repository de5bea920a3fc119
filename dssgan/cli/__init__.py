"""The command line: one command a file, each imported only when it is named."""

import sys
from importlib import import_module

import click

from dssgan import __version__
from dssgan.errors import DssganError, unknown

COMMANDS = ("demo", "data", "train", "sweep", "ensemble", "evaluate", "separate")


class Commands(click.Group):
    """Find commands by file."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name the commands in the order a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"dssgan.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the near ones."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(unknown("command", args[0], COMMANDS))
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="dssgan")
def cli() -> None:
    """Separate drums from everything else, and train, search and combine the models that do it."""


def main() -> None:
    """Run the command line: one line and exit code 2 for whatever the user can mend."""
    try:
        cli(standalone_mode=False)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "dssgan"
        _fail(f"{error.format_message()} (see {where} --help)")
    except click.ClickException as error:
        _fail(error.format_message())
    except DssganError as error:
        _fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("dssgan: stopped", err=True)
        sys.exit(130)
    except click.exceptions.Exit as ending:
        sys.exit(ending.exit_code)
    except BrokenPipeError:
        sys.exit(0)  # whoever reads the output has had enough


def _fail(message: str) -> None:
    click.echo("dssgan: " + " ".join(message.split()), err=True)
    sys.exit(2)
