"""Measure what each post-processing step is worth on validation songs, and what it costs.

    python benchmarks/postprocess.py [--data songs.json] [--model default]

The members are run once a song; every step then works on the same weighted sum, followed by mixture consistency.
Differences are of the drums, against no step: mean uSDR with the range over the songs, then the means of the other
measures, of which the attack error alone is better where it falls. The cost is a step's seconds for a minute of stereo
sound at 44.1 kHz. Harmonic-percussive separation by itself stands below.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from machine import describe
from torch import nn

from dssgan.data.loading import load_dataset
from dssgan.ensembling.validation_songs import SideBySide
from dssgan.inference.overlap_add import SeparationSettings, separate_blocks
from dssgan.metrics.drums import onset_f1, score_drums
from dssgan.metrics.scale_invariant import scale_invariant
from dssgan.metrics.sdr import usdr
from dssgan.separators import SeparatorModel
from dssgan.separators.ensemble import Ensemble
from dssgan.separators.hpss import HPSS
from dssgan.separators.loading import find_model
from dssgan.separators.postprocess import BleedGate, MixtureConsistency, PercussivePart, Wiener
from dssgan.separators.strokes import StrokeRepair
from dssgan.types import Audio

STEPS: dict[str, nn.Module | None] = {
    "none": None,
    "bleed_gate, -30 dB": BleedGate(threshold_db=-30.0),
    "bleed_gate, -20 dB": BleedGate(threshold_db=-20.0),
    "bleed_gate, -12 dB": BleedGate(threshold_db=-12.0),
    "hpss, strength 0.25": PercussivePart(strength=0.25),
    "hpss, strength 0.5": PercussivePart(strength=0.5),
    "hpss, strength 1": PercussivePart(strength=1.0),
    "hpss, strength 0.5, n_fft 2048": PercussivePart(strength=0.5, n_fft=2048, hop_samples=512),
    "strokes, quantile 0.5": StrokeRepair(quantile=0.5),
    "strokes": StrokeRepair(),
    "strokes, strength 0.5": StrokeRepair(strength=0.5),
    "wiener": Wiener(),
    "wiener, n_fft 2048": Wiener(n_fft=2048, hop_samples=512),
    "wiener, twice": Wiener(iterations=2),
}
MEASURES = ("uSDR", "around onsets", "attack error", "SI-SAR", "onset F1, %")
BASELINES: dict[str, SeparatorModel] = {
    "hpss": HPSS(),
    "hpss, n_fft 2048": HPSS(n_fft=2048, hop_samples=512),
    "hpss, medians of 31": HPSS(frames=31, bins=31),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a data set's JSON file; its validation partition is used")
    parser.add_argument("--model", default="default", help="an ensemble")
    arguments = parser.parse_args()
    ensemble = find_model(arguments.model).load()
    assert isinstance(ensemble, Ensemble)
    members = list(ensemble.members)
    side_by_side = SideBySide([
        Ensemble(
            members,  # type: ignore[arg-type]
            edges_hz=ensemble.edges_hz, weights=ensemble.weights,
            steps=[*([] if step is None else [step]), MixtureConsistency()],
        )
        for step in STEPS.values()
    ]).eval()  # fmt: skip
    dataset = load_dataset(arguments.data)
    scores = []
    for track in dataset.valid:
        mix, reference = track.load(ensemble.sample_rate, ensemble.channels)
        estimates = [*_drums(side_by_side, mix), *(_drums(model, mix)[0] for model in BASELINES.values())]
        scores.append([_score(estimate, reference, mix, ensemble.sample_rate) for estimate in estimates])
        print(f"{track.name}: {scores[-1][0][0]:.2f} dB uSDR, {scores[-1][0][1]:.2f} around onsets", flush=True)
    print(describe())
    table = np.array(scores)  # (songs, steps, metrics)
    gains = table - table[:, :1]
    costs = [0.0 if step is None else _seconds_a_minute(step, reference, mix) for step in STEPS.values()]
    none = table[:, 0].mean(axis=0)
    print("no step: " + ", ".join(f"{name} {value:.2f}" for name, value in zip(MEASURES, none, strict=True)))
    print(f"\n| | uSDR | least, most | {' | '.join(MEASURES[1:])} | s a minute |\n|---|{'---|' * (len(MEASURES) + 2)}")
    for place, name in enumerate((*STEPS, *BASELINES)):
        first, *others = gains[:, place].mean(axis=0)
        of_songs = gains[:, place, 0]
        cost = f"{costs[place]:.2f}" if place < len(costs) else ""
        print(
            f"| {name} | {first:+.2f} | {of_songs.min():.2f}, {of_songs.max():.2f} | "
            f"{' | '.join(f'{value:+.2f}' for value in others)} | {cost} |"
        )


def _drums(model: SeparatorModel, mix: Audio) -> list[Audio]:
    blocks = np.concatenate(list(separate_blocks(model, [mix], SeparationSettings())), axis=-1)
    return list(blocks[::2])


def _score(drums: Audio, references: Audio, mix: Audio, sample_rate: int) -> list[float]:
    """Return what `MEASURES` names."""
    whole = usdr(torch.from_numpy(drums)[None], torch.from_numpy(references[:1]))[0]
    of_drums = score_drums(drums, references[0], mix, sample_rate)
    artefacts = scale_invariant(np.stack([drums, mix - drums]), references)["si_sar"][0]
    found = 100 * onset_f1(drums, references[0], sample_rate)
    return [float(whole), of_drums.onset_sdr_db, of_drums.attack_error_db, float(artefacts), found]


def _seconds_a_minute(step: nn.Module, references: Audio, mix: Audio, rounds: int = 3) -> float:
    """Return what a step takes for a minute like the first eight seconds of a song."""
    parts = torch.from_numpy(references[None, :, :, : 8 * 44100]).clone()
    parts[:, 0] += 0.1 * parts[:, 1]
    whole = torch.from_numpy(mix[None, :, : 8 * 44100])
    times = []
    with torch.inference_mode():
        for _ in range(rounds):
            begun = time.perf_counter()
            step(parts, whole)
            times.append(time.perf_counter() - begun)
    return min(times) * 60 * 44100 / whole.shape[-1]


if __name__ == "__main__":
    main()
