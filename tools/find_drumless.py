"""Find music without drums: `python tools/find_drumless.py FOLDER... -o drumless.json`.

Looks at every recording of the folders, or at the whole of those of a minute and less, in excerpts that lie apart, and
tells how much of each a separator takes for drums, and how often something strikes above 4 kHz. What stays below both
limits becomes a data set of songs whose drums are silent; what is close to a limit is told, for somebody to listen to.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dssgan.audio.files import SUFFIXES
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset
from dssgan.data.manifest import save_manifest
from dssgan.data.track import Track
from dssgan.errors import AudioError
from dssgan.inference.separator import Separator
from dssgan.types import Audio

EXCERPTS, SECONDS = 6, 10.0
MOST_DRUMS_DB = -28.0  # of the whole
MOST_STRIKES = 0.4  # a second, above 4 kHz
STRIKE_RATIO = 6.0  # how much louder than before, in power
RATE = 44100


@dataclass(frozen=True)
class Found:
    """What was found in a recording.

    Attributes:
        path: the file.
        drums_db: power of what is taken for drums against the whole, dB; that of the worst excerpt.
        strikes: strikes a second above 4 kHz.
    """

    path: Path
    drums_db: float
    strikes: float

    @property
    def is_drumless(self) -> bool:
        """Below both limits."""
        return self.drums_db <= MOST_DRUMS_DB and self.strikes <= MOST_STRIKES


def main() -> None:
    """Look, print the table and write the data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="fast", help="the separator")
    parser.add_argument("--licence", required=True, help="of all of them")
    parser.add_argument("--credit", action="append", default=[], help="a line of credits; may be given again")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    separator = Separator.load(arguments.model)
    tracks = []
    for path in sorted(path for folder in arguments.folders for path in folder.rglob("*") if path.suffix in SUFFIXES):
        try:
            found = examine(path, separator)
        except AudioError as error:
            print(error)
            continue
        verdict = "without" if found.is_drumless else "with"
        print(f"{verdict:8} {found.drums_db:6.1f} dB {found.strikes:5.2f}/s  {path}")
        if found.is_drumless:
            tracks.append(Track(f"drumless {path.stem}", None, (None, AudioFile.of(path, with_fingerprint=True))))
    dataset = Dataset(
        ("drums", "other"), train_sup=tuple(tracks), name="drumless", licence=arguments.licence,
        credits=tuple(arguments.credit),
    )  # fmt: skip
    save_manifest(dataset, arguments.output)
    print(f"{arguments.output}: {len(tracks)} recordings, {sum(track.duration for track in tracks) / 60:.0f} minutes")


def examine(path: Path, separator: Separator) -> Found:
    """Separate excerpts of a recording, and count strikes."""
    recording = AudioFile.of(path)
    starts = np.linspace(0, max(recording.duration - SECONDS, 0), EXCERPTS if recording.duration > 60 else 3)
    shares, strikes, listened = [], 0, 0.0
    for start in starts:
        excerpt = np.array(recording.read(float(start), min(SECONDS, recording.duration), RATE, 2))
        power = float(np.square(excerpt).mean())
        if power < 1e-7:
            continue
        drums = separator.separate(excerpt, RATE)["drums"]
        shares.append(10 * np.log10(max(float(np.square(drums).mean()) / power, 1e-9)))
        strikes += count_strikes(excerpt)
        listened += excerpt.shape[1] / RATE
    return Found(path, max(shares, default=0.0), strikes / max(listened, 1e-3))


def count_strikes(audio: Audio) -> int:
    """Count how often the power above 4 kHz rises at once, frames of 10 ms."""
    from scipy.signal import butter, sosfilt

    high = sosfilt(butter(4, 4000, "high", fs=RATE, output="sos"), audio.mean(axis=0))
    frames = np.square(high[: len(high) // 441 * 441]).reshape(-1, 441).mean(axis=1)
    before = np.maximum(np.convolve(frames, np.ones(5) / 5)[: len(frames) - 1], 1e-8)
    rises = frames[1:] > STRIKE_RATIO * before
    return int(np.sum(rises[1:] & ~rises[:-1]))


if __name__ == "__main__":
    main()
