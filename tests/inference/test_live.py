"""Live separation gives what the model gives at once, a known latency later."""

import numpy as np
import pytest
import torch

from dssgan.audio.files import read
from dssgan.data.bundled import FOLDER
from dssgan.errors import AudioError, ConfigError
from dssgan.inference.live import LiveSeparator
from dssgan.separators import SeparatorModel, build_separator
from dssgan.separators.stacked_bands import StackedBands

SONG = FOLDER / "train_unsup" / "mixes" / "potassium.ogg"


def model(**settings: object) -> SeparatorModel:
    torch.manual_seed(0)
    network = build_separator("band_split", settings, preset="causal")
    with torch.no_grad():
        for parameter in network.parameters():  # fresh masks are nearly constant
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return network.eval()


@pytest.fixture(scope="module")
def mix() -> np.ndarray:
    return read(SONG, 44100 * 5, 44100 * 3 + 123)


def pushed(live: LiveSeparator, mix: np.ndarray, sizes: list[int]) -> np.ndarray:
    parts, position, turn = [], 0, 0
    while position < mix.shape[1]:
        size = sizes[turn % len(sizes)]
        block = mix[:, position : position + size]
        parts.append(live.push(block))
        assert parts[-1].shape[1:] == block.shape
        position, turn = position + size, turn + 1
    return np.concatenate([*parts, live.flush()], axis=-1)


@pytest.mark.parametrize("settings", [{}, {"heads": "independent"}, {"slots": 2}, {"n_fft": 1024, "hop_samples": 256}])
@pytest.mark.parametrize("sizes", [[256], [512], [1, 77, 3000, 5], [1024, 100]])
def test_blocks_give_what_the_whole_gives(mix: np.ndarray, settings: dict, sizes: list[int]) -> None:
    if sizes[0] != 256 and settings:
        mix = mix[:, :30000]
    network = model(**settings)
    live = LiveSeparator(network)
    given = pushed(live, mix, sizes)
    with torch.inference_mode():
        whole = network(torch.from_numpy(mix)[None])[0]
    if settings.get("heads") == "independent":
        whole = whole + (torch.from_numpy(mix) - whole.sum(dim=0)) / len(whole)
    late = live.latency_samples
    assert not given[..., :late].any()
    np.testing.assert_allclose(given[..., late:], whole.numpy(), atol=2e-5)
    np.testing.assert_allclose(given[..., late:].sum(axis=0), mix, atol=2e-6)


def test_latency_is_a_window_and_a_step() -> None:
    live = LiveSeparator(model())
    assert live.latency_samples == 2048 + 512
    assert live.latency_seconds < 0.1


def test_only_models_that_do_not_look_ahead() -> None:
    for network in (build_separator("band_split", {}), build_separator("tdf_unet", {})):
        with pytest.raises(ConfigError, match=r"causal=true; train one with separator\.name=band_split"):
            LiveSeparator(network)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (np.zeros((1, 10), np.float32), r"give \(2, samples\)"),
        (np.full((2, 10), np.nan, np.float32), "not a finite number"),
    ],
)
def test_bad_blocks_are_refused(block: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        LiveSeparator(model()).push(block)


def test_an_error_of_the_thread_is_raised_where_its_stems_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    network = model()
    live = LiveSeparator(network)

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(StackedBands, "advance", fail)
    block = np.zeros((2, 512), np.float32)
    live.push(block)
    live.push(block)  # the first frame is complete
    with pytest.raises(RuntimeError, match="out of memory"):
        live.push(block)
