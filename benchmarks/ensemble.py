"""Measure what choosing and fitting an ensemble takes: memory and time by the number of candidates and songs.

    python benchmarks/ensemble.py [--candidates 50] [--songs 2] [--seconds 240]

The candidates are small untrained U-Nets, each with weights of its own, and the songs are the bundled ones, repeated
until they are long enough: what is measured depends on lengths and numbers, not on what is heard. Beside the memory
stands what keeping all estimates of these songs would take, which is how an ensemble is fitted without inner products.
"""

import argparse
import resource
import time

import numpy as np
import torch
from machine import describe

from dssgan.data.loading import load_dataset
from dssgan.ensembling.fitting import BEST, FittingSongs, decide, make
from dssgan.ensembling.products import song_products
from dssgan.ensembling.validation_songs import EDGES_HZ
from dssgan.separators import build_separator

SMALL = {"num_initial_filters": 2, "num_layers": 3, "n_fft": 2048, "hop_samples": 1024}


def peak_gib() -> float:
    """Give the most memory that the process has held so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--candidates", type=int, default=50, help="separators to choose from (default 50)")
    parser.add_argument("--songs", type=int, default=2, help="validation songs (default 2)")
    parser.add_argument("--seconds", type=float, default=240, help="length of a song (default 240)")
    given = parser.parse_args()

    candidates = []
    for seed in range(given.candidates):
        torch.manual_seed(seed)
        candidates.append(build_separator("unet", SMALL).eval())
    dataset = load_dataset(None)
    tracks = [*dataset.valid, *dataset.test]
    rate, channels = candidates[0].sample_rate, candidates[0].channels
    length = round(given.seconds * rate)
    at_rest = peak_gib()

    begun = time.perf_counter()
    songs = []
    for number in range(given.songs):
        mix, reference = tracks[number % len(tracks)].load(rate, channels)
        times = -(-length // mix.shape[-1])
        mix, reference = (np.tile(part, times)[..., :length] for part in (mix, reference))
        songs.append(song_products(candidates, mix, reference, EDGES_HZ))
    separating = time.perf_counter() - begun

    begun = time.perf_counter()
    groups = [f"song {number}" for number in range(len(songs))]
    fitting_songs = FittingSongs(songs, groups)
    best = make(fitting_songs, BEST)
    preparing = time.perf_counter() - begun
    begun = time.perf_counter()
    decision = decide(songs, groups, max_members=3)
    deciding = time.perf_counter() - begun

    estimates = len(candidates) * len(songs) * reference.nbytes / 2**30
    audio = len(candidates) * len(songs) * given.seconds
    print(
        f"{len(candidates)} candidates, {len(songs)} songs of {given.seconds:.0f} s, {channels} channels at {rate} Hz"
    )
    print(describe())
    print()
    print("| What | |")
    print("|---|---|")
    print(f"| memory, at rest | {at_rest:.2f} GiB |")
    print(f"| memory, most | {peak_gib():.2f} GiB |")
    print(f"| all estimates of all songs | {estimates:.1f} GiB |")
    print(f"| separating, and the products | {separating:.0f} s ({audio / separating:.0f} times real time) |")
    print(f"| preparing a choice, {np.count_nonzero(best[0, :, 0])} best candidate | {preparing:.2f} s |")
    print(f"| choosing up to 3 members, each group left out ({decision.steps[-1].kind}) | {deciding:.2f} s |")


if __name__ == "__main__":
    main()
