"""A group of commands, one command a file, each imported only when it is named."""

from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click

from dssgan.errors import unknown


class LazyGroup(click.Group):
    """Find commands by file: `command` of PACKAGE.NAME.

    Args:
        package: where the commands' modules are.
        names: the commands, in the order a newcomer meets them. A hyphen is an underscore in the module's name.
        settings: settings of click.Group.
    """

    def __init__(self, *, package: str, names: Sequence[str], **settings: Any) -> None:
        super().__init__(**settings)
        self._package = package
        self._names = tuple(names)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name the commands."""
        return list(self._names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in self._names:
            return None
        # "import" would be no name for a module
        module = cmd_name.replace("-", "_") + ("_" if iskeyword(cmd_name) else "")
        command = import_module(f"{self._package}.{module}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the near ones."""
        if args and args[0] not in self._names and not args[0].startswith("-"):
            ctx.fail(unknown("command", args[0], self._names))
        return super().resolve_command(ctx, args)


class RunByDefault(LazyGroup):
    """A group whose command `run` need not be named: `dssgan sweep SPACE` is `dssgan sweep run SPACE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` before what names no command."""
        if args and args[0] not in (*self.list_commands(ctx), *ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)
