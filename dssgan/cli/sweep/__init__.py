"""`dssgan sweep`: search settings, and see what a search has found."""

import click

from dssgan.cli.lazy import LazyGroup


class _RunByDefault(LazyGroup):
    """`dssgan sweep SPACE` is `dssgan sweep run SPACE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.list_commands(ctx), *ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_RunByDefault, package="dssgan.cli.sweep", names=("run", "status", "finalists"))
def command() -> None:
    """Search settings with many trainings: dssgan sweep SPACE is short for dssgan sweep run SPACE."""
