"""Stems in files sum to the mix, or to one gain times the mix, and appear together or not at all."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dssgan.errors import AudioError, ConfigError
from dssgan.inference.output import OutputSettings
from dssgan.inference.stem_writer import WrittenStems, write_contents
from dssgan.inference.stem_writer import write_stems as write_to

BITS = {"pcm16": 16, "pcm24": 24}
INTEGER_KINDS = [("pcm16", ".wav"), ("pcm24", ".wav"), ("pcm16", ".flac"), ("pcm24", ".flac")]


def write_stems(stream, folder: Path, sources: list[str], *, sample_rate: int, channels: int, **output) -> WrittenStems:
    settings = OutputSettings(**output)
    paths = settings.paths(folder, "song", sources)
    return write_to(stream, paths, sources, sample_rate=sample_rate, channels=channels, output=settings)


def test_stems_that_appear_meanwhile_are_not_replaced(tmp_path: Path) -> None:
    mix = np.full((2, 1000), 0.5, np.float32)
    estimates = np.stack([mix / 2, mix / 2])

    def stream() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield mix, estimates
        (tmp_path / "other.wav").write_text("another process's")

    with pytest.raises(AudioError, match=r"other\.wav: appeared while this track was separated"):
        write_stems(stream(), tmp_path, ["drums", "other"], sample_rate=8000, channels=2, replaces=False)
    assert [path.name for path in tmp_path.iterdir()] == ["other.wav"]
    assert (tmp_path / "other.wav").read_text() == "another process's"
    (tmp_path / "other.wav").unlink()
    write_stems([(mix, estimates)], tmp_path, ["drums", "other"], sample_rate=8000, channels=2, replaces=False)
    assert {path.name for path in tmp_path.iterdir()} == {"drums.wav", "other.wav"}
    write_stems(stream(), tmp_path, ["drums", "other"], sample_rate=8000, channels=2)
    assert soundfile.info(tmp_path / "other.wav").frames == 1000


def test_stems_from_another_machine_appear_together_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "song"
    contents = {folder / "drums.wav": b"first", folder / "other.wav": b"second"}
    write_contents(contents, replaces=False)
    assert {path: path.read_bytes() for path in folder.iterdir()} == contents
    (folder / "drums.wav").unlink()
    with pytest.raises(AudioError, match=r"other\.wav: appeared while this track was separated"):
        write_contents(contents, replaces=False)
    assert [path.name for path in folder.iterdir()] == ["other.wav"]
    write_contents(dict.fromkeys(contents, b"third"), replaces=True)
    assert [path.read_bytes() for path in folder.iterdir()] == [b"third"] * 2


def test_a_name_that_is_too_long_is_refused_beforehand(tmp_path: Path) -> None:
    settings = OutputSettings(filename="{track}-{stem}.{ext}")
    assert settings.paths(tmp_path, "x" * 245, ["drums", "other"])
    with pytest.raises(ConfigError, match=r"more than 255 bytes .*choose a shorter --filename"):
        settings.paths(tmp_path, "x" * 246, ["drums", "other"])
    with pytest.raises(ConfigError, match="more than 255 bytes"):
        settings.paths(tmp_path, "☃" * 82, ["drums", "other"])


def cut(mix: np.ndarray, estimates: np.ndarray, size: int = 700) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, mix.shape[-1], size):
        yield mix[..., start : start + size], estimates[..., start : start + size]


def on_grid(samples: np.ndarray, bits: int) -> np.ndarray:
    return np.clip(np.rint(samples * 2 ** (bits - 1)), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) / 2 ** (bits - 1)


def steps_of(path: Path, bits: int) -> np.ndarray:
    """The integers in a file, (channels, samples)."""
    return soundfile.read(path, dtype="int32", always_2d=True)[0].T.astype(np.int64) >> (32 - bits)


def make(num_sources: int, num_samples: int, bits: int, seed: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    mix = on_grid(generator.uniform(-1, 1, (2, num_samples)), bits)
    estimates = generator.uniform(-level, level, (num_sources, 2, num_samples))
    estimates[-1] = mix - estimates[:-1].sum(0)
    return mix.astype(np.float32), estimates.astype(np.float32)


@pytest.mark.parametrize(("subtype", "suffix"), INTEGER_KINDS)
@pytest.mark.parametrize("num_sources", [2, 5])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), num_samples=st.integers(1, 3000), level=st.sampled_from([0.01, 0.4, 3.0]))
def test_stems_sum_to_the_mix(tmp_path, subtype, suffix, num_sources, seed, num_samples, level):
    bits = BITS[subtype]
    mix, estimates = make(num_sources, num_samples, bits, seed, level)
    sources = [f"part{index}" for index in range(num_sources)]
    written = write_stems(
        cut(mix, estimates), tmp_path, sources, sample_rate=44100, channels=2, subtype=subtype, suffix=suffix
    )
    steps = [steps_of(written.paths[source], bits) for source in sources]
    scaled = mix.astype(np.float64) * written.gain * 2 ** (bits - 1)
    np.testing.assert_array_equal(sum(steps), np.rint(scaled))
    assert written.peak == np.abs(estimates).max()
    assert written.num_frames == num_samples
    if written.gain == 1:
        for step, estimate in zip(steps, estimates, strict=True):
            # one step, and for 24 bits what float32 loses of the running sums
            assert np.abs(step - estimate.astype(np.float64) * 2 ** (bits - 1)).max() <= (1 if bits == 16 else 4)
    else:
        assert written.peak > 1 - 2**-14
        loudest = max(np.abs(step).max() for step in steps)
        assert 2 ** (bits - 1) * (1 - 2**-10) < loudest < 2 ** (bits - 1)


@pytest.mark.parametrize(("subtype", "suffix"), INTEGER_KINDS)
@pytest.mark.parametrize("level", [0.2, 3.0])
def test_sums_of_stems_are_their_sums_to_the_last_bit(tmp_path, subtype, suffix, level):
    bits = BITS[subtype]
    mix, estimates = make(4, 2000, bits, 1, level)
    sources, sums = ["kick", "snare", "hihat", "other"], {"drums": ["kick", "snare", "hihat"]}
    output = OutputSettings(subtype=subtype, suffix=suffix)
    paths = output.paths(tmp_path, "song", [*sources, *sums])
    written = write_to(cut(mix, estimates), paths, sources, sums=sums, sample_rate=8000, channels=2, output=output)
    steps = {name: steps_of(path, bits) for name, path in written.paths.items()}
    np.testing.assert_array_equal(steps["drums"], steps["kick"] + steps["snare"] + steps["hihat"])
    scaled = mix.astype(np.float64) * written.gain * 2 ** (bits - 1)
    np.testing.assert_array_equal(steps["drums"] + steps["other"], np.rint(scaled))
    # what would clip is turned down, be it a sum that does
    assert written.peak == pytest.approx(max(np.abs(estimates).max(), np.abs(estimates[:3].sum(axis=0)).max()))
    assert max(np.abs(step).max() for step in steps.values()) <= 2 ** (bits - 1)

    alone = OutputSettings(subtype=subtype, suffix=suffix, stems=("drums",))
    paths = alone.paths(tmp_path / "alone", "song", [*sources, *sums])
    write_to(cut(mix, estimates), paths, sources, sums=sums, sample_rate=8000, channels=2, output=alone)
    assert [path.name for path in (tmp_path / "alone").iterdir()] == [f"drums{suffix}"]


def test_sums_of_floats(tmp_path):
    mix, estimates = make(3, 500, 16, 2, 0.5)
    output = OutputSettings(subtype="float32")
    paths = output.paths(tmp_path, "song", ["kick", "snare", "other", "drums"])
    sums = {"drums": ["kick", "snare"]}
    write_to([(mix, estimates)], paths, ["kick", "snare", "other"], sums=sums, sample_rate=8000, channels=2,
             output=output)  # fmt: skip
    drums = soundfile.read(paths["drums"], dtype="float32")[0].T
    np.testing.assert_array_equal(drums, estimates[0] + estimates[1])


def test_a_stem_file_holds_four_of_the_stems(tmp_path):
    output = OutputSettings(suffix=".stem.mp4")
    with pytest.raises(ConfigError, match=r"\.stem\.mp4 holds 4 stems, not 5 \(a, b, c, d, e\); choose with --stems"):
        output.paths(tmp_path, "song", list("abcde"))
    chosen = OutputSettings(suffix=".stem.mp4", stems=("e", "a"))
    assert list(chosen.paths(tmp_path, "song", list("abcde"))) == ["a", "e"]


def test_full_scale_mix_needs_no_gain(tmp_path):
    """Both ends of the 16-bit range fit one stem alone, so nothing is turned down."""
    mix = np.array([[-1, 1 - 2**-15, 0, 1 - 2**-15]], np.float32)
    estimates = np.stack([mix, np.zeros_like(mix)])
    written = write_stems([(mix, estimates)], tmp_path, ["drums", "other"], sample_rate=8000, channels=1)
    assert written.gain == 1
    assert steps_of(written.paths["drums"], 16).tolist() == [[-32768, 32767, 0, 32767]]
    assert steps_of(written.paths["other"], 16).tolist() == [[0, 0, 0, 0]]


def test_one_gain_for_all_stems(tmp_path):
    mix = np.array([[0.5, -0.25]], np.float32)
    estimates = np.array([[[1.5, 0.25]], [[-1.0, -0.5]]], np.float32)
    written = write_stems([(mix, estimates)], tmp_path, ["drums", "other"], sample_rate=8000, channels=1)
    assert written.peak == 1.5
    assert written.gain == pytest.approx(1 / 1.5, abs=2e-4)
    np.testing.assert_allclose(steps_of(written.paths["drums"], 16), 32768 * written.gain * estimates[0], atol=1)
    np.testing.assert_allclose(steps_of(written.paths["other"], 16), 32768 * written.gain * estimates[1], atol=1)


def test_float_stems_keep_what_would_clip(tmp_path):
    mix = np.array([[0.5, -0.25]], np.float32)
    estimates = np.array([[[1.5, 0.25]], [[-1.0, -0.5]]], np.float32)
    written = write_stems(
        [(mix, estimates)], tmp_path, ["drums", "other"], sample_rate=8000, channels=1, subtype="float32"
    )
    assert (written.gain, written.peak) == (1, 1.5)
    assert soundfile.read(written.paths["drums"])[0].tolist() == [1.5, 0.25]
    assert soundfile.info(written.paths["other"]).subtype == "FLOAT"


@pytest.mark.parametrize("subtype", ["pcm16", "float32"])
@pytest.mark.parametrize("fault", [KeyboardInterrupt, AudioError])
def test_a_failure_leaves_what_was_there(tmp_path, subtype, fault):
    def stream() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield np.zeros((1, 10), np.float32), np.zeros((2, 1, 10), np.float32)
        raise fault

    old = tmp_path / "song" / "drums.wav"
    old.parent.mkdir()
    old.write_text("old")
    for folder in (old.parent, tmp_path / "new" / "deep"):
        with pytest.raises(fault):
            write_stems(stream(), folder, ["drums", "other"], sample_rate=8000, channels=1, subtype=subtype)
    assert [path.name for path in tmp_path.rglob("*")] == ["song", "drums.wav"]
    assert old.read_text() == "old"


def test_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AudioError, match="cannot be written"):
        write_stems([], tmp_path / "file" / "song", ["drums", "other"], sample_rate=8000, channels=1)


@pytest.mark.parametrize(
    ("subtype", "suffix", "message"),
    [
        ("float32", ".flac", r"\.flac cannot hold float32; choose pcm16 or pcm24"),
        ("pcm8", ".wav", "unknown subtype 'pcm8'"),
        ("pcm16", ".mp3", r"\.mp3 cannot hold pcm16; choose \.wav or \.flac"),
        ("pcm16", ".mp5", r"cannot write \.mp5; choose \.wav, .* or \.stem\.mp4"),
    ],
)
def test_formats_that_do_not_exist(tmp_path, subtype, suffix, message):
    with pytest.raises(ConfigError, match=message):
        write_stems([], tmp_path / "a", ["x"], sample_rate=8000, channels=1, subtype=subtype, suffix=suffix)
    assert not (tmp_path / "a").exists()
