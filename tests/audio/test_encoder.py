"""What ffmpeg encodes: lengths, rates and channels of every format, and what goes wrong."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dssgan.audio import files
from dssgan.audio.encoder import Encoder, open_writer
from dssgan.audio.formats import FORMATS, STEM_MP4, Encoding
from dssgan.errors import AudioError, ConfigError

CODED = [suffix for suffix, kind in FORMATS.items() if kind.muxer and suffix != STEM_MP4]
SECONDS = 0.7


def tones(rate: int, channels: int) -> np.ndarray:
    """Another tone in each channel, so that channels that change places are noticed."""
    times = np.arange(round(SECONDS * rate) + 1) / rate
    return np.stack([0.3 * np.sin(2 * np.pi * 110 * (2 + number) * times) for number in range(channels)]).astype(
        np.float32
    )


def encode(path: Path, audio: np.ndarray, rate: int, encoding: Encoding) -> np.ndarray:
    with open_writer(path, rate, len(audio), encoding) as writer:
        for start in range(0, audio.shape[1], 5000):
            writer.write(audio[:, start : start + 5000])
    return files.read(path)


@pytest.mark.parametrize("suffix", CODED)
@pytest.mark.parametrize("rate", [44100, 48000])
def test_length_place_and_level_are_kept(tmp_path: Path, suffix: str, rate: int) -> None:
    audio = tones(rate, 2)
    heard = encode(tmp_path / f"a{suffix}", audio, rate, Encoding(suffix))
    held = FORMATS[suffix].nearest_rate(rate)
    assert files.probe(tmp_path / f"a{suffix}").sample_rate == held
    assert abs(heard.shape[1] - audio.shape[1] * held / rate) <= (1 if held != rate else 0)
    if held == rate:  # sample by sample where it was, but for what the codec loses at the ends
        middle = slice(2000, -2000)
        assert np.abs(heard[:, middle] - audio[:, middle]).max() < 0.02
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", CODED)
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (22050, 2), (96000, 2), (192000, 1), (48000, 6), (44100, 8)])
def test_every_rate_and_number_of_channels(tmp_path: Path, suffix: str, rate: int, channels: int) -> None:
    audio = tones(rate, channels)
    if channels > FORMATS[suffix].max_channels:
        with pytest.raises(AudioError, match=f"holds at most {FORMATS[suffix].max_channels} channels, not {channels}"):
            encode(tmp_path / f"a{suffix}", audio, rate, Encoding(suffix))
        assert list(tmp_path.iterdir()) == []
        return
    heard = encode(tmp_path / f"a{suffix}", audio, rate, Encoding(suffix))
    held = FORMATS[suffix].nearest_rate(rate)
    assert heard.shape[0] == channels
    assert abs(heard.shape[1] - audio.shape[1] * held / rate) <= 1
    for number, channel in enumerate(heard):
        if channels >= 6 and number == 3:
            continue  # the low-frequency channel of surround sound keeps the lowest tones alone
        spectrum = np.abs(np.fft.rfft(channel * np.hanning(len(channel)), 1 << 19))
        assert np.argmax(spectrum) * held / (1 << 19) == pytest.approx(110 * (2 + number), abs=2)


def test_alac_loses_nothing(tmp_path: Path) -> None:
    audio = files.quantise(tones(44100, 2), 24).astype(np.float32) / 2**23
    np.testing.assert_array_equal(encode(tmp_path / "a.m4a", audio, 44100, Encoding(".m4a", codec="alac")), audio)


def test_the_bit_rate_is_what_was_asked_for(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 5 * 44100)).astype(np.float32)
    sizes = {}
    for kbps in (128, 320):
        encode(tmp_path / f"{kbps}.mp3", noise, 44100, Encoding(".mp3", kbps=kbps))
        sizes[kbps] = (tmp_path / f"{kbps}.mp3").stat().st_size
    assert sizes[128] == pytest.approx(5 * 128000 / 8, rel=0.03)
    assert sizes[320] == pytest.approx(5 * 320000 / 8, rel=0.03)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"suffix": ".mp5"}, r"cannot write \.mp5; choose \.wav, \.flac, .* or \.stem\.mp4"),
        ({"suffix": ".mp3", "subtype": "pcm16"}, r"\.mp3 cannot hold pcm16; choose \.wav or \.flac for that"),
        ({"suffix": ".mp3", "codec": "aac"}, r"\.mp3 cannot hold aac; choose mp3"),
        ({"suffix": ".wav", "codec": "aac"}, r"\.wav cannot hold aac; leave it out"),
        ({"suffix": ".wav", "kbps": 320}, r"bit rate 320: \.wav has none to choose"),
        ({"suffix": ".m4a", "codec": "alac", "kbps": 320}, r"bit rate 320: \.m4a has none to choose"),
        ({"suffix": ".mp3", "kbps": 4}, r"bit rate 4 kbit/s: choose from 8 to 1024"),
        ({"suffix": ".ogg", "mp3_preset": 2}, r"mp3 preset 2: .* for \.mp3 alone"),
        ({"suffix": ".mp3", "mp3_preset": 10}, r"mp3 preset 10: choose from 0"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Encoding(**settings)


def test_an_error_on_the_way_leaves_what_existed(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_text("what existed")

    def fail_half_way() -> None:
        with Encoder(path, 44100, 2, Encoding(".mp3")) as writer:
            writer.write(tones(44100, 2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_text() == "what existed"
    assert list(tmp_path.iterdir()) == [path]


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(AudioError, match="NaN or infinite"),
        Encoder(tmp_path / "a.ogg", 44100, 1, Encoding(".ogg")) as writer,
    ):
        writer.write(np.full((1, 10), np.nan, np.float32))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg", "a.m4a"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    script = """
import resource, sys
import numpy as np
from pathlib import Path
from dssgan.audio.encoder import open_writer
from dssgan.audio.formats import Encoding
from dssgan.errors import DssganError
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
noise = np.random.default_rng(0).uniform(-1, 1, (2, 441000)).astype(np.float32)
try:
    with open_writer(path, 44100, 2, Encoding(path.suffix)) as writer:
        writer.write(noise)
except DssganError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", script, tmp_path / name], capture_output=True, text=True, check=True)
    assert f"{name}: cannot be written (" in result.stdout
    assert result.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_ffmpeg_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError, match="only ffmpeg writes this kind of file; install ffmpeg"):
        open_writer(tmp_path / "a.mp3", 44100, 2, Encoding(".mp3"))


def test_a_wav_beyond_4_gib_is_rf64(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a.wav", 44100, 2, Encoding(), expected_frames=1 << 31) as writer:
        writer.write(tones(44100, 2))
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64"
    np.testing.assert_allclose(files.read(tmp_path / "a.wav"), tones(44100, 2), atol=2**-16)
