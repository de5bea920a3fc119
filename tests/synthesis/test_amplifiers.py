"""Captured amplifiers and cabinets: a network by hand, blocks that join, damage, and which is which."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dssgan.audio.files import write
from dssgan.errors import DataError
from dssgan.synthesis import amplifiers, guitars, instruments
from dssgan.synthesis.amplifiers import Capture, load_cabinet, load_capture, through_cabinet
from dssgan.synthesis.guitars import Rig
from dssgan.synthesis.instruments import Instrument, Instruments
from dssgan.synthesis.score import Note
from dssgan.types import Audio

RATE = 44100


def stack(channels: int, inputs: int, head: int, dilations: list[int], *, bias: bool) -> dict[str, Any]:
    return {
        "input_size": inputs, "condition_size": 1, "head_size": head, "channels": channels, "kernel_size": 3,
        "dilations": dilations, "activation": "Tanh", "gated": False, "head_bias": bias,
    }  # fmt: skip


STACKS = [stack(4, 1, 3, [1, 2, 4], bias=False), stack(3, 4, 1, [8, 1], bias=True)]


def num_weights(stacks: list[dict[str, Any]]) -> int:
    total = 1
    for one in stacks:
        size = one["channels"]
        total += size * one["input_size"] + one["head_size"] * (size + one["head_bias"])
        total += len(one["dilations"]) * (3 * size**2 + size + size + size**2 + size)
    return total


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    generator = np.random.default_rng(5)
    weights = (0.4 * generator.standard_normal(num_weights(STACKS))).tolist()
    content = {"architecture": "WaveNet", "config": {"layers": STACKS, "head_scale": 0.5}, "weights": weights}
    path = tmp_path / "some amp.nam"
    path.write_text(json.dumps(content | {"sample_rate": RATE}))
    return path


def by_convolutions(content: dict[str, Any], signal: Tensor) -> Tensor:
    """The network as its format describes it, with convolutions; (1, samples) of which the first have no past."""
    weights, taken = torch.tensor(content["weights"]), 0

    def take(*shape: int) -> Tensor:
        nonlocal taken
        taken += math.prod(shape)
        return weights[taken - math.prod(shape) : taken].reshape(shape)

    passed, skipped = signal[None], None
    for one in content["config"]["layers"]:
        size = one["channels"]
        passed = functional.conv1d(passed, take(size, one["input_size"], 1))
        for dilation in one["dilations"]:
            heard = functional.conv1d(passed, take(size, size, 3), take(size), dilation=dilation)
            heard = torch.tanh(heard + functional.conv1d(signal[None, :, -heard.shape[2] :], take(size, 1, 1)))
            skipped = heard if skipped is None else skipped[..., -heard.shape[2] :] + heard
            passed = passed[..., -heard.shape[2] :] + functional.conv1d(heard, take(size, size, 1), take(size))
        assert skipped is not None
        head = take(one["head_size"], size, 1)
        skipped = functional.conv1d(skipped, head, take(one["head_size"]) if one["head_bias"] else None)
    assert skipped is not None
    return skipped[0] * take(1)


def test_a_capture_is_the_network_of_its_file(capture: Path) -> None:
    loaded = load_capture(capture)
    assert loaded.receptive_field == 1 + 2 * (1 + 2 + 4 + 8 + 1)
    signal = 0.3 * np.random.default_rng(0).standard_normal((1, 2000)).astype(np.float32)
    played = loaded.play(signal)
    content = json.loads(capture.read_text())
    wanted = by_convolutions(content, functional.pad(torch.from_numpy(signal), (loaded.receptive_field - 1, 0)))
    np.testing.assert_allclose(played, wanted.numpy(), atol=1e-6)


def test_blocks_join_without_a_trace(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_capture(capture)
    signal = 0.3 * np.random.default_rng(0).standard_normal((1, 5000)).astype(np.float32)
    whole = loaded.play(signal)
    monkeypatch.setattr(amplifiers, "_BLOCK_SAMPLES", 777)
    np.testing.assert_allclose(loaded.play(signal), whole, atol=1e-6)


def test_a_capture_at_another_rate_keeps_length_and_pitch(capture: Path) -> None:
    loaded = load_capture(capture)
    other = Capture(loaded.stacks, loaded.scale, 48000)
    tone = 0.2 * np.sin(2 * np.pi * 441 * np.arange(RATE) / RATE)[None].astype(np.float32)
    played = other.play(tone)
    assert played.shape == tone.shape
    assert np.abs(np.fft.rfft(played[0] - played[0].mean())).argmax() == 441


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"architecture": "LSTM"}, "LSTM is not played"), ({"weights": [0.1] * 5}, "weights are missing"),
        ({"weights": [0.1] * (num_weights(STACKS) + 2)}, "2 weights are left over"), ({"weights": "abc"}, "capture"),
        ({"weights": [float("nan")] * num_weights(STACKS)}, "not a list of numbers"), ({"config": {}}, "layers"),
        ({"config": {"layers": [STACKS[0] | {"gated": True}]}}, "plain ones"), ({"sample_rate": 1}, "captured at 1 Hz"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_gives_one_line(capture: Path, change: dict[str, Any], reason: str) -> None:
    path = capture.with_name("other.nam")
    path.write_text(json.dumps(json.loads(capture.read_text()) | change))
    with pytest.raises(DataError, match=reason) as raised:
        load_capture(path)
    assert str(path) in str(raised.value)
    path.write_bytes(b"\x80\x04 no JSON")
    load_capture.cache_clear()
    with pytest.raises(DataError, match="not an amplifier's capture"):
        load_capture(path)


def impulse(path: Path, seconds: float, level: float = 0.5) -> Path:
    response = np.zeros((1, round(seconds * RATE)), np.float32)
    response[0, 0], response[0, -1] = level, -level
    write(path, response, RATE)
    return path


def test_a_cabinet_is_its_impulse_response_with_a_power_of_one(tmp_path: Path) -> None:
    path = impulse(tmp_path / "a.wav", 0.01)
    np.testing.assert_allclose(np.square(load_cabinet(path)).sum(), 1, rtol=1e-3)
    played = through_cabinet(np.eye(1, 2000, dtype=np.float32), path)
    assert played.shape == (1, 2000)
    assert played[0, 0] == pytest.approx(-played[0, 440], rel=1e-3) == pytest.approx(np.sqrt(0.5), rel=1e-3)
    silent = tmp_path / "silent.wav"
    write(silent, np.zeros((1, 100), np.float32), RATE)
    with pytest.raises(DataError, match="is silent"):
        load_cabinet(silent)


def test_rooms_are_no_cabinets_and_names_tell_where_one_is_included(tmp_path: Path) -> None:
    responses = tuple(Instrument("x", impulse(tmp_path / f"{seconds}.wav", seconds), "") for seconds in (0.2, 1.5))
    assert [one.path.stem for one in amplifiers.cabinets(responses)] == ["0.2"]
    assert amplifiers.has_cabinet(Path("Bug333-Crunch-NoDrive-Cab-ESR0,005.nam"))
    assert not amplifiers.has_cabinet(Path("cabaret_lead.nam"))


def test_files_of_folders_are_found_and_credited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("NAM_models/a.nam", "cabinets/b.wav", "direct/c - Guitar.wav", "elsewhere/d.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setenv(instruments.VARIABLE, ":".join(map(str, sorted(tmp_path.iterdir()))))
    instruments.find.cache_clear()
    try:
        found = instruments.find()
    finally:
        instruments.find.cache_clear()
    assert [one.path.name for one in found.captures] == ["a.nam"]
    assert found.captures[0].credit.startswith("NAM_models: GPL-3.0")
    assert [one.path.name for one in found.responses] == ["b.wav"]
    assert [(one.path.name, one.credit) for one in found.direct] == [("c - Guitar.wav", "direct: see its file")]


def machine(**found: Any) -> Instruments:
    return Instruments((), (), (), (), None, None, **found)


def test_rigs_credit_what_was_captured(capture: Path, tmp_path: Path) -> None:
    cabinet = Instrument("cabinets", impulse(tmp_path / "a.wav", 0.1), "MIT")
    amp = Instrument("amps", capture, "GPL-3.0")
    rigs = [
        guitars.draw_rig(machine(captures=(amp,), responses=(cabinet,)), np.random.default_rng(n)) for n in range(40)
    ]
    assert {frozenset(rig.credits) for rig in rigs} == {frozenset(), frozenset({"amps: GPL-3.0", "cabinets: MIT"})}
    assert guitars.draw_rig(machine(), np.random.default_rng(0)) == Rig()


def plucks(notes: Any) -> Audio:
    track = np.zeros((2, 3 * RATE), np.float32)
    for note in notes:
        start, length = round(note.start_seconds * RATE), round(note.seconds * RATE)
        times = np.arange(min(length, track.shape[1] - start)) / RATE
        track[:, start : start + len(times)] += np.sin(2 * np.pi * 110 * times) * np.exp(-3 * times)
    return track


@pytest.mark.parametrize("captured", [True, False])
def test_parts_are_doubled_left_and_right_by_different_takes(capture: Path, captured: bool) -> None:
    rig = Rig(Instrument("amps", capture, "") if captured else None)
    notes = [Note(0.2 + 0.4 * index, 0.35, 60, 0.8) for index in range(6)]
    recorded = [guitars.record(notes, 3.0, plucks, rig, np.random.default_rng(seed)) for seed in range(12)]
    alike = [float(np.corrcoef(track)[0, 1]) for track in recorded]
    assert all(track.shape == (2, 3 * RATE) for track in recorded)
    assert sum(value > 0.9999 for value in alike) in range(1, 9)  # one take in the middle
    assert min(alike) < 0.99


def test_low_short_tones_are_muted_and_long_ones_feed_back() -> None:
    muted = guitars._dry([Note(0.0, 0.1, 40, 0.8)], 3.0, plucks, fed_back=False)
    ringing = guitars._dry([Note(0.0, 0.1, 60, 0.8)], 3.0, plucks, fed_back=False)
    assert not np.allclose(muted, ringing, atol=1e-3)
    assert np.abs(muted).max() == pytest.approx(0.3, rel=1e-3)
    long = [Note(0.0, 2.8, 60, 0.8)]
    risen = guitars._dry(long, 3.0, plucks, fed_back=True) - guitars._dry(long, 3.0, plucks, fed_back=False)
    assert np.abs(risen[:, : round(0.8 * RATE)]).max() == 0
    spectrum = np.abs(np.fft.rfft(risen[0]))
    assert spectrum.argmax() / 3 == pytest.approx(3 * 261.6, abs=1)  # an octave and a fifth above middle C
    assert guitars._feedback([Note(0.0, 1.0, 60, 0.8)], RATE).max() == 0


def test_a_riff_goes_round_through_the_rig(tmp_path: Path) -> None:
    path = tmp_path / "riff - Guitar.wav"
    write(path, plucks([Note(0.0, 2.0, 60, 0.8)])[:1, : 2 * RATE], RATE)
    played = guitars.riff(Instrument("direct", path, ""), 5.0, Rig(), np.random.default_rng(2))
    assert played.shape == (2, 5 * RATE)
    second = np.abs(played[0]).reshape(5, RATE).max(axis=1)
    assert (second > 0.01).all()
