"""Draw docs/synthetic.png: `python tools/draw_synthetic.py SONGS --valid MANIFEST`.

SONGS is a data set of `dssgan data synth`, of which the first 50 songs are drawn; the validation songs of MANIFEST
stand beside them. Prints how all of them differ, by genre.
"""

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from dssgan.data.loading import load_dataset
from dssgan.data.track import Track
from dssgan.types import Audio

SONGS = 50
RATE = 44100
FRAME = 8192
CENTRES = 1000 * 2.0 ** (np.arange(-15, 13) / 3)  # third octaves, Hz
SOURCES = ("drums", "other")
FEWEST = 3  # songs of a genre that are told apart


@dataclass(frozen=True)
class Song:
    """What is drawn of a song.

    Attributes:
        kind: its genre, or "real".
        loudness: root mean square of the mix, dB of full scale.
        balance: level of the drums against the rest, dB.
        crest: peak of the mix against its root mean square, dB.
        spectra: by source, power in each third octave against the whole, dB.
    """

    kind: str
    loudness: float
    balance: float
    crest: float
    spectra: tuple[NDArray[np.float64], NDArray[np.float64]]


def main() -> None:
    """Read, draw, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--valid", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/synthetic.png"))
    arguments = parser.parse_args()
    made = [song for track in load_dataset(arguments.songs).train_sup if (song := look(track, None))]
    real = [song for track in load_dataset(arguments.valid).valid if (song := look(track, "real"))]
    draw(made[:SONGS], real, arguments.output)
    tell(made, real)


def look(track: Track, kind: str | None) -> Song | None:
    """Measure a song; None where a source is silent."""
    mix, sources = track.load(RATE, 2)
    drums, other = sources
    if not (drums.any() and other.any()):
        return None
    powers = [float(np.square(audio).mean()) for audio in (mix, drums, other)]
    return Song(
        kind or track.name.partition(" ")[2], 10 * np.log10(powers[0]), 10 * np.log10(powers[1] / powers[2]),
        20 * np.log10(float(np.abs(mix).max())) - 10 * np.log10(powers[0]), (spectrum(drums), spectrum(other)),
    )  # fmt: skip


def spectrum(audio: Audio) -> NDArray[np.float64]:
    """Return the power in third octaves against the whole, dB."""
    mono = audio.mean(axis=0)
    frames = mono[: len(mono) // FRAME * FRAME].reshape(-1, FRAME) * np.hanning(FRAME)
    power = np.square(np.abs(np.fft.rfft(frames))).mean(axis=0)
    frequencies = np.fft.rfftfreq(FRAME, 1 / RATE)
    edges = np.concatenate([CENTRES * 2 ** (-1 / 6), [CENTRES[-1] * 2 ** (1 / 6)]])
    bands = np.array([power[(frequencies >= low) & (frequencies < high)].sum() for low, high in pairwise(edges)])
    shares: NDArray[np.float64] = 10 * np.log10(np.maximum(bands / power.sum(), 1e-9))
    return shares


def draw(made: list[Song], real: list[Song], path: Path) -> None:
    """Draw spectra of both sources, and loudness against balance."""
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.2))
    for index, (axis, source) in enumerate(zip(axes, SOURCES, strict=False)):
        for songs, colour, name in (
            (real, "tab:blue", f"{len(real)} real songs"),
            (made, "tab:orange", f"{len(made)} synthetic songs"),
        ):
            low, middle, high = np.percentile([song.spectra[index] for song in songs], (25, 50, 75), axis=0)
            axis.fill_between(CENTRES, low, high, color=colour, alpha=0.25, linewidth=0)
            axis.plot(CENTRES, middle, color=colour, label=name)
        axis.set_xscale("log")
        axis.set_ylim(-45, 0)
        axis.set_xlabel("Hz")
        axis.set_title(f"{source}: median and quartiles of the third octaves", fontsize=9)
        axis.set_ylabel("dB of the whole")
        axis.legend(fontsize=8)
    kinds = sorted({song.kind for song in made})
    for kind, colour in zip(kinds, plt.colormaps["tab20"].colors, strict=False):
        some = [song for song in made if song.kind == kind]
        axes[2].scatter(
            [song.balance for song in some], [song.loudness for song in some], s=18, color=colour, label=kind
        )
    axes[2].scatter(
        [song.balance for song in real], [song.loudness for song in real], s=60, marker="*", color="black", label="real"
    )
    axes[2].set_xlabel("drums against the rest, dB")
    axes[2].set_ylabel("loudness of the mix, dB of full scale (RMS)")
    axes[2].set_title("levels", fontsize=9)
    axes[2].legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def tell(made: list[Song], real: list[Song]) -> None:
    """Print how genres differ from the real songs."""
    spectra = [np.median([song.spectra[index] for song in real], axis=0) for index in range(2)]
    middle = {
        name: float(np.median([getattr(song, name) for song in real])) for name in ("loudness", "balance", "crest")
    }
    print(f"real: {', '.join(f'{name} {value:.1f}' for name, value in middle.items())} dB")
    print("| genre | songs | loudness | drums against the rest | crest | spectrum of drums | of the rest |")
    print("|---|---|---|---|---|---|---|")
    kinds = sorted({song.kind for song in made})
    for kind in [*kinds, "all"]:
        some = [song for song in made if kind in ("all", song.kind)]
        if len(some) < FEWEST:
            continue
        levels = [np.median([getattr(song, name) for song in some]) - value for name, value in middle.items()]
        apart = [
            np.abs(np.median([song.spectra[index] for song in some], axis=0) - spectra[index])[3:].mean()
            for index in range(2)
        ]
        cells = [f"{level:+.1f}" for level in levels] + [f"{one:.1f}" for one in apart]
        print(f"| {kind} | {len(some)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
