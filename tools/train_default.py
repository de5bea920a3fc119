"""Train the shipped ensemble: `python tools/train_default.py SONGS`.

SONGS holds a folder for each song named below, with `drums.ogg` and `other.ogg`; their mix is the sum. Two small
separators, one with a short window for attacks and one with a long one for tone, learn from the songs in `LABELLED` and
as many synthetic ones, and then also from those in `UNLABELLED`, whose sources each guesses for itself. The validation
songs choose the epochs, the weights and the post-processing; the test songs are opened once, at the end. What was begun
goes on where it stopped.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from dssgan.audio.files import Audio
from dssgan.data.audio_file import AudioFile, Sum
from dssgan.data.dataset import Dataset
from dssgan.data.loading import load_dataset
from dssgan.data.manifest import save_manifest
from dssgan.data.track import Track, Unpaired
from dssgan.ensembling.build import build_ensemble
from dssgan.inference.separator import Separator
from dssgan.metrics.scores import score_tracks
from dssgan.separators.bundle import load_bundle, read_description, save_bundle
from dssgan.separators.loading import learnt_from
from dssgan.training.distributed import Workers, train_distributed
from dssgan.training.settings import make_config, parse_overrides
from dssgan.training.store import FolderStore

# One artist's album, CC0 1.0, and the demo songs that come with LMMS (Debian's lmms-common, the first 75 s of each,
# rendered with the drum tracks alone and without them). Two artists' songs stay on one side.
LABELLED = ("lithium", "rubidium", "potassium")
UNLABELLED = (
    "lmms-capdan-reggaetontry", "lmms-capdan-reggaetry", "lmms-capdan-zerosumgame-originalbyzakarra",
    "lmms-settel-innerrecreation",
)  # fmt: skip
UNPAIRED = ("lmms-dirtylove", "lmms-thomasso-axefromthe80s")  # for critics alone
VALIDATION = ("lmms-esoxlb-cpu", "lmms-strictproduction-dearjondoe")  # beside the bundled ones
TEST = (
    "francium", "lmms-alf42red-mauiwowi", "lmms-saber-finalstep", "lmms-skiessi-onion", "lmms-socceroos-progress",
    "lmms-momo64-esp", "lmms-crunk-demo",
)  # fmt: skip
LICENCE = "CC0 1.0 (songs with their sources); Artistic-2.0 (songs without)"
CREDITS = (
    'lithium, rubidium, potassium, hydrogen, francium: "Everything is Free", CC0 1.0, '
    "github.com/ichbinsoftware/everythingisfree and github.com/ichbinsoftware/everythingisremixed",
    "without their sources: Capdan, reggaetontry, reggae try, zero sum game (original by Zakarra); Settel, Inner "
    "Recreation; demo songs of LMMS, Artistic-2.0",
)

MEMBERS = {
    "short": {"name": "tdf_unet", "preset": "tiny", "n_fft": 2048},
    "long": {"name": "tdf_unet", "preset": "tiny", "n_fft": 4096, "num_bands": 8},
}
SETTINGS = {
    "synthetic": 0.5, "batch_size": 2, "steps_per_epoch": 200, "validation_seconds": 75.0, "media": False,
    "alpha": 0.0, "beta": 0.0, "self_boost": {"share": 0.25, "min_agreement_db": 15.0}, "phase_one.epochs": 14,
    "phase_two.epochs": 6, "patience": 100, "learning_rate": 1e-3,
}  # fmt: skip
DESCRIBED = ("format", "architecture", "arguments", "sources", "sample_rate", "channels", "num_parameters")


def main() -> None:
    """Train what is not trained yet, combine, score and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path, help="folder of the songs")
    parser.add_argument("--data", type=Path, help="write the data set here and stop")
    parser.add_argument("-o", "--output", type=Path, default=Path("ensembles/default.yaml"))
    parser.add_argument("--runs", type=Path, default=Path("runs/default"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=MEMBERS, help="train this member and stop")
    parser.add_argument("settings", nargs="*", help="KEY=VALUE for both members")
    arguments = parser.parse_args()
    dataset = read_songs(arguments.songs)
    if arguments.data is not None:
        save_manifest(dataset, arguments.data)
        return
    bundles = []
    for seed, (name, separator) in enumerate(MEMBERS.items()):
        if arguments.only not in (None, name):
            continue
        config = make_config(SETTINGS, {"separator": separator, "seed": seed}, parse_overrides(arguments.settings))

        def report(metrics: dict[str, float], _folder: Path, name: str = name) -> None:
            kept = f", {metrics['teacher/kept']:.0%} labelled" if "teacher/kept" in metrics else ""
            print(f"{name}: epoch {metrics['epoch']:.0f}, {metrics['score']:.2f} dB, {metrics['csdr/drums']:.2f} cSDR, "
                  f"{metrics['seconds']:.0f} s{kept}", flush=True)  # fmt: skip

        workers = Workers.on_this_machine(arguments.workers, config.device)
        store = FolderStore(arguments.runs.resolve())
        outcome = train_distributed(config, dataset, store, name, workers=workers, report=report)
        bundles.append(halve(outcome.bundle, arguments.runs / f"{name}-half", dataset))
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


def read_songs(root: Path) -> Dataset:
    """Lay the songs out in partitions."""

    def sources(name: str) -> tuple[AudioFile, ...]:
        return tuple(
            AudioFile.of(root / name / f"{source}.ogg", with_fingerprint=True) for source in ("drums", "other")
        )

    bundled = load_dataset()
    unpaired = [sources(name) for name in UNPAIRED]
    return Dataset(
        ("drums", "other"),
        train_sup=tuple(Track(name, None, sources(name)) for name in LABELLED),
        train_unsup=Unpaired(
            mixes=tuple(Sum(tuple((sample, 1.0) for sample in sources(name))) for name in UNLABELLED),
            sources=tuple(zip(*unpaired, strict=True)),
        ),
        valid=(*bundled.valid, *(Track(name, None, sources(name)) for name in VALIDATION)),
        test=tuple(Track(name, None, sources(name)) for name in TEST),
        name="default",
        licence=LICENCE,
        credits=CREDITS,
    )


def halve(bundle: Path, folder: Path, dataset: Dataset) -> Path:
    """Write a bundle again with weights of half the size, and with its data's credits."""
    description = read_description(bundle)
    metadata = {key: value for key, value in description.items() if key not in DESCRIBED}
    metadata["data"] |= {"licence": dataset.licence, "credits": list(dataset.credits)}
    save_bundle(
        folder, description["architecture"], load_bundle(bundle), metadata=metadata, dtype=torch.float16,
        learnt_from=learnt_from(bundle),
    )  # fmt: skip
    return folder


def separate(separator: Separator, mix: Audio) -> Audio:
    """Separate at the separator's own rate: (sources, channels, samples)."""
    stems = separator.separate(mix, separator.sample_rate)
    return np.stack([stems[source] for source in separator.sources])


if __name__ == "__main__":
    main()
