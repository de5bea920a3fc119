"""Options that several commands share."""

from pathlib import Path

import click

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Data set: a manifest (.json), its folder, or a dataset.pkl; the bundled songs by default.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="Settings in a YAML file."
)
settings_argument = click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
