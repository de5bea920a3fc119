"""Reading by excerpt, and one clear error for whatever is wrong with a file."""

import struct
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.errors import AudioError

RATE = 44100
Song = tuple[NDArray[np.float32], NDArray[np.float32]]

# suffix, ffmpeg's arguments, the largest difference from the song that its coding explains (None: lossy)
KINDS = {
    "wav": (".wav", ["-c:a", "pcm_s16le"], 2**-15),
    "flac": (".flac", ["-c:a", "flac", "-sample_fmt", "s16"], 2**-15),
    "mp3": (".mp3", ["-c:a", "libmp3lame", "-b:a", "192k"], None),
    "mp3 of unknown length": (".mp3", ["-c:a", "libmp3lame", "-q:a", "2", "-write_xing", "0"], None),
    "vorbis": (".ogg", ["-c:a", "libvorbis", "-q:a", "6"], None),
    "alac": (".m4a", ["-c:a", "alac", "-sample_fmt", "s16p"], 2**-15),
    "matroska": (".mka", ["-c:a", "pcm_s16le"], 2**-15),
    "aac": (".m4a", ["-c:a", "aac", "-b:a", "192k", "-aac_pns", "0"], None),
    "raw aac": (".aac", ["-c:a", "aac", "-b:a", "192k", "-aac_pns", "0"], None),
    "opus": (".opus", ["-c:a", "libopus", "-b:a", "160k"], None),
    "webm": (".webm", ["-c:a", "libopus", "-b:a", "160k"], None),
    "wma": (".wma", ["-c:a", "wmav2", "-b:a", "192k"], None),
    "adpcm": (".wav", ["-c:a", "adpcm_ms"], None),
}


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory, song: Song) -> dict[str, Path]:
    """The song in every kind of file."""
    folder = tmp_path_factory.mktemp("encoded")
    source = folder / "source.wav"
    files.write(source, song[0] * 0.9, RATE, "float32")
    paths = {}
    for kind, (suffix, arguments, _) in KINDS.items():
        paths[kind] = folder / f"{kind.replace(' ', '-')}{suffix}"
        subprocess.run(["ffmpeg", "-v", "error", "-i", source, *arguments, paths[kind]], check=True)
    return paths


@pytest.mark.parametrize("kind", KINDS)
def test_an_excerpt_is_what_the_whole_file_holds_there(encoded: dict[str, Path], kind: str, song: Song) -> None:
    path, tolerance = encoded[kind], KINDS[kind][2]
    info, whole = files.probe(path), files.read(path)
    assert whole.dtype == np.float32
    assert whole.shape[0] == info.channels == 2
    assert abs(whole.shape[1] - info.num_frames) / info.sample_rate < 0.1
    assert abs(info.seconds - song[0].shape[1] / RATE) < 0.1
    if tolerance is not None:
        np.testing.assert_allclose(whole, song[0] * 0.9, atol=tolerance)
    for start in (0, 1, 70001, whole.shape[1] - 500):
        excerpt = files.read(path, start, 5000)
        # a transform codec that starts in the middle settles to rounding, far below 16 bits
        np.testing.assert_allclose(excerpt, whole[:, start : start + 5000], atol=1e-5)


@pytest.mark.parametrize("kind", ["wav", "vorbis", "mp3", "aac"])
def test_blocks_join_to_the_whole(encoded: dict[str, Path], kind: str) -> None:
    blocks = list(files.read_blocks(encoded[kind], 10007))
    assert {block.shape[1] for block in blocks[:-1]} == {10007}
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), files.read(encoded[kind]))


def test_only_the_excerpt_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    files.write(path, np.zeros((2, 60 * RATE), np.float32), RATE)
    tracemalloc.start()
    files.read(path, 30 * RATE, RATE)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 4 * RATE * 2 * 4  # some copies of one second, not sixty


def test_other_streams_of_a_file_are_found_by_number(encoded: dict[str, Path], tmp_path: Path) -> None:
    two = tmp_path / "two.mka"
    command = ["ffmpeg", "-v", "error", "-i", encoded["wav"], "-i", encoded["flac"], "-map", "0", "-map", "1"]
    subprocess.run([*command, "-c:a", "flac", two], check=True)
    np.testing.assert_array_equal(files.read(two, stem=1), files.read(encoded["flac"]))
    with pytest.raises(AudioError, match=r"two.mka: has 2 audio streams, none numbered 2"):
        files.probe(two, stem=2)


def _hostile_wav(path: Path, claimed_frames: int) -> None:
    data = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 1, 2, RATE, RATE * 4, 4, 16,
                       b"data", min(claimed_frames * 4, 0xFFFFFFFF))  # fmt: skip
    path.write_bytes(data + bytes(4 * 100))


def test_a_header_that_claims_too_much_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    _hostile_wav(path, 2**31)
    tracemalloc.start()
    assert files.read(path).shape == (2, 100)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2**24


def test_a_flac_that_claims_too_much_is_counted(tmp_path: Path, song: Song) -> None:
    path = tmp_path / "huge.flac"
    files.write(path, song[0][:, :4096], RATE)
    data = bytearray(path.read_bytes())
    # STREAMINFO begins at byte 8; its total of samples is 36 bits that end at byte 18
    data[8 + 13] |= 0x0F
    data[8 + 14 : 8 + 18] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert files.probe(path).num_frames == 4096
    assert files.read(path).shape == (2, 4096)


def _bad(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "bad.wav"
    if kind == "missing":
        return path
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(5000))
    elif kind == "text":
        path.write_text("drums and other\n" * 100)
    elif kind == "no samples":
        soundfile.write(path, np.zeros((0, 2), np.float32), RATE)
    elif kind in ("NaN", "infinite"):
        audio = np.zeros((2, RATE), np.float32)
        audio[1, RATE // 2] = np.nan if kind == "NaN" else np.inf
        soundfile.write(path, audio.T, RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "no such file; check the name"),
        ("folder", "is a folder; name an audio file in it"),
        ("empty", r"is empty \(0 bytes\); replace it"),
        ("noise", "not audio, or corrupt .*; replace it"),
        ("text", "not audio, or corrupt .*; replace it"),
        ("no samples", "holds no samples .*; replace it"),
        ("NaN", "a sample at 0.500 s is NaN or infinite; replace the file"),
        ("infinite", "a sample at 0.500 s is NaN or infinite; replace the file"),
    ],
)
def test_a_bad_file_gets_one_clear_line(tmp_path: Path, kind: str, message: str) -> None:
    path = _bad(tmp_path, kind)
    with pytest.raises(AudioError, match=f"bad.wav'?: {message}") as caught:
        files.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["wav", "flac", "vorbis", "aac", "webm", "mp3"])
def test_a_file_cut_short_is_not_taken_for_a_whole_one(encoded: dict[str, Path], tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"cut{encoded[kind].suffix}"
    data = encoded[kind].read_bytes()
    path.write_bytes(data[: len(data) // 2])
    if kind == "vorbis":  # each page tells only where it is, so what is left is a shorter song, and that is read
        assert 1 < files.read(path).shape[1] / RATE < 3
        return
    with pytest.raises(AudioError, match=r"corrupt|truncated"):
        files.read(path)


@pytest.mark.parametrize("kind", ["wav", "mp3"])
def test_what_is_there_of_a_file_cut_short_can_be_read(encoded: dict[str, Path], tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"cut{encoded[kind].suffix}"
    data = encoded[kind].read_bytes()
    path.write_bytes(data[: len(data) // 2])
    told: list[tuple[float, float]] = []
    blocks = list(files.read_blocks(path, 10_000, on_truncated=lambda *pair: told.append(pair)))
    ((there, promised),) = told
    assert promised == pytest.approx(4, abs=0.1)
    assert sum(block.shape[1] for block in blocks) / RATE == pytest.approx(there)
    assert 1.5 < there < 2.5
    np.testing.assert_array_equal(blocks[0], files.read(encoded[kind], 0, 10_000))


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF - 36])
def test_a_length_that_was_not_known_is_no_truncation(encoded: dict[str, Path], tmp_path: Path, size: int) -> None:
    content = bytearray(encoded["wav"].read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = size.to_bytes(4, "little")
    (tmp_path / "streamed.wav").write_bytes(content)
    np.testing.assert_array_equal(files.read(tmp_path / "streamed.wav"), files.read(encoded["wav"]))


@pytest.mark.parametrize(("start", "length"), [(-1, 10), (200_000, 10), (0, 0), (10, -5)])
def test_an_excerpt_outside_the_file_is_refused(encoded: dict[str, Path], start: int, length: int) -> None:
    with pytest.raises(AudioError, match=r"wav.wav: lasts 4.000 s, but an excerpt"):
        files.read(encoded["wav"], start, length)


def test_odd_names_are_only_names(encoded: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-i.m4a", "http:x.m4a", "a b'c.m4a", "größe.m4a"):
        Path(name).write_bytes(encoded["alac"].read_bytes())
        assert files.probe(Path(name)).num_frames == 4 * RATE
    with pytest.raises(AudioError, match="cannot be opened"):
        files.probe(Path("zero\0byte.wav"))


def test_without_ffmpeg_the_error_says_so(
    encoded: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new.m4a"
    path.write_bytes(encoded["alac"].read_bytes())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError, match=r"new.m4a: only ffmpeg reads this kind of file; install ffmpeg"):
        files.read(path)
    assert files.read(encoded["wav"]).shape == (2, 4 * RATE)


def test_a_playlist_fetches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError, match=r"list\.m3u8"):
        files.read(path)


@settings(max_examples=40)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(encoded: dict[str, Path], tmp_path_factory: pytest.TempPathFactory,
                                           data: st.DataObject) -> None:  # fmt: skip
    kind = data.draw(st.sampled_from(["wav", "flac", "vorbis"]))
    content = bytearray(encoded[kind].read_bytes()[:20000])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, min(400, len(content) - 1)))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"damaged{encoded[kind].suffix}"
    path.write_bytes(content)
    try:
        assert np.isfinite(files.read(path)).all()
    except AudioError as error:
        assert str(path) in str(error)  # noqa: PT017  (either outcome is right)


def _ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-nostdin", *map(str, arguments)], check=True)


def test_joined_mp3s_are_as_long_as_both(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The first part's header tells the first part's length alone."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 5 * 44100)).astype(np.float32)
    files.write(tmp_path / "n.wav", noise, 44100)
    _ffmpeg("-i", tmp_path / "n.wav", "-t", 3, tmp_path / "a.mp3")
    _ffmpeg("-i", tmp_path / "n.wav", "-metadata", "title=x", "-write_id3v1", 1, tmp_path / "b.mp3")
    joined = tmp_path / "joined.mp3"
    joined.write_bytes((tmp_path / "a.mp3").read_bytes() + (tmp_path / "b.mp3").read_bytes())
    assert files.probe(joined).seconds == pytest.approx(8, abs=0.1)
    assert files.read(joined).shape[1] / 44100 == pytest.approx(8, abs=0.1)
    np.testing.assert_allclose(
        files.read(joined, 0, 2 * 44100), files.read(tmp_path / "a.mp3", 0, 2 * 44100), atol=1e-3
    )
    for name, seconds in (("a.mp3", 3), ("b.mp3", 5)):
        assert files.probe(tmp_path / name).seconds == seconds
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".webm", ".mkv"])
def test_the_sound_of_a_video_is_as_long_as_itself(tmp_path: Path, suffix: str) -> None:
    video = tmp_path / f"v{suffix}"
    _ffmpeg(
        "-f", "lavfi", "-i", "testsrc=d=6:s=64x64:r=10", "-f", "lavfi", "-i", "sine=440:d=4:r=48000", "-c:v", "libvpx",
        "-c:a", "libopus", video,
    )  # fmt: skip
    assert files.probe(video).seconds == pytest.approx(4, abs=0.05)
    assert files.read(video).shape[1] == files.probe(video).num_frames


def test_an_mp3_in_a_wav_ends_where_its_sound_ends(tmp_path: Path) -> None:
    """Its header counts whole mp3 frames and the encoder's delay, which decode to nothing."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 5 * 44100)).astype(np.float32)
    files.write(tmp_path / "n.wav", noise, 44100)
    wav = tmp_path / "m.wav"
    _ffmpeg("-i", tmp_path / "n.wav", "-c:a", "libmp3lame", "-f", "wav", wav)
    whole = files.read(wav)
    assert whole.shape[1] / 44100 == pytest.approx(5, abs=0.1)
    start = whole.shape[1] - 1000
    np.testing.assert_allclose(files.read(wav, start, 1000), whole[:, start:], atol=1e-3)
