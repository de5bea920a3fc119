"""The signals of a song by excerpt, their waveforms and spectrograms."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dssgan.app.click_track import ClickTrack
from dssgan.app.library import Library
from dssgan.app.song import CLICK, MIX, Song
from dssgan.audio.files import read, read_blocks
from dssgan.errors import ConfigError, unknown
from dssgan.types import Audio

PEAK_FRAMES = 256  # samples that one lowest and one highest value stand for
NUM_BANDS = 128
SCALE = 2**14  # of full scale in 16 bits: a stem may be louder than the song it came from
_BLOCK_FRAMES = PEAK_FRAMES * 256
_BANDS_HZ = (40.0, 16000.0)
_WINDOW = 2048
_RANGE_DB = 80.0


@dataclass(frozen=True)
class Sound:
    """The signals of a song of the library: the mix, its stems where it is separated, and a click on its beats.

    Args:
        library: the library.
        song: the song.
    """

    library: Library
    song: Song

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the signals that there are."""
        if self.song.state != "done":
            return (MIX,)
        return (MIX, *self.song.sources, *self.song.sums, *([CLICK] if self.song.beats else []))

    def require(self, name: str) -> None:
        """Refuse a name that there is no signal of.

        Raises:
            ConfigError: there is none.
        """
        if name not in self.names:
            raise ConfigError(unknown("signal", name, self.names))

    def _paths(self, name: str) -> list[Path]:
        if name == MIX:
            return [self.library.source_of(self.song)]
        return [self.library.stems_of(self.song) / f"{part}.wav" for part in self.song.parts_of(name)]

    def excerpt(self, name: str, start_frame: int, num_frames: int) -> Audio:
        """Read an excerpt.

        Args:
            name: one of `names`.
            start_frame: first sample.
            num_frames: samples a channel.

        Returns:
            (channels, samples); as long as the song goes on.

        Raises:
            ConfigError: there is no such signal.
            AudioError: its file cannot be read.
        """
        self.require(name)
        num_frames = max(0, min(num_frames, self.song.num_frames - start_frame))
        if num_frames == 0:
            return np.zeros((self.song.channels, 0), np.float32)
        if name == CLICK:
            return self.click().read(start_frame, num_frames)
        parts = [read(path, start_frame, num_frames) for path in self._paths(name)]
        return parts[0] if len(parts) == 1 else np.sum(parts, axis=0, dtype=np.float32)

    def blocks(self, name: str, num_frames: int = _BLOCK_FRAMES) -> Iterator[Audio]:
        """Read a signal from its beginning to its end.

        Args:
            name: one of `names`.
            num_frames: samples a channel of a block; the last one may be shorter.

        Yields:
            (channels, samples).

        Raises:
            ConfigError: there is no such signal.
            AudioError: its file cannot be read.
        """
        self.require(name)
        if name == CLICK:
            for start in range(0, self.song.num_frames, num_frames):
                yield self.excerpt(name, start, num_frames)
            return
        readers = [read_blocks(path, num_frames, on_truncated=lambda *_: None) for path in self._paths(name)]
        for parts in zip(*readers, strict=True):
            yield parts[0] if len(parts) == 1 else np.sum(parts, axis=0, dtype=np.float32)

    def click(self) -> ClickTrack:
        """Return the click on the song's beats."""
        return ClickTrack(tuple(self.library.beats_of(self.song)), self.song.sample_rate, self.song.channels)

    def waveform(self, name: str) -> Iterator[bytes]:
        """Draw a waveform as it is read: for every `PEAK_FRAMES` samples the lowest and the highest of all channels.

        Yields:
            Pairs of signed bytes, of which 64 is full scale.

        Raises:
            ConfigError: there is no such signal.
            AudioError: its file cannot be read.
        """
        for block in self.blocks(name):
            yield _peaks(block).tobytes()

    def spectrogram(self, name: str, start_frame: int, num_frames: int, width: int) -> NDArray[np.uint8]:
        """Draw a part of a spectrogram.

        Args:
            name: one of `names`.
            start_frame: first sample.
            num_frames: samples a channel.
            width: number of columns.

        Returns:
            (bands, columns), from the highest of `NUM_BANDS` equal steps of pitch down; 255 is loudest, 0 is 80 dB
            below.

        Raises:
            ConfigError: there is no such signal.
            AudioError: its file cannot be read.
        """
        half = _WINDOW // 2
        first = max(start_frame - half, 0)
        audio = self.excerpt(name, first, num_frames + start_frame - first + half).mean(axis=0)
        before = half - (start_frame - first)
        padded = np.pad(audio, (before, _WINDOW))
        starts = np.minimum(np.linspace(0, num_frames, width, endpoint=False).astype(int), len(padded) - _WINDOW)
        windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[starts]
        power = np.square(np.abs(np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32), axis=1)))
        bands = power @ _bands(self.song.sample_rate).T  # (columns, bands)
        level_db = 10 * np.log10(bands / (_WINDOW / 4) ** 2 + 1e-12)
        shade: NDArray[np.uint8] = np.clip((level_db / _RANGE_DB + 1) * 255, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(shade.T[::-1])


def to_bytes(audio: Audio) -> bytes:
    """Return audio, (channels, samples), as 16-bit integers, channel by channel, of which `SCALE` is full scale."""
    return np.clip(np.rint(audio * SCALE), -(2**15), 2**15 - 1).astype("<i2").tobytes()


def _peaks(block: Audio) -> NDArray[np.int8]:
    """Return lowest and highest of every `PEAK_FRAMES` samples, (peaks, 2)."""
    mono = block if block.shape[1] % PEAK_FRAMES == 0 else np.pad(
        block, ((0, 0), (0, -block.shape[1] % PEAK_FRAMES)), mode="edge"
    )  # fmt: skip
    parts = mono.reshape(len(mono), -1, PEAK_FRAMES)
    pairs = np.stack([parts.min(axis=(0, 2)), parts.max(axis=(0, 2))], axis=1)
    peaks: NDArray[np.int8] = np.clip(np.rint(pairs * 64), -128, 127).astype(np.int8)
    return peaks


def _bands(sample_rate: int) -> NDArray[np.float32]:
    """Return how much of each bin each band holds, (bands, bins): triangles at equal steps of pitch."""
    bins_hz = np.fft.rfftfreq(_WINDOW, 1 / sample_rate)
    centres = np.geomspace(*_BANDS_HZ, NUM_BANDS)
    step = centres[1] / centres[0]
    distance = np.abs(np.log(np.maximum(bins_hz, 1)[None] / centres[:, None])) / np.log(step)
    weights = np.maximum(1 - distance, 0)
    # narrow bands at low frequencies fall between two bins: they get the nearest one
    nearest = np.abs(bins_hz[None] - centres[:, None]).argmin(axis=1)
    empty = weights.sum(axis=1) < 1
    weights[empty, nearest[empty]] = 1
    weights[centres > sample_rate / 2] = 0
    bands: NDArray[np.float32] = weights.astype(np.float32)
    return bands
