"""Stem files: their layout is that of Native Instruments' own, and others read them."""

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stempeg

from dssgan.audio import files
from dssgan.audio.formats import STEM_MP4, Encoding
from dssgan.audio.stem_mp4 import add_stem_box, stem_metadata, write_stem_file
from dssgan.audio.stem_streams import stem_names
from dssgan.audio.tags import Picture, Tags, read_tags, write_tags
from dssgan.errors import AudioError

ORIGINAL = Path(stempeg.__file__).parent / "data" / "The Easton Ellises - Falcon 69.stem.mp4"
RATE = 44100


def boxes(data: bytes, start: int = 0, end: int | None = None) -> dict[str, tuple[int, int]]:
    """Where the content of each box of one level begins and ends; the first of a kind."""
    found: dict[str, tuple[int, int]] = {}
    end = len(data) if end is None else end
    while start < end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        found.setdefault(kind.decode("latin1"), (start + head, start + size))
        start += size
    assert start == end  # sizes add up
    return found


def stem_box(path: Path) -> bytes:
    data = path.read_bytes()
    moov = boxes(data, *boxes(data)["moov"])
    inside = boxes(data, *moov["udta"])
    return data[slice(*inside["stem"])]


def audio_streams(path: Path) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-show_streams", "-select_streams", "a", "-of", "json", path]
    streams: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[
        "streams"
    ]
    return streams


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, dict[str, Path], np.ndarray]:
    generator = np.random.default_rng(0)
    sources = 0.2 * generator.standard_normal((2, 2, RATE + 77)).astype(np.float32).cumsum(axis=-1) / 30
    sources = np.clip(sources, -0.5, 0.5)
    paths = {}
    for name, audio in (("mix", sources.sum(axis=0)), ("drums", sources[0]), ("other", sources[1])):
        paths[name] = tmp_path / f"{name}.wav"
        files.write(paths[name], audio, RATE, "pcm24")
    return paths.pop("mix"), paths, sources


def make(parts: tuple[Path, dict[str, Path], np.ndarray], path: Path, **settings: str) -> Path:
    write_stem_file(path, parts[0], parts[1], Encoding(STEM_MP4, **settings), 2)
    add_stem_box(path, tuple(parts[1]))
    return path


def test_metadata_is_laid_out_as_native_instruments_does() -> None:
    original = stem_box(ORIGINAL).decode()
    ours = stem_metadata(("Drums", "Bass", "Other", "Vox"))
    # the same but for the mastering chain, which is off
    assert ours.replace('"enabled": false', '"enabled": true') == original


def test_streams_are_those_of_a_stem_file(tmp_path: Path, parts: tuple[Path, dict[str, Path], np.ndarray]) -> None:
    path = make(parts, tmp_path / "song.stem.mp4")
    assert stem_box(path) == stem_metadata(("drums", "other")).encode()
    streams, theirs = audio_streams(path), audio_streams(ORIGINAL)
    for key in ("codec_name", "profile", "codec_tag_string", "sample_rate", "channels", "time_base"):
        assert [stream[key] for stream in streams] == [stream[key] for stream in theirs]
    assert [stream["disposition"]["default"] for stream in streams] == [1, 0, 0, 0, 0]
    assert len({stream["nb_frames"] for stream in streams}) == 1
    assert len({stream["duration_ts"] for stream in streams}) == 1
    assert stem_names(path) == ("mix", "drums", "other", "-", "-")


def test_stempeg_and_we_read_it_again(tmp_path: Path, parts: tuple[Path, dict[str, Path], np.ndarray]) -> None:
    path = make(parts, tmp_path / "song.stem.mp4", codec="alac")
    sources = parts[2]
    mix = files.read(parts[0])
    read, rate = stempeg.read_stems(str(path))
    assert (rate, read.shape) == (RATE, (5, sources.shape[-1], 2))
    np.testing.assert_allclose(read[0].T, mix, atol=2**-22)
    np.testing.assert_allclose(read[1:3].transpose(0, 2, 1), sources, atol=2**-22)
    assert np.abs(read[3:]).max() == 0
    np.testing.assert_allclose(files.read(path, stem=1), sources[0], atol=2**-22)
    assert files.probe(path).num_frames == sources.shape[-1]


@pytest.mark.parametrize(("rate", "channels"), [(48000, 2), (44100, 1), (96000, 1)])
def test_other_rates_and_mono_become_44100_hz_stereo(tmp_path: Path, rate: int, channels: int) -> None:
    paths = {}
    for name, level in (("mix", 0.5), ("drums", 0.3), ("other", 0.2)):
        tone = level * np.sin(np.arange(rate // 2) * 2 * np.pi * 440 / rate)
        paths[name] = tmp_path / f"{name}.wav"
        files.write(paths[name], np.stack([tone] * channels).astype(np.float32), rate, "pcm24")
    path = tmp_path / "song.stem.mp4"
    write_stem_file(path, paths.pop("mix"), paths, Encoding(STEM_MP4, codec="alac"), channels)
    streams = [files.read(path, stem=number) for number in range(5)]
    assert {stream.shape for stream in streams} == {(2, 22050)}
    peaks = [float(np.abs(stream[:, 1000:-1000]).max()) for stream in streams]
    assert peaks == pytest.approx([0.5, 0.3, 0.2, 0, 0], abs=2e-3)


def test_tags_and_cover_stay_beside_the_stems(tmp_path: Path, parts: tuple[Path, dict[str, Path], np.ndarray]) -> None:
    path = tmp_path / "song.stem.mp4"
    write_stem_file(path, parts[0], parts[1], Encoding(STEM_MP4), 2)
    tags = Tags({"title": ("T",), "bpm": ("128",)}, Picture(b"\x89PNG\r\n\x1a\n" + bytes(300_000), "image/png"))
    write_tags(path, tags)
    add_stem_box(path, ("drums", "other"))
    assert read_tags(path) == tags
    assert stem_box(path) == stem_metadata(("drums", "other")).encode()
    assert files.read(path, stem=2).shape[1] == parts[2].shape[-1]


def test_five_stems_are_too_many(tmp_path: Path, parts: tuple[Path, dict[str, Path], np.ndarray]) -> None:
    many = dict.fromkeys("abcde", parts[0])
    with pytest.raises(AudioError, match="holds 4 stems, not 5; choose some of them"):
        write_stem_file(tmp_path / "song.stem.mp4", parts[0], many, Encoding(STEM_MP4), 2)


def test_what_is_no_mp4_gets_no_box(tmp_path: Path) -> None:
    path = tmp_path / "song.stem.mp4"
    path.write_bytes(b"not an mp4 at all")
    with pytest.raises(AudioError, match="its last box is not moov"):
        add_stem_box(path, ("drums", "other"))
    assert path.read_bytes() == b"not an mp4 at all"
