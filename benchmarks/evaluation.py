"""Time the fast SDR against museval's on a bundled song, and compare their numbers.

    python benchmarks/evaluation.py [--repeats 5]

The two run in turn, so that whatever else the machine does falls on both. Each uses one thread. museval also computes
ISR, SIR and SAR, which need its filters; where only the SDR is wanted, this is what asking museval for it costs.
"""

# ruff: noqa: E402  the number of threads has to be set before numpy is imported

import argparse
import os
import time
from collections.abc import Callable

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import torch
from machine import describe

from dssgan.data.loading import load_dataset
from dssgan.evaluation.bss_eval import evaluate_track
from dssgan.metrics.sdr import frame_sdr


def seconds_of(run: Callable[[], object]) -> float:
    """Measure one call."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="runs of each (default 5)")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)

    dataset = load_dataset(None)
    track = dataset.partition("test")[0]
    rate = track.sample_rate
    mix, references = track.load()
    # a poor separation: a good deal of the mix in each source, and some noise
    noise = np.random.default_rng(0).standard_normal(references.shape).astype(np.float32)
    estimates = 0.7 * references + 0.3 * mix + 0.01 * noise
    pair = torch.from_numpy(estimates), torch.from_numpy(references)

    store = evaluate_track(references, estimates, dataset.sources, rate, track.name)
    museval_sdr = [[float(frame["metrics"]["SDR"]) for frame in target["frames"]] for target in store.scores["targets"]]
    difference_db = np.nanmax(np.abs(frame_sdr(*pair, rate).numpy() - museval_sdr))

    fast, slow = [], []
    for _ in range(repeats):
        fast.append(seconds_of(lambda: frame_sdr(*pair, rate)))
        slow.append(seconds_of(lambda: evaluate_track(references, estimates, dataset.sources, rate, track.name)))
    ratios = np.array(slow) / np.array(fast)

    print(
        f"{track.name}: {mix.shape[1] / rate:.1f} s, {mix.shape[0]} channels at {rate} Hz, {len(references)} sources; "
        f"{repeats} runs of each in turn, one thread"
    )
    print(describe())
    print()
    print("| What | median | least | most |")
    print("|---|---|---|---|")
    for label, values, unit, scale in (
        ("fast SDR", np.array(fast), "ms", 1e3),
        ("museval v4 (SDR, ISR, SIR, SAR)", np.array(slow), "ms", 1e3),
        ("museval / fast", ratios, "times", 1),
    ):
        low, middle, high = (f"{value * scale:.0f} {unit}" for value in np.percentile(values, (0, 50, 100)))
        print(f"| {label} | {middle} | {low} | {high} |")
    print()
    print(f"largest difference of the SDR in any frame: {difference_db:.1e} dB (museval's JSON is in steps of 1e-5)")


if __name__ == "__main__":
    main()
