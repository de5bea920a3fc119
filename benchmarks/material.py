"""What songs are worth to learn from: a small separator on each of some data sets, for equal steps and some seeds.

    python benchmarks/material.py rule=songs/rule written=songs/written --valid songs.json

Every training has 1,600 steps of two excerpts of 1.5 s and 0.34 M parameters, and is scored once, at its end, on the
validation songs of another data set, whole. A training that was cut short goes on from its last checkpoint.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from machine import describe

from dssgan.data.dataset import Track
from dssgan.data.loading import load_dataset
from dssgan.inference.separator import Separator
from dssgan.metrics.scores import score_tracks
from dssgan.training.checkpoint import has_checkpoint
from dssgan.training.phases import train
from dssgan.training.settings import make_config, parse_overrides
from dssgan.types import Audio

SETTINGS = {
    "separator": {"name": "tdf_unet", "n_fft": 4096, "num_bands": 8}, "segment_seconds": 1.5, "batch_size": 2,
    "steps_per_epoch": 1600, "phase_one.epochs": 1, "phase_two.epochs": 0, "patience": 100,
    "validation_seconds": 5.0, "media": False, "supervised_loss": {"name": "snr"}, "optimizer": "adamw",
    "weight_decay": 0.01, "phase_one.learning_rate": 3e-3, "warmup_steps": 300, "schedule": "cosine",
    "num_workers": 0,
}  # fmt: skip


def main() -> None:
    """Train what is not trained yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", nargs="+", metavar="NAME=DATASET", help="what is trained on, and what it is called")
    parser.add_argument("--valid", type=Path, required=True, help="data set whose validation songs score")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/material"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of all trainings")
    arguments = parser.parse_args()
    valid = load_dataset(arguments.valid).valid
    rows: dict[str, list[dict[str, tuple[float, float]]]] = {}
    for seed in range(arguments.seeds):
        for named in arguments.songs:
            name, _, path = named.partition("=")
            dataset = replace(load_dataset(Path(path)), valid=valid)
            config = make_config(SETTINGS, {"seed": seed}, parse_overrides(arguments.set))
            folder = arguments.output / f"{name}-{seed}"
            outcome = train(config, dataset, folder, resume_from=folder if has_checkpoint(folder) else None)
            scores = score(outcome.bundle, valid)
            rows.setdefault(name, []).append(scores)
            shown = ", ".join(f"{song} {usdr:.2f}" for song, (usdr, _) in scores.items())
            print(f"{name}, seed {seed}, {outcome.seconds:.0f} s: {shown}", flush=True)
    print(f"\n{describe()}; drums, uSDR / cSDR in dB, mean over {len(valid)} songs, +- the spread over seeds")
    for name, seeds in rows.items():
        cells = []
        for which in range(2):
            means = [np.mean([scores[which] for scores in one.values()]) for one in seeds]
            cells.append(f"{np.mean(means):6.2f} +- {np.std(means, ddof=min(1, len(means) - 1)):.2f}")
        print(f"{name:16} {' / '.join(cells)}")


def score(bundle: Path, tracks: tuple[Track, ...]) -> dict[str, tuple[float, float]]:
    """Score a bundle's drums by song: SDR of the whole song, and the median SDR of its frames, dB."""
    separator = Separator.load(bundle)
    rate, sources = separator.sample_rate, separator.sources

    def separate(mix: Audio) -> Audio:
        stems = separator.separate(mix, rate)
        return np.stack([stems[source] for source in sources])

    found = {}
    for track in tracks:
        scores = score_tracks(separate, (track,), rate, separator.channels, sources=sources)
        found[track.name] = scores["usdr/drums"], scores["csdr/drums"]
    return found


if __name__ == "__main__":
    main()
