"""`dssgan live` with files; sound cards are not there where tests run."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from dssgan.audio.files import read, write
from dssgan.cli import main
from dssgan.data.bundled import FOLDER
from dssgan.separators import SeparatorModel, build_separator
from dssgan.separators.bundle import load_bundle, save_bundle

SONG = FOLDER / "train_unsup" / "mixes" / "potassium.ogg"


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "causal"
    torch.manual_seed(0)
    save_bundle(folder, "band_split", build_separator("band_split", {}, preset="causal"), metadata={})
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["dssgan", "live", *map(str, arguments)])
    try:
        main()
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


@pytest.mark.parametrize("block", [256, 512])
def test_a_file_in_blocks_is_what_the_model_gives(
    tmp_path: Path, causal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], block: int
) -> None:
    mix = read(SONG, 44100 * 5, 44100)
    write(tmp_path / "song.wav", mix, 44100, "float32")
    assert run(monkeypatch, tmp_path / "song.wav", "-m", causal, "-o", tmp_path / "drums.wav", "--block", block) == 0
    model: SeparatorModel = load_bundle(causal)
    with torch.inference_mode():
        whole = model(torch.from_numpy(mix)[None])[0, 0].numpy()
    np.testing.assert_allclose(read(tmp_path / "drums.wav"), whole, atol=2e-5)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Latency 58 ms")
    assert lines[-1].startswith(f"{-(-44100 // block)} blocks, ")
    assert "too late; they took" in lines[-1]


def test_a_rehearsal_takes_as_long_as_the_song(
    tmp_path: Path, causal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "song.wav", read(SONG, 0, 44100 * 2), 44100)
    for name, options in (("paced", ["--real-time"]), ("fast", [])):
        begun = time.perf_counter()
        assert run(monkeypatch, tmp_path / "song.wav", "-m", causal, "-o", tmp_path / f"{name}.wav", *options) == 0
        if options:
            assert time.perf_counter() - begun >= 2
    np.testing.assert_array_equal(read(tmp_path / "paced.wav"), read(tmp_path / "fast.wav"))
    assert "too late" in capsys.readouterr().err


def test_other_rates_and_mono_are_brought_to_the_models(
    tmp_path: Path, causal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "song.wav", read(SONG, 0, 48000)[0], 48000)
    assert run(monkeypatch, tmp_path / "song.wav", "-m", causal, "-o", tmp_path / "drums.wav", "-q") == 0
    info = soundfile.info(tmp_path / "drums.wav")
    assert (info.samplerate, info.channels) == (44100, 2)
    assert abs(info.frames - 44100) <= 1


def test_one_line_for_what_cannot_be(
    tmp_path: Path, causal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    song, out = tmp_path / "song.wav", tmp_path / "drums.wav"
    write(song, read(SONG, 0, 3000), 44100)
    out.write_text("old")
    for arguments, message in (
        ((song, "-m", "default", "-o", tmp_path / "x.wav"), "live separation needs a model that depends on at most"),
        ((song, "-m", causal, "-o", out), f"{out}: is there already; add --overwrite"),
        ((song, "-m", causal, "-o", tmp_path / "x.wav", "--stem", "drum"), "unknown stem 'drum': did you mean drums"),
        ((tmp_path / "no.wav", "-m", causal, "-o", tmp_path / "x.wav"), "no such file"),
    ):
        assert run(monkeypatch, *arguments, "-q") == 2
        errors = capsys.readouterr().err
        assert message in errors
        assert errors.count("\n") == 1
    assert out.read_text() == "old"
    assert not (tmp_path / "x.wav").exists()


def test_without_a_sound_card_one_line_says_so(
    causal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        import sounddevice

        if sounddevice.query_devices():
            pytest.skip("this machine has a sound card, which a test must not record from")
    except OSError:
        pass  # without PortAudio there is none either
    assert run(monkeypatch, "-m", causal, "-q") == 2
    assert "PortAudio" in (errors := capsys.readouterr().err) or "no sound card: name a track and --output" in errors
