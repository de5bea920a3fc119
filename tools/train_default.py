"""Train the shipped ensemble: `python tools/train_default.py SONGS --synthetic SYNTHETIC --validation VALIDATION`.

SONGS and VALIDATION hold a folder for each song named below, with `drums.ogg` and `other.ogg`; their mix is the sum.
SYNTHETIC is what `dssgan data synth` wrote. Two separators, a large and a small one, learn from true pairs: synthetic
songs, and the real ones in `LABELLED`. Both make the ensemble; the large one alone is `fast`, written beside it. The
validation songs choose the epochs, the weights and the post-processing; the test songs are opened once, at the end.
What was begun goes on where it stopped, and SIGTERM stops it after a step.

`--long` trains one large separator instead, without end, on synthetic songs that are made meanwhile, and reports the
scores of the validation songs. It begins with the weights in `training/`, where there are some.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset
from dssgan.data.loading import load_dataset
from dssgan.data.manifest import save_manifest
from dssgan.data.track import Track, Unpaired
from dssgan.ensembling.build import build_ensemble
from dssgan.errors import TrainingInterruptedError
from dssgan.inference.separator import Separator
from dssgan.metrics.scores import score_tracks
from dssgan.separators import SeparatorModel
from dssgan.separators.bundle import load_bundle, read_description, save_bundle
from dssgan.separators.ensemble import Recipe, save_recipe
from dssgan.separators.loading import find_model
from dssgan.training.checkpoint import BUNDLE, averaged_weights, has_checkpoint, read_checkpoint
from dssgan.training.config import TrainConfig
from dssgan.training.notice import StopNotice
from dssgan.training.phases import Report, train
from dssgan.training.settings import make_config, parse_overrides
from dssgan.types import Audio

# One artist's album, CC0 1.0, and demo songs that come with LMMS (Debian's lmms-common, the first 75 s of each,
# rendered with the drum tracks alone and without them). An artist's songs stay on one side, but for the album's.
LABELLED = (
    "lithium", "rubidium", "potassium", "lmms-capdan-reggaetontry", "lmms-capdan-reggaetry",
    "lmms-capdan-zerosumgame-originalbyzakarra", "lmms-settel-innerrecreation", "lmms-dirtylove",
    "lmms-thomasso-axefromthe80s",
)  # fmt: skip
SYNTHETIC = "synthetic"  # begins the names of such songs
REAL_SHARE = 0.25  # of the excerpts
# beside those of people playing
VALIDATION = ("hydrogen", "lmms-esoxlb-cpu", "lmms-strictproduction-dearjondoe")
TEST = (
    "francium", "lmms-alf42red-mauiwowi", "lmms-saber-finalstep", "lmms-skiessi-onion", "lmms-socceroos-progress",
    "lmms-momo64-esp", "lmms-crunk-demo",
)  # fmt: skip
# folders of Debian's fretsonfire-songs-muldjord and fretsonfire-songs-sectoid: the guitars of metal songs
GUITARS = (
    "muldjord/armygeddon", "muldjord/chaos_god", "muldjord/internal_degeneration", "muldjord/mutilated_mime",
    "sectoid/Escape from chaosland", "sectoid/Feelings", "sectoid/Metal madness", "sectoid/War of freedom",
)  # fmt: skip
LICENCE = "CC0 1.0, Artistic-2.0 (songs of LMMS); synthetic songs: see the credits of their instruments"
GUITARS_LICENCE = "CC BY-SA 3.0 and MIT (guitars)"
CREDITS = (
    'lithium, rubidium, potassium, hydrogen, francium: "Everything is Free", CC0 1.0, '
    "github.com/ichbinsoftware/everythingisfree and github.com/ichbinsoftware/everythingisremixed",
    "Capdan, reggaetontry, reggae try, zero sum game (original by Zakarra); Settel, Inner Recreation; dirty love; "
    "Thomasso, Axe from the 80s: demo songs of LMMS, Artistic-2.0",
)
GUITARS_CREDITS = (
    "Muldjord: guitars of Armygeddon, Chaos God, Internal Degeneration and Mutilated Mime, CC BY-SA 3.0 "
    "(fretsonfire-songs-muldjord)",
    "Sectoid: guitars of Escape from Chaosland, Feelings, Metal Madness and War of Freedom, MIT "
    "(fretsonfire-songs-sectoid)",
)

LONG = {"name": "tdf_unet", "n_fft": 4096, "num_bands": 8}
MEMBERS: dict[str, dict[str, Any]] = {
    # 1.34 M parameters
    "large": {
        "separator": {**LONG, "num_layers": 4, "num_initial_filters": 24, "filter_growth": 24},
        "phase_one.learning_rate": 2e-3,
    },
    # 0.34 M parameters
    "small": {"separator": LONG, "phase_one.learning_rate": 3e-3},
}
# At equal hours many steps on little beat few on much; see docs/ensembles.md
SETTINGS = {
    "segment_seconds": 1.5, "batch_size": 2, "steps_per_epoch": 2000, "validation_seconds": 30.0, "media": False,
    "validation_metrics": ["si_sar"], "supervised_loss": {"name": "snr"},
    "phase_one.epochs": 5, "phase_two.epochs": 0, "patience": 100, "optimizer": "adamw", "weight_decay": 0.01,
    "warmup_steps": 300, "schedule": "cosine",
}  # fmt: skip
# 2.9 M parameters; deep levels cost little time, and 64 frames of context each way
LONG_MEMBER = "large"
LONG_SEPARATOR = {**LONG, "num_layers": 5, "num_initial_filters": 24, "filter_growth": 28}
LONG_SETTINGS = SETTINGS | {
    "segment_seconds": 2.0, "batch_size": 4, "steps_per_epoch": 1000, "phase_one.epochs": 1000, "patience": 1000,
    "phase_one.learning_rate": 1.5e-3, "schedule": "constant", "warmup_steps": 1000, "ema_decay": 0.9999,
    "synthetic": 0.8, "synthetic_songs": 200, "num_workers": 1,
    # by where the error of earlier versions lay: most from 80 Hz to 700 Hz
    "supervised_loss": {"name": "snr", "octave_weights": [0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 1.5, 1.0]},
    "augment": {
        "gain_db": (-9.0, 3.0), "equalizer_db": 4.0, "effects": 0.15, "master": 0.25, "dense": 0.25, "silence": 0.02,
        "only_first": 0.05,
    },
}  # fmt: skip
# with mixes at hand: from weights that phase one would no longer improve
LONG_PHASE_TWO = {
    "phase_one.epochs": 0, "phase_two.epochs": 1000, "phase_two.learning_rate": 1e-3, "consistency": 1.0,
}  # fmt: skip
LONG_START = Path("training")  # bundles of what was trained elsewhere
KEPT_EVERY = 5  # epochs whose averaged weights are kept
FAST = "large"  # of the members, that ships alone as well
REPORTED = ("csdr/drums", "onset_sdr/drums", "si_sar/drums")
DESCRIBED = ("format", "architecture", "arguments", "sources", "sample_rate", "channels", "num_parameters")


def main() -> None:
    """Train what is not trained yet, combine, score and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path, help="folder of the songs")
    parser.add_argument("--synthetic", type=Path, action="append", default=[],
                        help="data set of synthetic songs; may be given again")  # fmt: skip
    parser.add_argument("--long", action="store_true", help="train one large separator without end")
    parser.add_argument("--guitars", type=Path, help="folder of the guitars named below, to be remixed with drums")
    parser.add_argument("--drumless", type=Path, action="append", default=[],
                        help="data set of music without drums, to be remixed; may be given again")  # fmt: skip
    parser.add_argument("--mixes", type=Path, action="append", default=[],
                        help="data set of mixes that --long learns from as they are; may be given again")  # fmt: skip
    parser.add_argument("--validation", type=Path, required=True, help="folder of songs to validate on")
    parser.add_argument("--data", type=Path, help="write the data set here and stop")
    parser.add_argument("-o", "--output", type=Path, default=Path("ensembles/default.yaml"))
    parser.add_argument("--runs", type=Path, default=Path("runs/default"))
    parser.add_argument("--only", choices=MEMBERS, help="train this one alone and stop")
    parser.add_argument("settings", nargs="*", help="KEY=VALUE for all trainings")
    arguments = parser.parse_intermixed_args()
    dataset = read_songs(
        arguments.songs, arguments.synthetic, arguments.guitars, arguments.validation, arguments.drumless,
        arguments.mixes,
    )  # fmt: skip
    if arguments.data is not None:
        save_manifest(dataset, arguments.data)
        return
    if arguments.long:
        train_long(dataset, arguments.runs, arguments.settings)
        return
    members = {}
    for seed, (name, settings) in enumerate(MEMBERS.items()):
        if arguments.only in (None, name):
            config = make_config(SETTINGS, settings, {"seed": seed}, parse_overrides(arguments.settings))
            members[name] = train_member(name, config, dataset, arguments.runs)
    if arguments.only is not None:
        return
    built = build_ensemble(list(members.values()), dataset, arguments.output, max_members=len(members))
    print(f"validation: {built.candidates}, ensemble {built.fitted:.2f} dB: {built.verdict}")
    (place,) = (place for place, bundle in built.members.items() if bundle == members[FAST])
    fast = write_alone(arguments.output, place, built.candidates[str(members[FAST])])
    for model in (*members.values(), arguments.output, fast):
        separator = Separator.load(model)
        found = score_tracks(
            lambda mix, separator=separator: separate(separator, mix),  # type: ignore[misc]
            dataset.test, separator.sample_rate, separator.channels, sources=separator.sources,
        )  # fmt: skip
        print(f"test: {model}: drums {found['usdr/drums']:.2f} uSDR, {found['csdr/drums']:.2f} cSDR")


def train_member(
    name: str, config: TrainConfig, dataset: Dataset, runs: Path, keep: Report = lambda _metrics, _folder: None
) -> Path:
    """Train a separator, or go on with it, and return the bundle in half precision."""

    def report(metrics: dict[str, float], checkpoint: Path) -> None:
        scores = {key: metrics[key] for key in ("score", *REPORTED, "seconds")}
        shown = ", ".join(f"{key} {value:.2f}" for key, value in scores.items())
        print(f"{name}: epoch {metrics['epoch']:.0f}, {shown}", flush=True)
        keep(metrics, checkpoint)

    folder = runs / name
    begun = folder if has_checkpoint(folder) else None
    try:
        with StopNotice() as notice:  # SIGTERM has it write a checkpoint of the step
            outcome = train(config, dataset, folder, report=report, resume_from=begun, notice=notice)
    except TrainingInterruptedError as error:
        sys.exit(f"{error}; run it again to go on")
    write_half(outcome.bundle, load_bundle(outcome.bundle), runs / f"{name}-half", dataset)
    return runs / f"{name}-half"


def train_long(dataset: Dataset, runs: Path, settings: Sequence[str]) -> None:
    """Train until SIGTERM, or go on; keep the averaged weights of every fifth epoch as bundles in half precision."""
    folder, start = runs / LONG_MEMBER, LONG_START / LONG_MEMBER
    begun_from = str(start) if start.exists() else None
    if has_checkpoint(folder):  # it goes on as it was begun
        begun_from = read_checkpoint(folder)[0]["settings"]["phase_one"]["start_from"]
    begin = {"separator": LONG_SEPARATOR} if begun_from is None else {"start_from": begun_from}
    second = LONG_PHASE_TWO if dataset.train_unsup.mixes else {}
    config = make_config(LONG_SETTINGS, second, begin, parse_overrides(settings))

    def keep(metrics: dict[str, float], checkpoint: Path) -> None:
        epoch = int(metrics["epoch"])
        if epoch % KEPT_EVERY:
            return
        state, _ = read_checkpoint(checkpoint)
        averaged = load_bundle(checkpoint / BUNDLE)
        averaged.load_state_dict(averaged_weights(state))
        write_half(checkpoint / BUNDLE, averaged, runs / f"{LONG_MEMBER}-{epoch:04d}", dataset, metrics)

    train_member(LONG_MEMBER, config, dataset, runs, keep)
    print(f"{folder}: trained to the last epoch")


def write_alone(ensemble: Path, member: str, usdr_db: float) -> Path:
    """Write `fast`: one member of an ensemble where it is, and what keeps its estimates adding up to the mix."""
    whole = Recipe.model_validate(yaml.safe_load(ensemble.read_text(encoding="utf-8")))
    alone = {
        "members": [f"{ensemble.stem}/{member}"],
        "postprocess": [{"name": "mixture_consistency"}],
        "origin": whole.origin | {"validation_usdr_db": {member: round(usdr_db, 2)}},
    }
    path = ensemble.with_name("fast.yaml")
    save_recipe(path, Recipe.model_validate(alone))
    return path


def is_synthetic(name: str) -> bool:
    """Tell a song that `dssgan data synth` made from a recorded one, by the name that `read_songs` gave it."""
    return name.startswith(SYNTHETIC)


def read_songs(
    root: Path, synthetic: Sequence[Path], guitars: Path | None, validation: Path, drumless: Sequence[Path] = (),
    mixes: Sequence[Path] = (),
) -> Dataset:  # fmt: skip
    """Lay the songs out in partitions."""

    def read(folder: Path) -> Track:
        sources = (AudioFile.of(folder / f"{source}.ogg", with_fingerprint=True) for source in ("drums", "other"))
        return Track(folder.name, None, tuple(sources))

    made = [load_dataset(folder) for folder in synthetic]
    synthesized = [
        replace(track, name=f"{SYNTHETIC} {number} {track.name}")
        for number, songs in enumerate(made)
        for track in songs.train_sup
    ]
    labelled = [read(root / name) for name in LABELLED]
    recordings = [] if guitars is None else [guitars / name / "guitar.ogg" for name in GUITARS]
    without_drums = [
        Track(" ".join(("guitar", *path.parts[-3:-1])), None, (None, AudioFile.of(path, with_fingerprint=True)))
        for path in recordings
    ]
    quiet, unlabelled = ([load_dataset(path) for path in paths] for paths in (drumless, mixes))
    without_drums += [track for songs in quiet for track in songs.train_sup]
    seconds = [sum(track.duration for track in tracks) for tracks in (labelled, synthesized)]
    # excerpts are drawn by length, so a song that stands there more often is heard more often
    repeats = max(1, round(REAL_SHARE / (1 - REAL_SHARE) * seconds[1] / seconds[0]))
    return Dataset(
        ("drums", "other"),
        train_sup=(
            *(replace(track, name=f"{track.name} {take}") for take in range(repeats) for track in labelled),
            *synthesized, *without_drums,
        ),
        valid=(
            *(read(root / name) for name in VALIDATION),
            *(read(folder) for folder in sorted(validation.iterdir()) if folder.is_dir()),
        ),
        test=tuple(read(root / name) for name in TEST),
        train_unsup=Unpaired(tuple(mix for songs in unlabelled for mix in songs.train_unsup.mixes)),
        name="default",
        licence="; ".join([
            LICENCE, *([GUITARS_LICENCE] if guitars else []), *(songs.licence or "" for songs in (*quiet, *unlabelled)),
        ]),
        credits=tuple(dict.fromkeys((
            *CREDITS, *(GUITARS_CREDITS if guitars else ()),
            *(line for songs in (*made, *quiet, *unlabelled) for line in songs.credits),
        ))),
    )  # fmt: skip


def write_half(
    bundle: Path,
    separator: SeparatorModel,
    folder: Path,
    dataset: Dataset,
    validation: dict[str, float] | None = None,
) -> None:
    """Write a separator with weights of half the size, its bundle's description and its data's credits.

    Synthetic songs, which are most of the songs, are then known by their fingerprints alone: nobody has other copies.

    Args:
        bundle: whose description it is.
        separator: with the weights.
        folder: where to write.
        dataset: what it was trained on.
        validation: its scores, where it is a later one than the bundle's.
    """
    description = read_description(bundle)
    metadata = {key: value for key, value in description.items() if key not in DESCRIBED}
    credits_ = dict.fromkeys((*dataset.credits, *metadata["data"]["credits"]))  # synthetic songs' among the bundle's
    metadata["validation"] |= validation or {}
    metadata["data"] |= {"licence": dataset.licence, "credits": list(credits_)}
    save_bundle(
        folder, description["architecture"], separator, metadata=metadata, dtype=torch.float16,
        learnt_from=find_model(bundle).learnt_from().without_marks(is_synthetic),
    )  # fmt: skip


def separate(separator: Separator, mix: Audio) -> Audio:
    """Separate at the separator's own rate: (sources, channels, samples)."""
    stems = separator.separate(mix, separator.sample_rate)
    return np.stack([stems[source] for source in separator.sources])


if __name__ == "__main__":
    main()
