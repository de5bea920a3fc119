"""Draws docs/separated.png: spectrograms of a bundled song that trained no shipped separator, and of its parts."""

from pathlib import Path

import torch

from dssgan.audio.picture import draw_spectrograms
from dssgan.data.loading import load_dataset
from dssgan.inference.separator import Separator

BEGIN, SECONDS = 2.0, 3.5


def main() -> None:
    """Separate a whole excerpt, and draw a few seconds of it."""
    separator = Separator.load("default")
    track = load_dataset().valid[1]
    mix, _ = track.load(separator.sample_rate, separator.channels)
    waves = {"mix": mix, **separator.separate(mix, separator.sample_rate)}
    begin, end = (round(at * separator.sample_rate) for at in (BEGIN, BEGIN + SECONDS))
    drawn = {name: torch.from_numpy(wave[:, begin:end]) for name, wave in waves.items()}
    title = f"{track.name}, separated by the default ensemble"
    draw_spectrograms(Path("docs/separated.png"), drawn, separator.sample_rate, title=title)


if __name__ == "__main__":
    main()
