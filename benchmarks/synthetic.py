"""What synthetic songs are worth: one separator trained on them, on real songs, and on both, for equal steps.

Every training has the same architecture, settings and number of steps, and keeps its best epoch by the real validation
songs. Scores are drums SDR on those songs and on whatever other real data sets are named, which chose nothing. A
training that was cut short goes on from its last epoch.
"""

import argparse
from pathlib import Path

import numpy as np
from machine import describe

from dssgan.data.dataset import Track
from dssgan.data.loading import load_dataset
from dssgan.inference.separator import Separator
from dssgan.metrics.scores import score_tracks
from dssgan.training.checkpoint import CHECKPOINT_FILE
from dssgan.training.phases import train
from dssgan.training.settings import make_config, parse_overrides
from dssgan.types import Audio

SHARES = {"real": 0.0, "synthetic": 1.0, "both": 0.5}


def main() -> None:
    """Train what is not trained yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=18, help="of 200 steps; 18 are 30 minutes on two cores")
    parser.add_argument("--only", choices=SHARES, action="append", help="train only this; may be given again")
    parser.add_argument("--also", type=Path, action="append", default=[], help="another data set; its test songs count")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/synthetic"))
    parser.add_argument("settings", nargs="*", help="KEY=VALUE for all trainings")
    arguments = parser.parse_args()
    dataset = load_dataset()
    songs: dict[str, tuple[Track, ...]] = {"validation": dataset.valid, "test": dataset.test}
    for path in arguments.also:
        other = load_dataset(path)
        songs[other.name] = other.test
    rows = {}
    for name in arguments.only or SHARES:
        config = make_config(
            {
                "synthetic": SHARES[name], "phase_two.epochs": 0, "phase_one.epochs": arguments.epochs,
                "patience": arguments.epochs, "media": False,
                "supervised_loss": {"name": "wave_stft"},  # what the documented figures were measured with
            },
            parse_overrides(arguments.settings),
        )  # fmt: skip
        folder = arguments.output / name
        resume_from = folder if (folder / CHECKPOINT_FILE).exists() else None

        def report(metrics: dict[str, float], _folder: Path, name: str = name) -> None:
            print(f"{name}: epoch {metrics['epoch']:.0f}, {metrics['score']:.2f} dB, {metrics['seconds']:.0f} s")

        outcome = train(config, dataset, folder, report=report, resume_from=resume_from)
        rows[name] = (outcome, {group: scores(outcome.bundle, tracks) for group, tracks in songs.items()})
    print(f"\nsynthetic songs, {describe()}; drums uSDR / cSDR, dB")
    print(f"{'trained on':12} {'steps':>6} {'minutes':>8} " + " ".join(f"{group:>16}" for group in songs))
    for name, (outcome, groups) in rows.items():
        cells = " ".join(f"{whole:8.2f} /{median:6.2f}" for whole, median in groups.values())
        print(f"{name:12} {outcome.separator_steps:6d} {outcome.seconds / 60:8.1f} {cells}")


def scores(bundle: Path, tracks: tuple[Track, ...]) -> tuple[float, float]:
    """Score a bundle's drums: mean over tracks of whole-track SDR, and SiSEC's median of medians, dB."""
    separator = Separator.load(bundle)
    rate, sources = separator.sample_rate, separator.sources

    def separate(mix: Audio) -> Audio:
        stems = separator.separate(mix, rate)
        return np.stack([stems[source] for source in sources])

    found = score_tracks(separate, tracks, rate, separator.channels, sources=sources)
    return found["usdr/drums"], found["csdr/drums"]


if __name__ == "__main__":
    main()
