"""`dssgan sweep status`: what a sweep has found and what it has cost."""

from collections import Counter
from typing import TYPE_CHECKING

import click

from dssgan.cli.options import quiet_option
from dssgan.cli.sweep.options import location_option, study_option

if TYPE_CHECKING:
    from dssgan.cli.terminal import Terminal
    from dssgan.tuning.status import Status

SECONDS_BETWEEN_LOOKS = 5.0


@click.command()
@click.argument("name")
@location_option
@study_option
@click.option("--top", default=10, show_default=True, type=click.IntRange(1), help="Number of trials to show.")
@click.option("--watch", is_flag=True, help="Refresh every few seconds until the sweep has ended.")
@quiet_option
def command(name: str, location: str, study: str | None, top: int, watch: bool, quiet: bool) -> None:
    """Show the best trials of the sweep NAME, what runs where, which settings matter, and the hours spent and saved.

    The sweep may be running, here or elsewhere.
    """
    import time

    from dssgan.cli.terminal import Terminal
    from dssgan.runs.location import join, open_store
    from dssgan.tuning.status import read_status

    terminal = Terminal(quiet=quiet)
    while True:
        status = read_status(open_store(join(location, name)), study)
        if watch:
            terminal.console.clear()
        show_status(terminal, status, top)
        if not watch or sum(trial.state not in ("running", "waiting") for trial in status.result.trials) >= (
            status.num_trials
        ):
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def show_status(terminal: "Terminal", status: "Status", top: int) -> None:
    """Print the state of a sweep.

    Args:
        terminal: where to.
        status: status of the sweep.
        top: how many trials to show.
    """
    from dssgan.cli.sweep.run import show_front, show_trials

    states = Counter(trial.state for trial in status.result.trials)
    counts = ", ".join(f"{count} {state}" for state, count in states.items()) or "no trial yet"
    left = "" if status.seconds_left is None else f"; about {duration(status.seconds_left)} left"
    terminal.print(f"{counts}, of {status.num_trials}{left}")
    show_trials(terminal, status.result, top)
    show_front(terminal, status.result)
    if status.running:
        rows = [
            [str(trial.number), f"{trial.steps} of {trial.last}", duration(trial.seconds), trial.machine]
            for trial in status.running
        ]
        terminal.table("Running", ["trial", "steps", "trained for", "on"], rows, num_left=1)
    reasons = [(trial.number, trial.error or trial.left_out) for trial in status.result.trials]
    rows_with_reason = [[str(number), reason] for number, reason in reasons if reason]
    if rows_with_reason:
        terminal.table("Failed or left out", ["trial", "reason"], rows_with_reason, num_left=2)
    if status.importances:
        rows = [[key, f"{share:.0%}"] for key, share in status.importances.items()]
        terminal.table("Settings that distinguish the better trials", ["", "share"], rows)
    costs = status.costs
    rows = [
        ["spent on training and validation", f"{costs.spent:.2f}"],
        ["saved by stopping trials early", f"{costs.saved_by_stopping:.2f}"],
        ["saved by sharing supervised phases", f"{costs.saved_by_sharing:.2f}"],
    ]
    terminal.table("Costs", ["", costs.unit], rows)


def duration(seconds: float) -> str:
    """Return a duration for people: "40 s", "12 min", "3 h 20 min"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
