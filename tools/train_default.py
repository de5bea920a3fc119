"""Train the shipped ensemble: `python tools/train_default.py songs.json`.

Two small separators, one with a short window for attacks and one with a long one for tone, learn from the data set's
songs and as many synthetic ones, and then also from its unlabelled mixes, which each labels for itself. The validation
songs choose the epochs, the weights and the post-processing; the test songs are opened once, at the end. What was
begun goes on where it stopped.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from dssgan.audio.files import Audio
from dssgan.data.dataset import Dataset
from dssgan.ensembling.build import build_ensemble
from dssgan.inference.separator import Separator
from dssgan.metrics.scores import score_tracks
from dssgan.separators.bundle import load_bundle, read_description, save_bundle
from dssgan.training.config import make_config, parse_overrides
from dssgan.training.distributed import train_distributed

MEMBERS = {
    "short": {"name": "tdf_unet", "preset": "tiny", "n_fft": 2048},
    "long": {"name": "tdf_unet", "preset": "tiny", "n_fft": 4096, "num_bands": 8},
}
SETTINGS = {
    "synthetic": 0.5, "batch_size": 2, "steps_per_epoch": 200, "validation_seconds": 75.0, "media": False,
    "alpha": 0.0, "beta": 0.0, "self_boost": {"share": 0.25}, "supervised_epochs": 14, "adversarial_epochs": 6,
    "patience": 100,
}  # fmt: skip
DESCRIBED = ("format", "architecture", "arguments", "sources", "sample_rate", "channels", "num_parameters")


def main() -> None:
    """Train what is not trained yet, combine, score and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="a data set with train_sup, unlabelled mixes, valid and test")
    parser.add_argument("-o", "--output", type=Path, default=Path("ensembles/default.yaml"))
    parser.add_argument("--runs", type=Path, default=Path("runs/default"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=MEMBERS, help="train this member and stop")
    parser.add_argument("settings", nargs="*", help="KEY=VALUE for both members")
    arguments = parser.parse_args()
    dataset = Dataset.load(arguments.data)
    bundles = []
    for seed, (name, separator) in enumerate(MEMBERS.items()):
        if arguments.only not in (None, name):
            continue
        config = make_config(SETTINGS, {"separator": separator, "seed": seed}, parse_overrides(arguments.settings))

        def report(metrics: dict[str, float], _folder: Path, name: str = name) -> None:
            kept = f", {metrics['teacher/kept']:.0%} labelled" if "teacher/kept" in metrics else ""
            print(f"{name}: epoch {metrics['epoch']:.0f}, {metrics['score']:.2f} dB, {metrics['csdr/drums']:.2f} cSDR, "
                  f"{metrics['seconds']:.0f} s{kept}", flush=True)  # fmt: skip

        folder = arguments.runs / name
        outcome = train_distributed(config, dataset, folder, num_workers=arguments.workers, report=report)
        bundles.append(halve(outcome.bundle, arguments.runs / f"{name}-half"))
    if arguments.only is not None:
        return
    built = build_ensemble(bundles, dataset, arguments.output, max_members=len(bundles))
    print(f"validation: {built.candidates}, average {built.average:.2f}, ensemble {built.fitted:.2f} dB")
    for model in (*built.members.values(), built.path):
        separator = Separator.load(model)
        found = score_tracks(
            lambda mix, separator=separator: separate(separator, mix),  # type: ignore[misc]
            dataset.test, separator.sample_rate, separator.channels, sources=separator.sources,
        )  # fmt: skip
        print(f"test: {model}: drums {found['usdr/drums']:.2f} uSDR, {found['csdr/drums']:.2f} cSDR")


def halve(bundle: Path, folder: Path) -> Path:
    """Write a bundle again with weights of half the size."""
    description = read_description(bundle)
    metadata = {key: value for key, value in description.items() if key not in DESCRIBED}
    save_bundle(folder, description["architecture"], load_bundle(bundle), metadata=metadata, dtype=torch.float16)
    return folder


def separate(separator: Separator, mix: Audio) -> Audio:
    """Separate at the separator's own rate: (sources, channels, samples)."""
    stems = separator.separate(mix, separator.sample_rate)
    return np.stack([stems[source] for source in separator.sources])


if __name__ == "__main__":
    main()
