"""Cut the bundled data set from whole songs: python tools/cut_bundled_songs.py SONGS [OUT].

SONGS holds SONG/{drums,other}.ogg of the songs in `SONGS`: songs of an album, demo songs of LMMS rendered with their
drum tracks alone and without them, and what `play_songs.py` played. Drums and other are cut at the same sample.
"""

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from dssgan.audio import files
from dssgan.curation.importers import import_dataset
from dssgan.data import bundled
from dssgan.data.dataset import PAIRED_PARTITIONS
from dssgan.data.manifest import FILE_NAME, save_manifest

SAMPLE_RATE = 44100
FADE_SECONDS = 0.005  # no click where the cut falls into a sound
COMPRESSION_LEVEL = 0.5  # libsndfile's: Vorbis quality 5, some 75 to 160 kbit/s here
MAX_BYTES = 12 * 2**20
# song -> who made it, or its record: excerpts of one group count as one song
SONGS = {
    "lithium": bundled.SUNG, "rubidium": bundled.SUNG, "potassium": bundled.SUNG,
    "hydrogen": bundled.SUNG,
    "lmms-capdan-reggaetry": "Capdan", "lmms-capdan-zerosumgame-originalbyzakarra": "Capdan",
    "lmms-thomasso-axefromthe80s": "Thomasso", "lmms-settel-innerrecreation": "Settel",
    "lmms-esoxlb-cpu": "EsoXLB", "lmms-saber-finalstep": "Saber",
    "lmms-momo64-esp": "Momo64", "lmms-crunk-demo": "LMMS",
    "realistic-approach": "Kevin Martins", "the-long-road": "Lola Harvey",
    "underhalls-too": "Mark McGill-Smith", "e1m1": "Ralph Vickers",
}  # fmt: skip
LICENCE = "CC0 1.0, Artistic-2.0, BSD-2-Clause and BSD-3-Clause, by song"
CREDITS = (
    'lithium, rubidium, potassium, hydrogen: "Everything is Free" by ichbinsoftware, CC0 1.0, '
    "github.com/ichbinsoftware/everythingisfree and github.com/ichbinsoftware/everythingisremixed",
    "reggae try and zero sum game (original by Zakarra) by Capdan, Axe from the 80s by Thomasso, Inner Recreation by "
    "Settel, CPU by EsoXLB, Esp by Momo64, Crunk: demo songs of LMMS, Artistic-2.0",
    "Final Step by Saber: demo song of LMMS, BSD-2-Clause",
    "Realistic Approach by Kevin Martins, The Long Road by Lola Harvey, Look At Me I'm Underhalls Too by Mark "
    "McGill-Smith, e1m1 by Ralph Vickers: songs of Freedoom 0.12.1, BSD-3-Clause, github.com/freedoom/freedoom, played "
    "on Fluid (R3) General MIDI by Frank Wen, MIT",
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
    Cut("train_sup/lithium-2", "lithium", 158.0, 25.0),
    Cut("train_sup/rubidium-1", "rubidium", 10.0, 30.0),
    Cut("train_sup/rubidium-2", "rubidium", 76.0, 25.0),
    Cut("train_sup/reggae-try", "lmms-capdan-reggaetry", 8.0, 22.0),
    Cut("train_sup/axe-from-the-80s", "lmms-thomasso-axefromthe80s", 44.0, 22.0),
    Cut("train_sup/realistic-approach", "realistic-approach", 162.0, 22.0),
    Cut("valid/cpu", "lmms-esoxlb-cpu", 28.0, 14.0),
    Cut("valid/final-step", "lmms-saber-finalstep", 52.0, 14.0),
    Cut("valid/the-long-road", "the-long-road", 32.0, 14.0),
    Cut("test/esp", "lmms-momo64-esp", 40.0, 14.0),
    Cut("test/crunk", "lmms-crunk-demo", 1.0, 14.0),
    Cut("test/underhalls-too", "underhalls-too", 20.0, 14.0),
    Cut("test/e1m1", "e1m1", 40.0, 14.0),
    Cut("train_unsup/mixes/potassium", "potassium", 110.0, 45.0, ("mix",)),
    Cut("train_unsup/mixes/hydrogen", "hydrogen", 255.0, 22.0, ("mix",)),
    Cut("train_unsup/mixes/inner-recreation", "lmms-settel-innerrecreation", 50.0, 24.0, ("mix",)),
    Cut("train_unsup/drums/potassium", "potassium", 32.0, 32.0, ("drums",)),
    Cut("train_unsup/drums/zero-sum-game", "lmms-capdan-zerosumgame-originalbyzakarra", 0.0, 12.0, ("drums",)),
    Cut("train_unsup/other/potassium", "potassium", 190.0, 35.0, ("other",)),
    Cut("train_unsup/other/inner-recreation", "lmms-settel-innerrecreation", 4.0, 25.0, ("other",)),
)


def read_part(songs: Path, cut: Cut, part: str) -> files.Audio:
    """Read one part of an excerpt, (channels, samples); "mix" is the sum of drums and other."""
    if part == "mix":
        return read_part(songs, cut, "drums") + read_part(songs, cut, "other")
    path = songs / cut.song / f"{part}.ogg"
    return files.read(path, round(cut.start_seconds * SAMPLE_RATE), round(cut.seconds * SAMPLE_RATE))


def cleaned(audio: files.Audio) -> files.Audio:
    """Take the offset away and fade the first and last milliseconds of (channels, samples) with half a cosine."""
    length = round(FADE_SECONDS * SAMPLE_RATE)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
    faded = audio - audio.mean(axis=1, keepdims=True)  # some synthesisers and sampled instruments have an offset
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
            audio = cleaned(read_part(songs, cut, part))
            levels[part] = f"{level_db(audio):.1f}"
            name = out / cut.place
            write_ogg(name.with_suffix(".ogg") if len(cut.parts) == 1 else name / f"{part}.ogg", audio)
        shown = (levels.get("drums", "-"), levels.get("other", "-"))
        if "mix" in levels:
            shown = (f"mix {levels['mix']}", "-")
        rows.append(f"| {cut.place} | {cut.song} | {cut.start_seconds:g} | {cut.seconds:g} | {shown[0]} | {shown[1]} |")
    dataset, _ = import_dataset("folders", out, name="bundled", licence=LICENCE, credits=CREDITS)
    groups = {Path(cut.place).name: SONGS[cut.song] for cut in CUTS}
    grouped = {
        partition: tuple(replace(track, group=groups[track.name]) for track in dataset.partition(partition))
        for partition in PAIRED_PARTITIONS
    }
    save_manifest(replace(dataset, **grouped), out / FILE_NAME)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print("\n".join(rows))
    print(f"{size / 2**20:.2f} MiB of at most {MAX_BYTES / 2**20:.0f}")
    if size > MAX_BYTES:
        raise SystemExit("too large: shorten the excerpts")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else bundled.FOLDER)
