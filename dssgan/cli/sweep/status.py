"""`dssgan sweep status`: what a sweep has found and what it has cost."""

import click

from dssgan.cli.options import quiet_option
from dssgan.cli.sweep.options import place_option, study_option


@click.command()
@click.argument("name")
@place_option
@study_option
@click.option("--top", default=10, show_default=True, type=click.IntRange(1), help="Trials to show.")
@quiet_option
def command(name: str, place: str, study: str | None, top: int, quiet: bool) -> None:
    """Show the best trials of the sweep NAME, which settings matter, and the hours spent and saved.

    The sweep may be running, here or elsewhere.
    """
    from collections import Counter

    from dssgan.cli.sweep.run import show_trials
    from dssgan.cli.terminal import Terminal
    from dssgan.tuning.bucket import join, open_store
    from dssgan.tuning.status import read_status

    terminal = Terminal(quiet=quiet)
    status = read_status(open_store(join(place, name)), name, study)
    states = Counter(trial.state for trial in status.result.trials)
    terminal.say(", ".join(f"{count} {state}" for state, count in states.items()) or "no trial yet")
    show_trials(terminal, status.result, top)
    if len(status.front) > 1:
        terminal.say(f"Not beaten in both objectives: trials {', '.join(str(number) for number in status.front)}")
    if status.importances:
        rows = [[key, f"{share:.0%}"] for key, share in status.importances.items()]
        terminal.table("Settings that tell the better trials from the others", ["", "share"], rows)
    costs = status.costs
    rows = [
        ["spent on training and validation", f"{costs.spent:.2f}"],
        ["saved by stopping trials early", f"{costs.saved_by_stopping:.2f}"],
        ["saved by sharing supervised phases", f"{costs.saved_by_sharing:.2f}"],
    ]
    terminal.table("Costs", ["", costs.unit], rows)
