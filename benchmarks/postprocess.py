"""Measure what each post-processing step is worth on validation songs, and what it costs.

    python benchmarks/postprocess.py [--data songs.json] [--model default]

The members are run once a song; every step then works on the same weighted sum, followed by mixture consistency. Gains
are of the drums, in dB against no step: mean uSDR with the range over the songs, and mean SDR around onsets. The cost
is a step's seconds for a minute of stereo sound at 44.1 kHz. Harmonic-percussive separation by itself stands below.
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
from dssgan.metrics.drums import score_drums
from dssgan.metrics.sdr import usdr
from dssgan.separators import SeparatorModel
from dssgan.separators.ensemble import Ensemble
from dssgan.separators.hpss import HPSS
from dssgan.separators.loading import find_model
from dssgan.separators.postprocess import BleedGate, MixtureConsistency, PercussivePart, Wiener
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
    "wiener": Wiener(),
    "wiener, n_fft 2048": Wiener(n_fft=2048, hop_samples=512),
    "wiener, twice": Wiener(iterations=2),
}
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
        scores.append([_score(estimate, reference[0], mix, ensemble.sample_rate) for estimate in estimates])
        print(f"{track.name}: {scores[-1][0][0]:.2f} dB uSDR, {scores[-1][0][1]:.2f} around onsets", flush=True)
    print(describe())
    table = np.array(scores)  # (songs, steps, metrics)
    gains = table - table[:, :1]
    costs = [0.0 if step is None else _seconds_a_minute(step) for step in STEPS.values()]
    print("| | uSDR | gain | least, most | around onsets, gain | s a minute |\n|---|---|---|---|---|---|")
    for place, name in enumerate((*STEPS, *BASELINES)):
        of_songs = gains[:, place, 0]
        cost = f"{costs[place]:.2f}" if place < len(costs) else ""
        print(
            f"| {name} | {table[:, place, 0].mean():.2f} | {of_songs.mean():+.2f} | "
            f"{of_songs.min():.2f}, {of_songs.max():.2f} | {gains[:, place, 1].mean():+.2f} | {cost} |"
        )


def _drums(model: SeparatorModel, mix: Audio) -> list[Audio]:
    blocks = np.concatenate(list(separate_blocks(model, [mix], SeparationSettings())), axis=-1)
    return list(blocks[::2])


def _score(estimate: Audio, reference: Audio, mix: Audio, sample_rate: int) -> tuple[float, float]:
    whole = usdr(torch.from_numpy(estimate)[None], torch.from_numpy(reference)[None])[0]
    return float(whole), score_drums(estimate, reference, mix, sample_rate).onset_sdr_db


def _seconds_a_minute(step: nn.Module, seconds: int = 8, rounds: int = 3) -> float:
    torch.manual_seed(0)
    mix = 0.1 * torch.randn(1, 2, seconds * 44100)
    drums = 0.05 * torch.randn_like(mix)
    times = []
    with torch.inference_mode():
        for _ in range(rounds):
            begun = time.perf_counter()
            step(torch.stack([drums, mix - drums], dim=1), mix)
            times.append(time.perf_counter() - begun)
    return min(times) * 60 / seconds


if __name__ == "__main__":
    main()
