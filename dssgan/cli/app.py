"""`dssgan app`: a page for people who make music, and the same as an HTTP API."""

from pathlib import Path

import click

from dssgan.cli.options import device_option


@click.command()
@click.option("--headless", is_flag=True, help="Serve the HTTP API alone, and open no browser.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.  [default: the first free from 8765]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need --password.")
@click.option(
    "--password", envvar="DSSGAN_APP_PASSWORD", show_envvar=True,
    help="What opens the page from other machines, 8 characters or more.",
)  # fmt: skip
@click.option(
    "--library", type=click.Path(path_type=Path), help="Folder of the songs.  [default: in the user's data folder]"
)
@click.option("-m", "--model", "models", multiple=True, help="Another model to choose from; may be given again.")
@click.option("--max-megabytes", default=2000.0, show_default=True, help="Size of a song's file at most.")
@click.option("--max-minutes", default=180.0, show_default=True, help="Length of a song at most.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    help="Songs separated in parallel.  [default: 2 from 8 cores on, else 1]",
)
@click.option("--no-browser", is_flag=True, help="Print the link only.")
@device_option
def command(
    headless: bool,
    port: int | None,
    host: str,
    password: str | None,
    library: Path | None,
    models: tuple[str, ...],
    max_megabytes: float,
    max_minutes: float,
    jobs: int | None,
    no_browser: bool,
    device: str,
) -> None:  # fmt: skip
    """Open a page in the browser to separate songs, listen, and export stems, mixes and MIDI.

    Everything stays on this machine: nothing is sent anywhere, and only this machine reaches the page. What is queued
    goes on after the page was closed and, with the next start, after the program was.
    """
    from dssgan.app.library import Limits, default_folder
    from dssgan.app.server import AppSettings, serve

    settings = AppSettings(
        library=library or default_folder(), host=host, port=port, password=password, headless=headless,
        opens_browser=not no_browser, limits=Limits(max_megabytes, max_minutes), models=models, jobs=jobs,
        device=device,
    )  # fmt: skip
    for model in models:
        _require(model)
    serve(settings, lambda link: click.echo(f"dssgan app: {link}"))


def _require(model: str) -> None:
    """Refuse a model that cannot be found, before anybody waits for it."""
    from dssgan.separators.loading import find_model

    find_model(model)
