"""Whole files, as users give them: good, odd and broken."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from dssgan.audio import writer
from dssgan.audio.files import read, write
from dssgan.data.bundled import FOLDER
from dssgan.errors import AudioError, ConfigError, DssganError, ModelError
from dssgan.inference.output import OutputSettings
from dssgan.inference.separator import Separator
from dssgan.separators.bundle import save_bundle

SONG = FOLDER / "train_unsup" / "mixes" / "potassium.ogg"
BITS = {"pcm16": 16, "pcm24": 24}


def steps_of(path: Path, bits: int) -> np.ndarray:
    return soundfile.read(path, dtype="int32", always_2d=True)[0].T.astype(np.int64) >> (32 - bits)


@pytest.fixture(scope="module")
def separator(network, tmp_path_factory) -> Separator:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    save_bundle(folder, "tdf_unet", network, metadata={})
    return Separator.load(folder, "cpu", segment_seconds=1.5)


@pytest.fixture(scope="module")
def excerpt() -> np.ndarray:
    return read(SONG, 44100 * 5, 44100 * 4 + 1)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("subtype", ["pcm16", "pcm24"])
def test_stems_of_a_real_song_sum_to_it(tmp_path, separator, excerpt, subtype, suffix):
    bits = BITS[subtype]
    song = tmp_path / f"song{suffix}"
    write(song, excerpt, 44100, subtype)
    result = separator.separate_file(song, tmp_path / "out", OutputSettings(subtype=subtype, suffix=suffix))
    assert list(result.paths) == ["drums", "other"]
    stems = [steps_of(path, bits) for path in result.paths.values()]
    assert stems[0].any()
    assert stems[1].any()
    np.testing.assert_array_equal(sum(stems), np.rint(result.gain * steps_of(song, bits)))
    assert (result.seconds, result.sample_rate, result.channels) == (excerpt.shape[-1] / 44100, 44100, 2)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"drums{suffix}", f"other{suffix}"]


def test_lossy_song_as_it_is(tmp_path, separator):
    result = separator.separate_file(SONG, tmp_path, OutputSettings(subtype="float32"))
    mix = read(SONG)
    stems = [soundfile.read(path, dtype="float32", always_2d=True)[0].T for path in result.paths.values()]
    np.testing.assert_allclose(sum(stems), mix, atol=1e-6)


def test_file_and_array_agree(tmp_path, separator, excerpt):
    write(tmp_path / "song.wav", excerpt, 44100, "float32")
    result = separator.separate_file(tmp_path / "song.wav", tmp_path / "out", OutputSettings(subtype="float32"))
    stems = separator.separate(excerpt, 44100)
    for source, path in result.paths.items():
        np.testing.assert_array_equal(soundfile.read(path, dtype="float32")[0].T, stems[source])


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 3), (48000, 2), (96000, 1)])
def test_rates_and_channels(tmp_path, separator, rate, channels):
    mix = np.random.default_rng(0).uniform(-0.3, 0.3, (channels, rate // 2 + 1)).astype(np.float32)
    write(tmp_path / "song.wav", mix, rate)
    result = separator.separate_file(tmp_path / "song.wav", tmp_path / "out")
    stems = [soundfile.read(path, always_2d=True) for path in result.paths.values()]
    assert {found for _, found in stems} == {rate}
    total = sum(steps_of(path, 16) for path in result.paths.values())
    np.testing.assert_array_equal(total, steps_of(tmp_path / "song.wav", 16))


def test_every_short_length(separator):
    for num_samples in (*range(1, 8), 1023, 1025):
        mix = np.random.default_rng(0).uniform(-1, 1, (2, num_samples)).astype(np.float32)
        stems = separator.separate(mix, 44100)
        np.testing.assert_allclose(stems["drums"] + stems["other"], mix, atol=1e-6)


def test_shapes_and_kinds_of_array(separator, excerpt):
    assert separator.separate(excerpt[0, :9000], 44100)["drums"].shape == (9000,)
    as_array = separator.separate(excerpt[:, :9000].astype(np.float64), 44100)
    as_tensor = separator.separate(torch.from_numpy(excerpt[:, :9000]), 44100)
    np.testing.assert_array_equal(as_array["drums"], as_tensor["drums"])
    assert as_array["other"].dtype == np.float32
    for tensor in (torch.from_numpy(excerpt[:, :9000]).bfloat16(), torch.from_numpy(excerpt[:, :9000]).half()):
        stems = separator.separate(tensor.requires_grad_(), 44100.0)
        np.testing.assert_allclose(sum(stems.values()), tensor.detach().float().numpy(), atol=1e-6)
    assert (separator.sources, separator.sample_rate, separator.channels) == (("drums", "other"), 44100, 2)


@pytest.mark.parametrize(
    ("mix", "rate", "message"),
    [
        (np.zeros((2, 0), np.float32), 44100, "at least one sample"),
        (np.zeros((1, 2, 3), np.float32), 44100, "at least one sample"),
        (np.zeros((1000, 2), np.float32), 44100, r"the mix must be \(channels, samples\); transpose it"),
        (np.zeros((2, 10), np.int16), 44100, "divide 16-bit integers by 32768"),
        (np.array([0, 0, np.nan]), 1000, r"not a finite number at 0\.002 s"),
        (np.zeros(10), 0, "sample rate 0"),
        (np.zeros(10), "44100", "sample rate 44100"),
        (np.zeros(10), None, "sample rate None"),
        (np.zeros(10), 44100.5, "sample rate 44100.5"),
        ([[0.1, 0.2], [0.1]], 44100, r"mix of list: is no array of floats \(channels, samples\)"),
        (torch.zeros(2, 10).to_sparse(), 44100, "mix of Tensor: is no array of floats"),
        ("song.wav", 44100, "at least one sample"),
        (np.zeros((2, 10), complex), 44100, "mix of complex128: give floats"),
    ],
)
def test_arrays_that_are_no_mix(separator, mix, rate, message):
    with pytest.raises(AudioError, match=message):
        separator.separate(mix, rate)


def test_clipping_stems_share_one_gain(tmp_path, models, excerpt):
    loud = Separator(models["gains"](2.5, -1.5, sample_rate=44100, channels=2), "loud")
    song = tmp_path / "song.wav"
    write(song, excerpt, 44100)
    result = loud.separate_file(song, tmp_path / "out")
    stems = [steps_of(path, 16) for path in result.paths.values()]
    mix = steps_of(song, 16)
    assert result.peak == pytest.approx(2.5 * np.abs(mix).max() / 32768)
    assert result.gain == pytest.approx(1 / result.peak, rel=1e-3)
    np.testing.assert_array_equal(sum(stems), np.rint(result.gain * mix))
    np.testing.assert_allclose(stems[0], 2.5 * result.gain * mix, atol=1)
    assert np.abs(stems[0]).max() < 32768


def test_progress_ends_at_the_length(tmp_path, separator, excerpt):
    write(tmp_path / "song.wav", excerpt, 44100)
    calls: list[tuple[float, float]] = []
    result = separator.separate_file(
        tmp_path / "song.wav", tmp_path / "out", progress=lambda done, total: calls.append((done, total))
    )
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert len(calls) > 2
    assert calls[-1] == (result.seconds, result.seconds)


def test_stopping_leaves_nothing(tmp_path, separator, excerpt):
    def stop(_done: float, _total: float) -> None:
        raise KeyboardInterrupt

    write(tmp_path / "song.wav", excerpt, 44100)
    with pytest.raises(KeyboardInterrupt):
        separator.separate_file(tmp_path / "song.wav", tmp_path / "a" / "out", progress=stop)
    assert [path.name for path in tmp_path.rglob("*")] == ["song.wav"]


def test_mix_is_never_written_over(tmp_path, separator, excerpt):
    write(tmp_path / "drums.wav", excerpt, 44100)
    with pytest.raises(AudioError, match=r"drums\.wav: is the mix itself"):
        separator.separate_file(tmp_path / "drums.wav", tmp_path)
    (tmp_path / "other.flac").mkdir()
    with pytest.raises(AudioError, match=r"other\.flac: is a folder"):
        separator.separate_file(tmp_path / "drums.wav", tmp_path, OutputSettings(suffix=".flac"))


def test_broken_files(tmp_path, separator, excerpt):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no audio")
    soundfile.write(tmp_path / "nothing.wav", np.zeros((0, 2)), 44100)
    bad = excerpt.T.copy()
    bad[44100] = np.nan
    soundfile.write(tmp_path / "nan.wav", bad, 44100, subtype="FLOAT")
    before = sorted(tmp_path.rglob("*"))
    for name, message in (
        ("missing.wav", "no such file"),
        ("empty.wav", "is empty"),
        ("text.wav", "not audio, or corrupt"),
        ("nothing.wav", "holds no samples"),
        ("nan.wav", r"at 1\.000 s is NaN or infinite"),
    ):
        with pytest.raises(AudioError, match=rf"{name}: .*{message}") as caught:
            separator.separate_file(tmp_path / name, tmp_path / "out")
        assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_broken_model(tmp_path, models, excerpt):
    broken = Separator(models["broken"](1.0, 1.0, sample_rate=44100, channels=2), "broken")
    write(tmp_path / "song.wav", excerpt, 44100)
    with pytest.raises(ModelError, match="not finite"):
        broken.separate_file(tmp_path / "song.wav", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("subtype", ["pcm16", "float32"])
def test_stems_too_long_for_a_wav_are_rf64(tmp_path, separator, excerpt, subtype, monkeypatch):
    monkeypatch.setattr(writer, "_MAX_WAV_BYTES", 100_000)  # in place of 4 GiB
    write(tmp_path / "song.flac", excerpt, 44100)
    result = separator.separate_file(tmp_path / "song.flac", tmp_path / "out", OutputSettings(subtype=subtype))
    for path in result.paths.values():
        assert path.read_bytes()[:4] == b"RF64"
        assert soundfile.info(path).frames == excerpt.shape[1]
    total = sum(read(path) for path in result.paths.values())
    np.testing.assert_allclose(total, result.gain * read(tmp_path / "song.flac"), atol=2**-15)


def test_more_channels_than_a_flac_holds_are_refused_before_anything_is_separated(tmp_path, models):
    write(tmp_path / "field.wav", np.zeros((10, 1000), np.float32), 44100)
    broken = Separator(models["broken"](1.0, 1.0, sample_rate=44100, channels=2), "broken")
    with pytest.raises(AudioError, match=r"field\.wav: a flac holds at most 8 channels, not 10; choose wav"):
        broken.separate_file(tmp_path / "field.wav", tmp_path / "out", OutputSettings(suffix=".flac"))


@pytest.mark.parametrize("subtype", ["pcm16", "float32"])
def test_full_disk(tmp_path, models, excerpt, subtype):
    """A limit on the size of files stands for a disk without room: the same error from the same calls."""
    write(tmp_path / "song.wav", excerpt, 44100)
    quick = Separator(models["gains"](0.5, 0.5, sample_rate=44100, channels=2), "quick")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(DssganError, match=r"out.*: cannot be written \(.*\); make space") as caught:
            quick.separate_file(tmp_path / "song.wav", tmp_path / "out", OutputSettings(subtype=subtype))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ".dssgan-" not in str(caught.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["song.wav"]


def test_settings_that_do_not_exist(models):
    model = models["gains"](0.5, 0.5)
    with pytest.raises(ConfigError, match="unknown device"):
        Separator(model, "x", device="abacus")
    with pytest.raises(ConfigError, match=r"overlap 0\.7"):
        Separator(model, "x", overlap=0.7)
    with pytest.raises(ConfigError, match="batch size 0"):
        Separator(model, "x", batch_size=0)
    with pytest.raises(ConfigError, match="unknown precision"):
        Separator(model, "x", precision="half")


PEAK_MEMORY = """
import re, sys
from pathlib import Path
import numpy as np, torch
from dssgan.audio.files import Writer
from dssgan.inference.separator import Separator
from dssgan.separators.base import SeparatorModel

class Half(SeparatorModel):
    def forward(self, mix):
        return torch.stack([mix / 2, mix / 2], dim=1)

torch.set_num_threads(1)
folder, minutes = Path(sys.argv[1]), int(sys.argv[2])
second = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 16000)).astype(np.float32)
with Writer(folder / "song.wav", 16000, 2) as writer:
    for _ in range(60 * minutes):
        writer.write(second)
separator = Separator(Half(("drums", "other"), 8000, 2), "half", segment_seconds=2)
assert separator.separate_file(folder / "song.wav", folder).seconds == 60 * minutes
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_memory_is_flat(tmp_path):
    peaks = []
    for minutes in (1, 10):
        folder = tmp_path / str(minutes)
        folder.mkdir()
        command = [sys.executable, "-c", PEAK_MEMORY, str(folder), str(minutes)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        peaks.append(int(output) / 1024)
    assert peaks[1] - peaks[0] < 60  # MiB; the stems of the nine minutes more would be 132 MiB as float32
