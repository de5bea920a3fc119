"""What each part of the shipped separators' recipe is worth: the same small network, trained with one part changed.

    python tools/train_default.py SONGS --synthetic SYNTHETIC --validation VALIDATION --data recipe.json
    python benchmarks/recipe.py recipe.json

Every arm hears as many seconds of excerpts from the same seeds, in one epoch, so that the validation songs choose
nothing; they are what is scored, whole. Differences are paired by song against "recipe"; see
`semi_supervised.py`, which says the same of critics and a teacher, for the intervals. What was trained already is not
trained again, and what was begun goes on.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from machine import describe
from semi_supervised import print_differences, print_scores, train_and_score

from dssgan.data.dataset import Dataset, Track
from dssgan.data.loading import load_dataset
from dssgan.training.settings import make_config, parse_overrides

SEPARATOR = {"name": "tdf_unet", "n_fft": 4096, "num_bands": 8}
SETTINGS = {
    "separator": SEPARATOR, "media": False, "segment_seconds": 3.0,
    "batch_size": 2, "steps_per_epoch": 800, "phase_one.epochs": 1, "phase_two.epochs": 0, "validation_seconds": 10.0,
    "optimizer": "adamw", "weight_decay": 0.01, "phase_one.learning_rate": 3e-3, "warmup_steps": 50,
    "schedule": "cosine", "supervised_loss": {"name": "snr"},
}  # fmt: skip


def is_real(track: Track) -> bool:
    """Tell a recorded song from one that `dssgan data synth` made, as `tools/train_default.py` names them."""
    return not track.name.startswith("synthetic ")


def has_drums(track: Track) -> bool:
    """Tell a song from a recording without drums, which only remixing gives some."""
    return track.sources[0] is not None


@dataclass(frozen=True)
class Arm:
    """A change of the recipe.

    Attributes:
        settings: other settings of the training.
        hears: which songs it learns from.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    hears: Callable[[Track], bool] = lambda _track: True


ARMS = {
    "recipe": Arm(),
    "no real songs": Arm(hears=lambda track: not is_real(track)),
    "no synthetic songs": Arm(hears=is_real),
    "no drumless recordings": Arm(hears=has_drums),
    "no remixing": Arm({"augment.remix": 0.0}),
    "remixing alone": Arm({"augment.remix": 1.0}),
    "gains from -12 dB": Arm({"augment.gain_db": [-12.0, 3.0]}),
    "equaliser of 6 dB": Arm({"augment.equalizer_db": 6.0}),
    "no augmentation but remixing": Arm({"augment": {"gain_db": [0.0, 0.0], "channel_swap": 0.0, "polarity": 0.0}}),
    "constant rate": Arm({"schedule": "constant"}),
    "Adam": Arm({"optimizer": "adam", "weight_decay": 0.0}),
    "no average of weights": Arm({"ema_decay": 0.0}),
    "batches of 2 x 1.5 s": Arm({"segment_seconds": 1.5, "steps_per_epoch": 1600}),
    "batches of 4 x 4 s": Arm({"segment_seconds": 4.0, "batch_size": 4, "steps_per_epoch": 300}),
    "limit of 30 dB": Arm({"supervised_loss": {"name": "snr", "max_snr_db": 30.0}}),
    "ratio without octaves": Arm({"supervised_loss": {"name": "snr", "octaves_weight": 0.0}}),
    "waveform and spectrograms": Arm({"supervised_loss": {"name": "wave_stft"}}),
    "waveform": Arm({"supervised_loss": {"name": "wave_stft", "stft_weight": 0.0}}),
    "log magnitudes": Arm({"supervised_loss": {"name": "log_magnitude"}}),
    "window of 2048": Arm({"separator": {**SEPARATOR, "n_fft": 2048, "num_bands": 4}}),
    "0.21 M parameters": Arm({"separator": {**SEPARATOR, "num_initial_filters": 12, "filter_growth": 12}}),
    "1.34 M parameters": Arm(
        {"separator": {**SEPARATOR, "num_initial_filters": 24, "filter_growth": 24, "num_layers": 4}}
    ),
    "sc_lite": Arm({"separator": {"name": "sc_lite", "preset": "tiny"}}),
    "band_split": Arm({"separator": {"name": "band_split", "preset": "tiny"}}),
}


def main() -> None:
    """Train what is not trained yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="data set")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", choices=ARMS, action="append", help="only these arms; may be given again")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/recipe"))
    parser.add_argument("settings", nargs="*", help="KEY=VALUE for all trainings")
    arguments = parser.parse_intermixed_args()
    dataset = load_dataset(arguments.data)
    results: dict[str, list[dict[str, Any]]] = {}
    for name, arm in ARMS.items():
        if name not in (arguments.only or ARMS):
            continue
        results[name] = [
            train_and_score(
                f"{name} {seed}",
                make_config(SETTINGS, parse_overrides(arguments.settings), arm.settings, {"seed": seed}),
                heard_by(arm, dataset), dataset.valid, arguments.output / f"{name}-{seed}".replace(" ", "_"),
            )
            for seed in range(arguments.seeds)
        ]  # fmt: skip
    print(f"\nrecipe, {arguments.seeds} seeds, {len(dataset.valid)} songs, {describe()}\n")
    print_scores(results)
    print_differences(results, dict.fromkeys(results, "recipe"))


def heard_by(arm: Arm, dataset: Dataset) -> Dataset:
    """Leave out what an arm does not learn from."""
    return replace(dataset, train_sup=tuple(filter(arm.hears, dataset.train_sup)))


if __name__ == "__main__":
    main()
