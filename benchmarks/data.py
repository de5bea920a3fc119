"""Excerpts: how many a second come from each kind of file, against how many training takes.

    python benchmarks/data.py [--rounds 9] [--seconds 0.4] [--folder FOLDER]

One song of some minutes is made of the bundled ones and written in each format; then 3 s excerpts of it at 44.1 kHz in
stereo are read at random places, in one process with one thread, as `AudioFile.read` and `AudioCache` do. The formats
take turns, and ratios are taken turn by turn. What training takes is measured in the same turns: one supervised step of
the smallest network on tensors that are there already, with four pairs of excerpts (two sources each).

The files have just been written, so the operating system holds them in memory: a disk's own time is not in the table.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch
from machine import describe

from dssgan.audio import files
from dssgan.curation.decoded import DecodedCache
from dssgan.data.audio_file import AudioFile
from dssgan.data.cache import AudioCache
from dssgan.data.loading import load_dataset
from dssgan.inference.device import choose_device, uses_bf16
from dssgan.training.batches import Batches
from dssgan.training.gan import GAN
from dssgan.training.settings import make_config
from dssgan.training.world import World
from dssgan.types import Audio

RATE = 44100
CHANNELS = 2
SECONDS = 3.0
SONG_SECONDS = 240.0
PRESETS = ("tiny", "stereo")

Reader = Callable[[float], object]  # takes a place in the song, seconds


def make_song() -> Audio:
    """String the bundled songs together to the length of a usual one, (2, samples)."""
    dataset = load_dataset()
    parts = [track.load(RATE, CHANNELS)[0] for track in (*dataset.train_sup, *dataset.valid)]
    song = np.concatenate(parts, axis=1)
    repeats = -(-round(SONG_SECONDS * RATE) // song.shape[1])
    whole = np.tile(song, repeats)[:, : round(SONG_SECONDS * RATE)]
    return np.ascontiguousarray(whole / max(1.0, float(np.abs(whole).max())))


def make_samples(folder: Path) -> dict[str, AudioFile]:
    """Write the song in each format, and decode two of them into a cache."""
    song = make_song()
    files.write(folder / "song.wav", song, RATE)
    files.write(folder / "song.flac", song, RATE)
    encode = ["ffmpeg", "-v", "error", "-i", str(folder / "song.wav")]
    soundfile_ogg(folder / "song.ogg", song)
    subprocess.run([*encode, "-c:a", "libvorbis", "-q:a", "5", str(folder / "song of ffmpeg.ogg")], check=True)
    subprocess.run([*encode, "-c:a", "libmp3lame", "-b:a", "192k", str(folder / "song.mp3")], check=True)
    five = [argument for _ in range(5) for argument in ("-map", "0:a")]  # the mix and four stems, as in MUSDB18
    subprocess.run([*encode, *five, "-c:a", "aac", "-b:a", "256k", str(folder / "song.stem.mp4")], check=True)
    samples = {
        "wav": AudioFile.of(folder / "song.wav"),
        "flac": AudioFile.of(folder / "song.flac"),
        "ogg": AudioFile.of(folder / "song.ogg"),
        "ogg by ffmpeg": AudioFile.of(folder / "song of ffmpeg.ogg"),
        "mp3": AudioFile.of(folder / "song.mp3"),
        "stem.mp4": AudioFile.of(folder / "song.stem.mp4", 1),
    }
    cache = DecodedCache(folder / "cache", RATE, CHANNELS)
    for name in ("ogg", "stem.mp4"):
        samples[f"{name} decoded"], _ = cache.decode(samples[name])
    return samples


def soundfile_ogg(path: Path, song: Audio) -> None:
    """Write Ogg Vorbis with libsndfile, block by block: it overflows its stack on a whole song."""
    with soundfile.SoundFile(path, "w", RATE, CHANNELS, "VORBIS", format="OGG") as file:
        for start in range(0, song.shape[1], RATE):
            file.write(song[:, start : start + RATE].T)


def make_readers(samples: dict[str, AudioFile]) -> dict[str, Reader]:
    """Give a way to read an excerpt from each kind of file, and from memory."""

    def reader(sample: AudioFile) -> Reader:
        return lambda place: sample.read(place, SECONDS, RATE, CHANNELS)

    memory = AudioCache(RATE, CHANNELS)
    period = round(SONG_SECONDS * RATE)
    song = samples["flac"]
    memory.excerpt(song, 0, 1, period)  # decodes the whole of it
    # a copy, as a batch makes one: slices alone would take no time
    cached = lambda place: memory.excerpt(song, round(place * RATE), round(SECONDS * RATE), period).copy()  # noqa: E731
    return {name: reader(sample) for name, sample in samples.items()} | {"AudioCache": cached}


def make_steps() -> dict[str, Callable[[], int]]:
    """Give a supervised step of each small network; it returns the number of excerpts it takes."""
    dataset = load_dataset()
    device = choose_device("auto")
    steps: dict[str, Callable[[], int]] = {}
    for preset in PRESETS:
        config = make_config({"separator": {"name": "unet", "preset": preset}, "segment_seconds": SECONDS})
        gan = GAN(config, World(), device, bf16=uses_bf16(config.phase_one.precision, device))
        pair = next(Batches(config, dataset, gan.separator, 0, device).pairs(1))

        def step(gan: GAN = gan, pair: tuple[torch.Tensor, torch.Tensor] = pair) -> int:
            gan.supervised_step(*pair)
            return pair[1].shape[0] * pair[1].shape[1]

        steps[f"training takes (unet {preset})"] = step
    return steps


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each kind in a round, at least")
    parser.add_argument("--folder", type=Path, help="where the files go for the while: the disk to be measured")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        samples = make_samples(Path(folder))
        sizes = {name: sample.path.stat().st_size / 2**20 for name, sample in samples.items()}
        rounds = measure(make_readers(samples), make_steps(), arguments.rounds, arguments.seconds)
    print(
        f"excerpts of {SECONDS:g} s, 44.1 kHz stereo, of a song of {SONG_SECONDS / 60:g} min, one thread; {describe()}"
    )
    print(f"{'':30} {'MiB':>6} {'excerpts/s':>11} {'spread':>15} {'of wav':>7} {'of unet tiny':>13}")
    tiny = f"training takes (unet {PRESETS[0]})"
    for name, rates in rounds.items():
        spread = f"{min(rates):.0f} - {max(rates):.0f}"
        of_wav, of_training = (
            statistics.median(rate / other for rate, other in zip(rates, rounds[floor], strict=True))
            for floor in ("wav", tiny)
        )
        size = f"{sizes[name]:.1f}" if name in sizes else ""
        print(f"{name:30} {size:>6} {statistics.median(rates):11.1f} {spread:>15} {of_wav:7.2f} {of_training:12.1f}x")


def measure(
    readers: dict[str, Reader], steps: dict[str, Callable[[], int]], num_rounds: int, least_seconds: float
) -> dict[str, list[float]]:
    """Time everything in turns, after one turn that does not count.

    Returns:
        Excerpts a second in each round, by name.
    """
    generator = np.random.default_rng(0)
    rates: dict[str, list[float]] = {name: [] for name in (*readers, *steps)}
    order = list(rates)
    for _ in range(num_rounds + 1):
        for name in order:
            num_taken, started = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - started) < least_seconds:
                if name in steps:
                    num_taken += steps[name]()
                else:
                    readers[name](float(generator.uniform(0, SONG_SECONDS - SECONDS - 0.1)))
                    num_taken += 1
            rates[name].append(num_taken / elapsed)
        order = order[1:] + order[:1]  # nobody is always the one that comes after a training step
    return {name: counted[1:] for name, counted in rates.items()}


if __name__ == "__main__":
    main()
