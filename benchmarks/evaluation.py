"""Time the evaluation of ten methods on one song against museval, and compare their numbers.

    python benchmarks/evaluation.py [--methods 10] [--repeats 3] [--song FOLDER]

Both run in turn, so that whatever else the machine does falls on both; each uses one thread. museval is called as the
field does, once a method; here the song's references are prepared once for all of them. FOLDER holds drums and other as
audio files; without it a bundled song is taken.
"""

# ruff: noqa: E402  the number of threads has to be set before numpy is imported

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import museval
import numpy as np
import numpy.typing as npt
import torch
from machine import describe

from dssgan.audio.files import read
from dssgan.data.loading import load_dataset
from dssgan.evaluation.jobs import to_16_bits
from dssgan.metrics.bss_eval import METRICS, VERSIONS, References
from dssgan.types import Audio


def seconds_of(run: Callable[[], Any]) -> tuple[float, Any]:
    """Measure one call."""
    begun = time.perf_counter()
    result = run()
    return time.perf_counter() - begun, result


def by_museval(references: Audio, estimates: Audio, sample_rate: int) -> npt.NDArray[np.float64]:
    """Score as `museval.evaluate` does, without its copies of the song."""
    time_first = (np.moveaxis(audio, 1, 2) for audio in (references, estimates))
    found = museval.metrics.bss_eval(*time_first, window=sample_rate, hop=sample_rate, compute_permutation=False)
    return np.stack(found[: len(METRICS)])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--methods", type=int, default=10, help="how many to score (default 10)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument("--song", type=Path, help="folder with drums and other")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    if arguments.song is None:
        track = load_dataset(None).partition("test")[0]
        name, rate, sources = track.name, track.sample_rate, track.load()[1]
    else:
        name, rate = arguments.song.name, 44100
        files = [next(arguments.song.glob(f"{source}.*")) for source in ("drums", "other")]
        sources = np.stack([read(file) for file in files])
    references, mix = to_16_bits(sources), sources.sum(axis=0)
    generator = np.random.default_rng(0)
    # poor separations: a good deal of the mix in each source, and some noise
    methods = [
        (0.7 * references + (0.1 + 0.02 * number) * mix + 0.01 * generator.standard_normal(references.shape)).astype(
            np.float32
        )
        for number in range(arguments.methods)
    ]

    def ours() -> list[npt.NDArray[np.float64]]:
        known = References(references, rate)
        return [known.score(estimates) for estimates in methods]

    def fast() -> list[npt.NDArray[np.float64]]:
        known = References(references, rate, VERSIONS["fast"])
        return [known.score(estimates) for estimates in methods]

    times: dict[str, list[float]] = {"museval": [], "ours": [], "fast": []}
    for _ in range(arguments.repeats):
        spent, expected = seconds_of(lambda: [by_museval(references, estimates, rate) for estimates in methods])
        times["museval"].append(spent)
        spent, found = seconds_of(ours)
        times["ours"].append(spent)
        times["fast"].append(seconds_of(fast)[0])

    print(
        f"{name}: {mix.shape[1] / rate:.1f} s, {mix.shape[0]} channels at {rate} Hz, {len(references)} sources, "
        f"{len(methods)} methods; {arguments.repeats} runs of each in turn, one thread"
    )
    print(describe())
    print()
    print("| What | median | least | most |")
    print("|---|---|---|---|")
    seconds = {name: np.array(values) for name, values in times.items()}
    for label, values, unit in (
        ("museval, once a method", seconds["museval"], "s"),
        ("`--bss v4`", seconds["ours"], "s"),
        ("`--bss fast`, SDR alone", seconds["fast"], "s"),
        ("museval / v4", seconds["museval"] / seconds["ours"], "times"),
        ("museval / fast", seconds["museval"] / seconds["fast"], "times"),
    ):
        low, middle, high = (f"{value:.1f} {unit}" for value in np.percentile(values, (0, 50, 100)))
        print(f"| {label} | {middle} | {low} | {high} |")
    print()
    differences = np.nanmax(np.abs(np.stack(expected) - np.stack(found)), axis=(0, 2, 3))
    print("largest difference of any frame, dB: " + ", ".join(
        f"{metric} {value:.1e}" for metric, value in zip(METRICS, differences, strict=True)
    ))  # fmt: skip


if __name__ == "__main__":
    main()
