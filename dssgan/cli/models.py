"""`dssgan models`: what can be loaded."""

from pathlib import Path

import click


@click.command()
@click.option("--speed", is_flag=True, help="Measure the speed of what is on this machine, on 10 s of noise.")
@click.option("--json", "prints_json", is_flag=True, help="Print one line of JSON a model.")
def command(speed: bool, prints_json: bool) -> None:
    """List the models that can be loaded: shipped, in this folder, and third-party ones.

    Each can be given to separate -m, evaluate, ensemble and self_boost.teacher. Nothing is downloaded before it is
    used.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.errors import DssganError
    from dssgan.separators.external import FAMILIES
    from dssgan.separators.loading import find_model
    from dssgan.separators.model_list import as_json, list_models
    from dssgan.tuning.search.limits import real_time_factor

    listed = list_models(Path())
    speeds: dict[str, str] = {}
    for model in listed if speed else []:
        if model.can_be_loaded:
            try:
                speeds[model.reference] = f"{1 / real_time_factor(find_model(model.reference).load()):.1f}"
            except DssganError as error:
                click.echo(f"dssgan: {error}", err=True)
    if prints_json:
        for model in listed:
            click.echo(as_json(model))
        return
    licences = list(dict.fromkeys(model.licence for model in listed if model.licence))
    rows = []
    for model in listed:
        size = "" if model.num_parameters is None else f"{model.num_parameters / 1e6:.2f} M"
        licence = f"[{licences.index(model.licence) + 1}]" if model.licence else ""
        measured = [speeds.get(model.reference, "")] if speed else []
        rows.append([model.reference, model.where, model.about, ", ".join(model.sources), size, *measured, licence])
    columns = ["model", "where", "what", "sources", "parameters", *(["x real time"] if speed else []), "licence"]
    terminal = Terminal(quiet=False)
    terminal.table("Models", columns, rows, num_left=4)
    for number, licence in enumerate(licences, 1):
        terminal.print(f"[{number}] {licence}")
    terminal.print("Your own, by path:")
    for family in FAMILIES.values():
        needs = f" ({family.needs})" if family.needs else ""
        if family.takes:
            terminal.print(f"  {family.name}:PATH  {family.about}; PATH is {family.takes}{needs}")
