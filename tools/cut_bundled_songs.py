"""Cut the bundled data set from whole songs: python tools/cut_bundled_songs.py SONGS [OUT].

SONGS holds SONG/{drums,other}.ogg of lithium, rubidium, hydrogen, francium and potassium, five songs of the album
"Everything is Free", CC0 1.0. Drums and other are cut at the same sample.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from dssgan.audio import files
from dssgan.curation.importers import import_dataset
from dssgan.data import bundled
from dssgan.data.manifest import FILE_NAME, save_manifest

SAMPLE_RATE = 44100
FADE_SECONDS = 0.005  # no click where the cut falls into a sound
COMPRESSION_LEVEL = 0.5  # libsndfile's: Vorbis quality 5, some 75 to 160 kbit/s here
MAX_BYTES = 12 * 2**20
LICENCE = "CC0 1.0"
CREDITS = (
    'Songs: "Everything is Free" by ichbinsoftware, CC0 1.0, '
    "github.com/ichbinsoftware/everythingisfree and github.com/ichbinsoftware/everythingisremixed",
)


@dataclass(frozen=True)
class Cut:
    """One excerpt: where it goes and where it comes from."""

    place: str  # partition/track, or train_unsup/mixes/name
    song: str
    start_seconds: float
    seconds: float
    parts: tuple[str, ...] = ("drums", "other")


CUTS = (
    Cut("train_sup/lithium-1", "lithium", 40.0, 30.0),
    Cut("train_sup/lithium-2", "lithium", 158.0, 30.0),
    Cut("train_sup/lithium-3", "lithium", 255.0, 30.0),
    Cut("train_sup/rubidium-1", "rubidium", 10.0, 30.0),
    Cut("train_sup/rubidium-2", "rubidium", 76.0, 30.0),
    Cut("train_sup/rubidium-3", "rubidium", 170.0, 30.0),
    Cut("valid/hydrogen-1", "hydrogen", 205.0, 20.0),
    Cut("valid/hydrogen-2", "hydrogen", 255.0, 20.0),
    Cut("test/francium-1", "francium", 60.0, 14.0),
    Cut("test/francium-2", "francium", 127.0, 14.0),
    Cut("test/francium-3", "francium", 236.0, 14.0),
    Cut("train_unsup/mixes/potassium", "potassium", 110.0, 45.0, ("mix",)),
    Cut("train_unsup/drums/potassium", "potassium", 32.0, 32.0, ("drums",)),
    Cut("train_unsup/other/potassium", "potassium", 190.0, 35.0, ("other",)),
)


def read_part(songs: Path, cut: Cut, part: str) -> files.Audio:
    """Read one part of an excerpt, (channels, samples); "mix" is the sum of drums and other."""
    if part == "mix":
        return read_part(songs, cut, "drums") + read_part(songs, cut, "other")
    path = songs / cut.song / f"{part}.ogg"
    return files.read(path, round(cut.start_seconds * SAMPLE_RATE), round(cut.seconds * SAMPLE_RATE))


def fade_edges(audio: files.Audio) -> files.Audio:
    """Fade the first and last milliseconds of (channels, samples) with half a cosine."""
    length = round(FADE_SECONDS * SAMPLE_RATE)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
    faded = audio.copy()
    faded[:, :length] *= ramp
    faded[:, -length:] *= ramp[::-1]
    return faded


def level_db(audio: files.Audio) -> float:
    """Root mean square level in dB relative to full scale."""
    return float(10 * np.log10(np.mean(audio.astype(np.float64) ** 2) + 1e-12))


def write_ogg(path: Path, audio: files.Audio) -> None:
    """Write (channels, samples) as Ogg Vorbis: the same audio each time, but for a random serial number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(
        path, "w", SAMPLE_RATE, audio.shape[0], "VORBIS", format="OGG", compression_level=COMPRESSION_LEVEL
    ) as file:
        for start in range(0, audio.shape[1], SAMPLE_RATE):  # one long write overflows the encoder's stack
            file.write(np.ascontiguousarray(audio[:, start : start + SAMPLE_RATE].T))


def main(songs: Path, out: Path) -> None:
    """Cut, describe and measure."""
    for partition in ("train_sup", "train_unsup", "valid", "test"):
        shutil.rmtree(out / partition, ignore_errors=True)
    rows = ["| Excerpt | Song | From (s) | Length (s) | drums (dB) | other (dB) |", "|---|---|---|---|---|---|"]
    for cut in CUTS:
        levels = {}
        for part in cut.parts:
            audio = fade_edges(read_part(songs, cut, part))
            levels[part] = f"{level_db(audio):.1f}"
            name = out / cut.place
            write_ogg(name.with_suffix(".ogg") if len(cut.parts) == 1 else name / f"{part}.ogg", audio)
        shown = (levels.get("drums", "-"), levels.get("other", "-"))
        if "mix" in levels:
            shown = (f"mix {levels['mix']}", "-")
        rows.append(f"| {cut.place} | {cut.song} | {cut.start_seconds:g} | {cut.seconds:g} | {shown[0]} | {shown[1]} |")
    dataset, _ = import_dataset("folders", out, name="bundled", licence=LICENCE, credits=tuple(CREDITS))
    save_manifest(dataset, out / FILE_NAME)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print("\n".join(rows))
    print(f"{size / 2**20:.2f} MiB of at most {MAX_BYTES / 2**20:.0f}")
    if size > MAX_BYTES:
        raise SystemExit("too large: shorten the excerpts")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else bundled.FOLDER)
