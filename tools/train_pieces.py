"""Train what takes drums apart: `python tools/train_pieces.py --train TRAIN --valid VALID --test TEST`.

TRAIN, VALID and TEST are folders that `dssgan data synth --pieces` wrote, with kits and drummers of their own. The
separator hears the drums as they were played and, as often, as `--separated` leaves them of the songs' mixes, which are
separated first and kept beside them. The validation songs choose the epoch; the test songs are scored at the end, in
both conditions. What was begun goes on where it stopped.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dssgan.audio.files import read, write
from dssgan.data.audio_file import AudioFile
from dssgan.data.combine import combine_datasets
from dssgan.data.dataset import Dataset
from dssgan.data.loading import load_dataset
from dssgan.data.track import Track
from dssgan.inference.separator import Separator
from dssgan.metrics.sdr import usdr
from dssgan.separators.bundle import load_bundle, read_description, save_bundle
from dssgan.separators.ensemble import Recipe, save_recipe
from dssgan.separators.loading import PIECES, find_model
from dssgan.synthesis.write import PIECES_FILE
from dssgan.training.checkpoint import has_checkpoint
from dssgan.training.phases import train
from dssgan.training.settings import make_config, parse_overrides
from dssgan.types import DRUMS

SETTINGS = {
    # 0.34 M parameters
    "separator": {"name": "tdf_unet", "n_fft": 4096, "num_bands": 8},
    "segment_seconds": 2.0, "batch_size": 4, "steps_per_epoch": 300, "phase_one.epochs": 20, "phase_two.epochs": 0,
    "patience": 100, "optimizer": "adamw", "weight_decay": 0.01, "warmup_steps": 50, "learning_rate": 2e-3,
    "schedule": "cosine", "final_rate": 0.02, "ema_decay": 0.998, "media": False, "validation_seconds": 12.0,
    # in amplitudes: of ratios in decibels, a limit ignores hi-hats far below the kick, and none rewards silence
    "supervised_loss": {"name": "wave_stft"},
    "augment": {"remix": 0.3, "equalizer_db": 4.0}, "monitor": "usdr/mean",
}  # fmt: skip
SEPARATED = "separated.wav"  # beside the pieces of a song
CONDITION = ", separated"  # ends the names of such songs


def main() -> None:
    """Separate, train, write and score."""
    parser = argparse.ArgumentParser(description=__doc__)
    for part in ("train", "valid", "test"):
        parser.add_argument(f"--{part}", type=Path, required=True, help="folder of `dssgan data synth --pieces`")
    parser.add_argument("--separated", default="default", help="model whose drums are taken apart, too")
    parser.add_argument("--songs", type=int, default=90, help="training songs that are separated, at most")
    parser.add_argument("--runs", type=Path, default=Path("runs/pieces"))
    parser.add_argument("-o", "--output", type=Path, default=Path("ensembles") / f"{PIECES}.yaml")
    parser.add_argument("settings", nargs="*", help="KEY=VALUE for the training")
    arguments = parser.parse_intermixed_args()
    folders = [arguments.train, arguments.valid, arguments.test]
    separator = Separator.load(arguments.separated, "cpu")
    for folder, most in zip(folders, (arguments.songs, None, None), strict=True):
        separate_songs(folder, separator, most)
    whole = combine_datasets([load_dataset(folder / PIECES_FILE) for folder in folders], PIECES)
    dataset = with_separated(whole)
    config = make_config(SETTINGS, {"separator.sources": list(whole.sources)}, parse_overrides(arguments.settings))
    begun = arguments.runs if has_checkpoint(arguments.runs) else None
    outcome = train(config, dataset, arguments.runs, resume_from=begun, report=lambda one, _: print(one, flush=True))
    write_model(outcome.bundle, arguments.output)
    shipped = Separator.load(arguments.output, "cpu")
    for condition in ("", CONDITION):
        tracks = [track for track in dataset.test if track.name.endswith(CONDITION) == bool(condition)]
        print(f"test{condition}: {score(shipped, tracks)}", flush=True)


def separate_songs(folder: Path, separator: Separator, most: int | None) -> None:
    """Write what a separator gives for the drums of each song, beside its pieces."""
    for place in sorted(path.parent for path in folder.glob("*/drums.mid"))[:most]:
        if not (place / SEPARATED).exists():
            coloured = place / "mix.wav"
            mix = read(coloured) if coloured.exists() else read(place / "drums.wav") + read(place / "other.wav")
            write(place / SEPARATED, separator.separate(mix, 44100)[DRUMS], 44100)


def with_separated(dataset: Dataset) -> Dataset:
    """Add the songs in the other condition; in training, so often that both are heard about as much."""

    def separated(tracks: Sequence[Track], again: str = "") -> list[Track]:
        found = [(track, track.mix.files[0].path.parent / SEPARATED) for track in tracks if track.mix is not None]
        return [
            replace(track, name=f"{track.name}{again}{CONDITION}", mix=AudioFile.of(path, with_fingerprint=True))
            for track, path in found
            if path.exists()
        ]

    again = [separated(dataset.train_sup, f" {take}" if take else "") for take in range(2)]
    return replace(
        dataset,
        train_sup=(*dataset.train_sup, *(track for tracks in again for track in tracks)),
        valid=(*dataset.valid[::2], *separated(dataset.valid[::2])),
        test=(*dataset.test, *separated(dataset.test)),
    )


def write_model(bundle: Path, output: Path) -> None:
    """Write the separator in half precision, and an ensemble of it alone."""
    description = read_description(bundle)
    metadata = {
        key: description[key] for key in ("from", "config", "data", "parents", "validation") if key in description
    }
    folder = output.with_suffix("") / "member_1"
    save_bundle(
        folder, description["architecture"], load_bundle(bundle), metadata=metadata, dtype=torch.float16,
        # nobody has other copies of synthetic songs
        learnt_from=find_model(bundle).learnt_from().without_marks(lambda _name: True),
    )  # fmt: skip
    member = f"{output.stem}/member_1"
    save_recipe(output, Recipe.model_validate({"members": [member], "postprocess": [{"name": "mixture_consistency"}]}))


def score(separator: Separator, tracks: Sequence[Track]) -> dict[str, float]:
    """Return each piece's uSDR, mean over the songs that it sounds in, dB."""
    scores = []
    for track in tracks:
        mix, references = track.load(separator.sample_rate, separator.channels)
        stems = separator.separate(mix, separator.sample_rate)
        estimates = np.stack([stems[source] for source in separator.sources])
        found = usdr(torch.from_numpy(estimates), torch.from_numpy(references)).numpy().astype(float)
        scores.append(np.where(np.abs(references).any(axis=(1, 2)), found, np.nan))
    return dict(zip(separator.sources, np.nanmean(scores, axis=0).round(2).tolist(), strict=True))


if __name__ == "__main__":
    main()
