"""Time how long a browser takes to open a report with a sweep of many trials, beside the same page without it.

    python benchmarks/report.py [--trials 200] [--repeats 5] [FOLDER ...]

FOLDERs of evaluations and trainings join the sweep, whose trials are made up. Both pages are opened in turn in headless
Chromium (Debian's chromium and chromium-driver); opened means that every plot in view is drawn. The floor is a
page that holds plotly's script and one small plot.
"""

import argparse
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import optuna
import plotly.graph_objects as go
from machine import describe
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from dssgan.report.build import write_report
from dssgan.runs.record import SWEEP, RecordedData, RunRecord, write_record
from dssgan.runs.store import FolderStore
from dssgan.tuning.search.attributes import AXIS, PROGRESS
from dssgan.tuning.search.storage import default_url

UNDRAWN = """
return [...document.querySelectorAll('.plot')].filter((plot) => plot.offsetParent
    && plot.getBoundingClientRect().top < innerHeight && !plot.querySelector('svg')).length
"""


def make_trial(number: int, rng: np.random.Generator) -> FrozenTrial:
    """Make up a trial: every second one is stopped early."""
    alpha, beta = (float(10 ** rng.uniform(-3, 0)) for _ in range(2))
    score = float(5 - abs(np.log10(alpha) + 1.5) + 0.1 * rng.normal())
    epochs, is_pruned = (3, True) if number % 2 else (10, False)
    names = ("unet", "tdf_unet", "band_split")
    return create_trial(
        state=TrialState.PRUNED if is_pruned else TrialState.COMPLETE, value=None if is_pruned else score,
        params={"alpha": alpha, "beta": beta, "separator.name": names[number % 3]},
        distributions={
            "alpha": FloatDistribution(1e-3, 1, log=True), "beta": FloatDistribution(1e-3, 1, log=True),
            "separator.name": CategoricalDistribution(names),
        },
        intermediate_values={100 * epoch: score - 1 / epoch for epoch in range(1, epochs + 1)},
        user_attrs={
            AXIS: ["key", 100, 8, 2],
            PROGRESS: {"epoch": epochs, "best_score": score, "seconds": 36.0, "reused_seconds": 0.0},
        },
    )  # fmt: skip


def make_sweep(folder: Path, num_trials: int) -> Path:
    """Write a sweep's folder with trials that are made up."""
    folder.mkdir()
    study = optuna.create_study(storage=default_url(folder), study_name="made up", direction="maximize")
    rng = np.random.default_rng(0)
    study.add_trials([make_trial(number, rng) for number in range(num_trials)])
    details = {
        "study": "made up", "options": {"num_trials": num_trials}, "workers": {"num": 1, "cpus": 1, "gpus": None},
        "study_url": None,
    }  # fmt: skip
    write_record(FolderStore(folder), RunRecord(SWEEP, {}, RecordedData("songs"), details, command="dssgan sweep"))
    return folder


def seconds_to_open(browser: webdriver.Chrome, page: Path) -> float:
    """Open a page and wait until every plot in view is drawn."""
    browser.get("about:blank")
    begun = time.perf_counter()
    browser.get(page.as_uri())
    while browser.execute_script(UNDRAWN):
        time.sleep(0.005)
    return time.perf_counter() - begun


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", help="evaluations and trainings to join the sweep")
    parser.add_argument("--trials", type=int, default=200, help="of the sweep (default 200)")
    parser.add_argument("--repeats", type=int, default=5, help="openings of each page (default 5)")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(argument)
    print(describe())
    with TemporaryDirectory() as name:
        folder = Path(name)
        pages = {"floor": folder / "floor.html", "report": folder / "report.html"}
        figure = go.Figure(go.Scatter(y=[1, 2, 3]))
        pages["floor"].write_text(f'<div class="plot">{figure.to_html(full_html=False)}</div>')
        write_report([*arguments.folders, make_sweep(folder / "sweep", arguments.trials)], pages["report"])
        browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or "chromedriver"))
        try:
            measured: dict[str, list[float]] = {name: [] for name in pages}
            for _ in range(arguments.repeats):
                for name, page in pages.items():
                    measured[name].append(seconds_to_open(browser, page))
        finally:
            browser.quit()
        print(f"| Page, {arguments.trials} trials | size | median | least | most |\n|---|---|---|---|---|")
        for name, seconds in measured.items():
            size = pages[name].stat().st_size / 1e6
            low, middle, high = (f"{value:.2f} s" for value in (min(seconds), np.median(seconds), max(seconds)))
            print(f"| {name} | {size:.1f} MB | {middle} | {low} | {high} |")


if __name__ == "__main__":
    main()
