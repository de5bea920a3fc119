"""Options that several commands share."""

from pathlib import Path

import click

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Data set: a manifest (.json), its folder, or a dataset.pkl; the bundled songs by default.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
address_option = click.option(
    "--address", help="Address of a running Ray cluster to compute on; this machine by default."
)
device_option = click.option(
    "-d", "--device", default="auto", show_default=True, help="Device to compute on: auto, cpu, cuda or mps."
)
precision_option = click.option(
    "--precision", default="float32", show_default=True,
    help="float32, bf16, or auto: bf16 where the processor is faster with it and the stems are as good.",
)  # fmt: skip
config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="Settings in a YAML file."
)
settings_argument = click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
