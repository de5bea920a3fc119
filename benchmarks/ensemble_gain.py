"""What an ensemble gains on songs that nothing of it was chosen or fitted on, by how many it was made from.

    python benchmarks/ensemble_gain.py BUNDLE... --data songs.json

Of the groups of the validation songs K are drawn at random, an ensemble is made on these as `dssgan ensemble` makes it
(without a gate, which needs the audio), and is scored on all others beside the best candidate by the same K, and the
average of three. Gains are over the best candidate: the mean over draws, and the worst draw.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from machine import describe
from numpy.typing import NDArray

from dssgan.data.loading import load_dataset
from dssgan.data.track import Track
from dssgan.ensembling.fitting import BEST, FittingSongs, Plan, decide, make
from dssgan.ensembling.product_scores import usdr_of
from dssgan.ensembling.products import SongProducts, products_of_estimates
from dssgan.ensembling.validation_songs import EDGES_HZ
from dssgan.inference.separator import Separator
from dssgan.metrics.drums import onset_times
from dssgan.metrics.silence import without_noise

SIZES = (1, 2, 4, 8)
DRAWS = 20
SECONDS = 30.0
ONSET_SECONDS = 0.05  # of the windows that onset SDR looks at
SCORES = ("usdr", "si_sar", "onset_sdr")


def main() -> None:
    """Separate what is not separated yet, draw, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+")
    parser.add_argument("--data", type=Path, required=True, help="data set; its validation songs are used")
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path("runs/ensemble_gain.pt"))
    arguments = parser.parse_args()
    tracks = load_dataset(arguments.data).valid
    if arguments.cache.is_file():
        stored = torch.load(arguments.cache, weights_only=True)
        pairs = [tuple(SongProducts(*parts) for parts in both) for both in stored]
    else:
        separators = [Separator.load(bundle) for bundle in arguments.bundles]
        pairs = [products(separators, track) for track in tracks]
        arguments.cache.parent.mkdir(parents=True, exist_ok=True)
        torch.save([[(one.gram, one.error, one.energy) for one in both] for both in pairs], arguments.cache)
    songs, onsets = [first for first, _ in pairs], [second for _, second in pairs]
    groups = [track.sample for track in tracks]
    names = sorted(set(groups))
    print(f"{len(arguments.bundles)} candidates, {len(songs)} songs of {len(names)} groups; {describe()}")
    print("| groups | of | uSDR: mean, worst | SI-SAR: mean, worst | onset SDR: mean, worst | made |")
    print("|---|---|---|---|---|---|")
    generator = np.random.default_rng(0)
    for size in (size for size in SIZES if size < len(names)):
        rows: dict[str, list[NDArray[np.float64]]] = {"ensemble": [], "average": []}
        kinds: list[str] = []
        for _ in range(DRAWS):
            chosen = set(generator.choice(names, size, replace=False))
            inside = [index for index, group in enumerate(groups) if group in chosen]
            outside = [index for index, group in enumerate(groups) if group not in chosen]
            of_inside = [songs[index] for index in inside], [groups[index] for index in inside]
            decision = decide(*of_inside, arguments.members)
            fitting = FittingSongs(*of_inside)
            made = {
                "ensemble": decision.weights[-1].numpy(),
                "average": make(fitting, Plan("average", arguments.members)),
            }
            kinds.append(decision.steps[-1].kind)
            best = scores(make(fitting, BEST), songs, onsets, groups, outside)
            for name, weights in made.items():
                rows[name].append(scores(weights, songs, onsets, groups, outside) - best)
        for name, gains in rows.items():
            cells = [f"{np.mean(one):+.2f}, {np.min(one):+.2f}" for one in np.stack(gains).T]
            told = (
                ", ".join(f"{kind} {kinds.count(kind)}" for kind in dict.fromkeys(kinds)) if name == "ensemble" else ""
            )
            print(f"| {size} | {name} | {' | '.join(cells)} | {told} |", flush=True)


def products(separators: Sequence[Separator], track: Track) -> tuple[SongProducts, SongProducts]:
    """Return the products of a song's middle, and of the moments around the onsets of its drums alone."""
    rate, channels = separators[0].sample_rate, separators[0].channels
    mix, sources = track.load(rate, channels)
    start = max((mix.shape[1] - round(SECONDS * rate)) // 2, 0)
    part = slice(start, start + round(SECONDS * rate))
    mix, reference = mix[:, part], without_noise(sources)[..., part]
    stems = [separator.separate(mix, rate) for separator in separators]
    estimates = np.stack([np.stack([one[source] for source in separators[0].sources]) for one in stems])
    mask = np.zeros(mix.shape[1], np.float32)
    for onset in onset_times(reference[0], rate):
        mask[round(onset * rate) : round((onset + ONSET_SECONDS) * rate)] = 1
    print(track.name, flush=True)
    return (
        products_of_estimates(estimates, mix, reference, EDGES_HZ, rate),
        products_of_estimates(estimates * mask, mix * mask, reference * mask, EDGES_HZ, rate),
    )


def scores(
    weights: NDArray[np.float64], songs: Sequence[SongProducts], onsets: Sequence[SongProducts], groups: Sequence[str],
    which: Sequence[int],
) -> NDArray[np.float64]:  # fmt: skip
    """Score weights on some songs: `SCORES`, means over groups, dB."""
    some = FittingSongs([songs[index] for index in which], [groups[index] for index in which])
    tensor = torch.from_numpy(np.ascontiguousarray(weights))
    by_group: dict[str, list[float]] = {}
    for index in which:
        if onsets[index].energy[0] > 0:
            by_group.setdefault(groups[index], []).append(usdr_of([onsets[index]], tensor, 0))
    around = float(np.mean([np.mean(values) for values in by_group.values()]))
    return np.array([some.usdr(weights).mean(), some.si_sar(weights).mean(), around])


if __name__ == "__main__":
    main()
