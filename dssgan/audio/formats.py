"""Kinds of files that can be written: what each holds, and how it is asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from dssgan.errors import AudioError, ConfigError, unknown


@dataclass(frozen=True)
class Subtype:
    """A kind of samples.

    Attributes:
        sndfile_name: what libsndfile calls it.
        bits: bits of a sample; 0 for floats, which are written as they are.
    """

    sndfile_name: str
    bits: int


SUBTYPES = {
    "pcm16": Subtype("PCM_16", 16),
    "pcm24": Subtype("PCM_24", 24),
    "float32": Subtype("FLOAT", 0),
}


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        subtypes: kinds of samples that it stores, the usual one first; none where a codec decides.
        container: what libsndfile calls it; empty where ffmpeg writes it.
        muxer: what ffmpeg calls it.
        codecs: ffmpeg's codec and its arguments by the name to choose it by, the usual one first.
        kbps: its usual bit rate for each two channels, 1000 bits per second; 0 where the codec's own is better.
        max_channels: the most channels it holds.
        rates: sample rates it holds, rising; none for any.
    """

    subtypes: tuple[str, ...] = ()
    container: str = ""
    muxer: str = ""
    codecs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    kbps: int = 0
    max_channels: int = 1024
    rates: tuple[int, ...] = ()

    def nearest_rate(self, sample_rate: int) -> int:
        """Return the rate itself where the format supports it, else the next higher one, else the highest."""
        return next((rate for rate in self.rates if rate >= sample_rate), self.rates[-1]) if self.rates else sample_rate


_AAC_OR_ALAC = (("aac", ("aac",)), ("alac", ("alac",)))
_MPEG_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
STEM_MP4 = ".stem.mp4"

FORMATS: dict[str, Format] = {
    ".wav": Format(("pcm16", "pcm24", "float32"), "WAV"),
    ".flac": Format(("pcm16", "pcm24"), "FLAC", max_channels=8),
    ".mp3": Format(muxer="mp3", codecs=(("mp3", ("libmp3lame",)),), kbps=320, max_channels=2, rates=_MPEG_RATES),
    # Vorbis' quality 8 is about 256 kbit/s at 44.1 kHz and fits every rate
    ".ogg": Format(muxer="ogg", codecs=(("vorbis", ("libvorbis", "-q:a", "8")),), max_channels=8),
    ".opus": Format(muxer="opus", codecs=(("opus", ("libopus",)),), kbps=192, max_channels=8, rates=(48000,)),
    ".m4a": Format(
        muxer="ipod", codecs=_AAC_OR_ALAC, kbps=256, max_channels=8, rates=(*_MPEG_RATES, 64000, 88200, 96000),
    ),
    STEM_MP4: Format(muxer="ipod", codecs=_AAC_OR_ALAC, kbps=256, max_channels=2, rates=(44100,)),
}  # fmt: skip


@dataclass(frozen=True)
class Encoding:
    """How sound becomes a file.

    Args:
        suffix: kind of file, a key of `FORMATS`.
        subtype: "pcm16", "pcm24" or "float32"; None for the format's usual one.
        codec: one of the codecs that the format supports, such as "alac" in .m4a; None for its usual one.
        kbps: bit rate of a lossy codec, 1000 bits per second; None for its usual one.
        mp3_preset: 0, the best, to 9, the fastest; None for LAME's own.

    Raises:
        ConfigError: an unknown suffix, subtype or codec, or settings that do not go together.
    """

    suffix: str = ".wav"
    subtype: str | None = None
    codec: str | None = None
    kbps: int | None = None
    mp3_preset: int | None = None

    def __post_init__(self) -> None:
        suffix = self.suffix
        if suffix not in FORMATS:
            raise ConfigError(f"cannot write {suffix or 'a file without suffix'}; choose {_one_of(FORMATS)}")
        kind = FORMATS[suffix]
        if self.subtype is not None and self.subtype not in SUBTYPES:
            raise ConfigError(unknown("subtype", self.subtype, SUBTYPES))
        if self.subtype is not None and self.subtype not in kind.subtypes:
            allowed = f"choose {_one_of(kind.subtypes)}, or .wav" if kind.subtypes else "choose .wav or .flac for that"
            raise ConfigError(f"{suffix} cannot hold {self.subtype}; {allowed}")
        codecs = dict(kind.codecs)
        if self.codec is not None and self.codec not in codecs:
            raise ConfigError(
                f"{suffix} cannot hold {self.codec}; {f'choose {_one_of(codecs)}' if codecs else 'leave it out'}"
            )
        if self.kbps is not None and (kind.subtypes or self.codec == "alac" or not 8 <= self.kbps <= 1024):
            raise ConfigError(
                f"bit rate {self.kbps}: {suffix} has none to choose; leave it out"
                if kind.subtypes or self.codec == "alac" else
                f"bit rate {self.kbps} kbit/s: choose from 8 to 1024, such as 256"
            )  # fmt: skip
        if self.mp3_preset is not None and (suffix != ".mp3" or not 0 <= self.mp3_preset <= 9):
            raise ConfigError(f"mp3 preset {self.mp3_preset}: choose from 0, the best, to 9, for .mp3 alone")

    @property
    def format(self) -> Format:
        """The description of its kind of file."""
        return FORMATS[self.suffix]

    @property
    def bits(self) -> int:
        """Bits of the integers that are written or encoded; 0 for floats."""
        if not self.format.subtypes:
            return 24
        return SUBTYPES[self.subtype or self.format.subtypes[0]].bits

    @property
    def codec_arguments(self) -> tuple[str, ...]:
        """ffmpeg's arguments for the codec, without the bit rate."""
        codecs = dict(self.format.codecs)
        return codecs[self.codec or next(iter(codecs))]

    def check(self, path: Path, channels: int) -> None:
        """Refuse audio that such a file cannot hold, before hours are spent on it.

        Args:
            path: for the error message.
            channels: channels of the audio.

        Raises:
            AudioError: too many channels, or ffmpeg is needed and missing.
        """
        if channels > self.format.max_channels:
            name = self.suffix.removeprefix(".")
            raise AudioError(
                f"{path}: {'an' if name[:2] in ('m4', 'mp') else 'a'} {name} holds at most {self.format.max_channels} "
                f"channels, not {channels}; choose wav"
            )
        if self.format.muxer and which("ffmpeg") is None:
            raise AudioError(f"{path}: only ffmpeg writes this kind of file; install ffmpeg (apt-get install ffmpeg)")


def _one_of(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
