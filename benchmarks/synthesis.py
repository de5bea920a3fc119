"""Synthetic songs: seconds of music made per second, in all and by stage.

    python benchmarks/synthesis.py [--songs 80] [--seconds 30] [--jobs N] [--drummers FOLDER] [--midi FOLDER]

Each process makes some songs first, so that instruments are loaded, then its share of the songs; nothing is written.
The figure is music over wall-clock time of all processes together; processor time is told beside it, since other work
on the machine changes it less.
"""

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from machine import describe

from dssgan.synthesis import material
from dssgan.synthesis.compose import compose
from dssgan.synthesis.material import Material
from dssgan.synthesis.render import render

_WARM_UP_SONGS = 40


def make(arguments: tuple[list[int], float, Material]) -> tuple[float, float, float, float]:
    """Make songs; give when they began and ended, the processor time, and the share of it that composing took."""
    seeds, seconds, found = arguments
    for seed in range(_WARM_UP_SONGS):
        render(compose(1_000_000 + seed, seconds, material=found))
    began, spent, composing = time.time(), time.process_time(), 0.0
    for seed in seeds:
        before = time.process_time()
        song = compose(seed, seconds, material=found)
        composing += time.process_time() - before
        render(song)
    return began, time.time(), time.process_time() - spent, composing


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--drummers", type=Path)
    parser.add_argument("--midi", type=Path)
    arguments = parser.parse_args()
    found = material.find(arguments.drummers, arguments.midi)
    seeds = list(range(arguments.songs))
    shares = [(seeds[job :: arguments.jobs], arguments.seconds, found) for job in range(arguments.jobs)]
    with ProcessPoolExecutor(arguments.jobs, get_context("spawn")) as pool:
        results = list(pool.map(make, shares))
    music = arguments.songs * arguments.seconds
    wall = max(ended for _, ended, _, _ in results) - min(began for began, _, _, _ in results)
    spent, composing = sum(result[2] for result in results), sum(result[3] for result in results)
    print(f"synthetic songs, {arguments.songs} of {arguments.seconds:.0f} s, {arguments.jobs} processes, {describe()}")
    print(f"by the clock           {music / wall:6.1f} x real time")
    print(f"by processor time      {music / spent * arguments.jobs:6.1f} x real time on {arguments.jobs} cores")
    print(f"composing takes        {composing / spent:6.1%} of it")


if __name__ == "__main__":
    main()
