"""Ten seconds of each scored song to listen to: small files beside the scores, from which a report is made."""

import io
from pathlib import Path

import numpy as np
import soundfile

from dssgan.atomic import replacing
from dssgan.audio.resample import resample, to_channels
from dssgan.types import Audio

SECONDS = 10.0
SAMPLE_RATE = 48000  # Opus knows no other above 24 kHz
FOLDER = "excerpts"
MIX = "mix"
REST = "rest"  # the mix without the first of two sources: what a drumless track would be
_KBPS_A_CHANNEL = 48
# libsndfile spreads its levels of compression from 1 to 0 over 6 to 256 kbit/s a channel
_COMPRESSION = 1 - (_KBPS_A_CHANNEL - 6) / (256 - 6)


def find_excerpt(target: Audio, sample_rate: int, seconds: float = SECONDS) -> slice:
    """Find the part of a song in which a source has the most energy.

    Args:
        target: the source, (channels, samples).
        sample_rate: Hz.
        seconds: length of the part.

    Returns:
        Its samples; all of them where the song is shorter.
    """
    length = round(seconds * sample_rate)
    energy = np.concatenate([[0.0], np.cumsum(np.square(target.astype(np.float64)).sum(axis=0))])
    start = int(np.argmax(energy[length:] - energy[:-length])) if len(energy) > length else 0
    return slice(start, start + length)


def write_excerpts(folder: Path, signals: dict[str, Audio], sample_rate: int) -> None:
    """Write signals as FOLDER/NAME.opus.

    Args:
        folder: where to.
        signals: (channels, samples) each, all of one length, by NAME.
        sample_rate: Hz.

    Raises:
        WriteError: a file cannot be written.
    """
    for name, signal in signals.items():
        stereo = resample(to_channels(signal, min(len(signal), 2)), sample_rate, SAMPLE_RATE)
        encoded = io.BytesIO()  # libsndfile does not say why a disk refuses
        soundfile.write(
            encoded, stereo.clip(-1, 1).T, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=_COMPRESSION
        )
        with replacing(folder / f"{name}.opus") as temporary:
            temporary.write_bytes(encoded.getvalue())


def song_folder(results: Path, track: str) -> Path:
    """Return the folder with the excerpts of a track's mix and its true sources, or source and rest."""
    return results / FOLDER / track


def method_folder(results: Path, method: str, track: str) -> Path:
    """Return the folder with the excerpts of a method's estimates for a track: the sources, or source and rest."""
    return results / method / FOLDER / track
