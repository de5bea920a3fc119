"""Draws docs/synthetic.png: spectrograms of real drums and accompaniments beside synthetic ones."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch

from dssgan.audio.picture import spectrogram_image
from dssgan.data.loading import load_dataset
from dssgan.synthesis.compose import compose
from dssgan.synthesis.render import render
from dssgan.types import Audio

SECONDS = 8
RATE = 44100
SONGS = ((8, "rock"), (3, "jazz"), (11, "house"), (5, "metal"))


def main() -> None:
    """Draw two real songs and four synthetic ones."""
    rows: list[tuple[str, Audio, Audio]] = []
    bundled = load_dataset()
    for track in (bundled.train_sup[1], bundled.valid[1]):
        _, sources = track.load(RATE, 2)
        rows.append((f"real: {track.name}", sources[0], sources[1]))
    for seed, genre in SONGS:
        song = render(compose(seed, 2.0 * SECONDS, genre), colour=False)
        rows.append((f"synthetic: {genre}, seed {seed}", song.drums, song.other))
    figure, axes = plt.subplots(len(rows), 2, figsize=(11, 1.7 * len(rows)), sharex=True, sharey=True)
    for line, (title, *sides) in zip(axes, rows, strict=True):
        for axis, name, audio in zip(line, ("drums", "other"), sides, strict=True):
            mono = torch.from_numpy(np.ascontiguousarray(audio[:, : SECONDS * RATE].mean(axis=0)))
            picture = spectrogram_image(mono).transpose(1, 2, 0)  # (bins, frames, RGB)
            axis.imshow(picture, aspect="auto", extent=(0, SECONDS, 0, RATE / 2000))
            axis.set_title(f"{title}, {name}", fontsize=8)
            axis.tick_params(labelsize=7)
        line[0].set_ylabel("kHz", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("seconds", fontsize=8)
    figure.tight_layout()
    figure.savefig(Path("docs/synthetic.png"), dpi=90, pil_kwargs={"quality": 90})


if __name__ == "__main__":
    main()
