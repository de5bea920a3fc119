"""Overlap-add gives what the model would give at once, however the audio arrives."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dssgan.errors import AudioError, ConfigError, ModelError
from dssgan.inference.overlap_add import SeparationSettings, separate_blocks
from dssgan.inference.stream import separate_array
from dssgan.separators import SeparatorModel

RATE = 8000
GRID = {"segment_seconds": 0.1, "overlap": 0.25}  # 800 samples, 200 of them shared: segments start at 0, 600, 1200, ...


def separate_all(model: SeparatorModel, mix: np.ndarray | torch.Tensor, **settings: object) -> np.ndarray:
    return np.concatenate(list(separate_blocks(model, [np.asarray(mix)], SeparationSettings(**settings))), axis=-1)  # type: ignore[arg-type]


def noise(num_samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (channels, num_samples)).astype(np.float32)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(num_samples=st.integers(1, 4000), cuts=st.lists(st.integers(0, 4000), max_size=20))
def test_cut_of_blocks_changes_no_bit(models, num_samples, cuts):
    model, mix = models["fir"](), noise(num_samples)
    blocks = np.split(mix, sorted(min(cut, num_samples) for cut in cuts), axis=-1)
    streamed = np.concatenate(list(separate_blocks(model, blocks, SeparationSettings(**GRID))), axis=-1)
    np.testing.assert_array_equal(streamed, separate_all(model, mix, **GRID))


def test_blocks_of_one_sample(models):
    model, mix = models["fir"](), noise(1501)
    blocks = [mix[:, [index]] for index in range(mix.shape[-1])]
    streamed = np.concatenate(list(separate_blocks(model, blocks, SeparationSettings(**GRID))), axis=-1)
    np.testing.assert_array_equal(streamed, separate_all(model, mix, **GRID))


@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.25, 0.5])
def test_every_length_comes_back_whole(models, overlap):
    model = models["gains"](0.25, 0.75)  # any fault of the weights or the grid would show in the sum
    for num_samples in range(1, 90):
        mix = noise(num_samples, seed=num_samples)
        estimates = separate_all(model, mix, segment_seconds=20 / RATE, overlap=overlap)
        assert estimates.shape == (2, 1, num_samples)
        np.testing.assert_allclose(estimates, [0.25 * mix, 0.75 * mix], atol=2e-7)


def test_equals_the_model_at_once_away_from_segment_edges(models):
    model, mix = models["fir"](), noise(5000)
    with torch.inference_mode():
        direct = model(torch.from_numpy(mix)[None])[0].numpy()
    estimates = separate_all(model, mix, **GRID)
    edges = np.concatenate([np.arange(600, 5000, 600), np.arange(800, 5000, 600)])
    positions = np.arange(5000)
    is_near = (np.abs(positions[:, None] - edges) <= model.reach).any(axis=1)
    np.testing.assert_allclose(estimates[..., ~is_near], direct[..., ~is_near], atol=1e-6)
    # near an edge the filter misses what lies beyond, but there the segment weighs next to nothing: at most
    # sin^2(pi/2 8.5/200) = 0.0045
    np.testing.assert_allclose(estimates, direct, atol=0.0045)


def test_start_and_end_have_no_fade(models):
    mix = np.ones((1, 2000), np.float32)
    estimates = separate_all(models["gains"](1.0, 0.0), mix, **GRID)
    np.testing.assert_allclose(estimates[0], mix, atol=2e-7)


def test_no_click_where_segments_meet(models):
    """Gains of 0.1 and 0.9 cross-fade over 200 samples: no step exceeds the sine's own and the fade's steepest."""
    sine = np.sin(2 * np.pi * 100 / RATE * np.arange(8000))[None].astype(np.float32)
    estimates = separate_all(models["alternating"](1.0, 1.0), sine, **GRID)
    steps = np.abs(np.diff(estimates)).max()
    assert steps <= 0.9 * 2 * np.pi * 100 / RATE + 0.8 * np.pi / 2 / 200
    np.testing.assert_allclose(estimates.sum(0), sine, atol=3e-7)


def test_sine_stays_a_sine(models):
    """All that is not at the sine's frequency lies 60 dB below it, in the middle and across every border."""
    sine = np.sin(2 * np.pi * 100 / RATE * np.arange(16000))[None].astype(np.float32)
    drums = separate_all(models["fir"](), sine, **GRID)[0, 0, 4000:12000]
    spectrum = np.abs(np.fft.rfft(drums)) / len(drums)
    rest = np.delete(spectrum, 100)
    assert np.sqrt((rest**2).sum()) < spectrum[100] / 1000


@pytest.mark.parametrize("batch_size", [2, 3, 50])
def test_batches_change_nothing(models, batch_size):
    model, mix = models["fir"](channels=2), noise(7001, channels=2)
    batched = separate_all(model, mix, batch_size=batch_size, **GRID)
    np.testing.assert_allclose(batched, separate_all(model, mix, **GRID), atol=1e-6)


def test_stream_is_lazy(models):
    """The first estimates come when one segment and a block have been read, not when all have."""
    num_read = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal num_read
        while True:
            num_read += 100
            yield noise(100)

    estimates = next(separate_blocks(models["fir"](), blocks(), SeparationSettings(**GRID)))
    assert estimates.shape == (2, 1, 600)
    assert num_read == 900


def test_no_audio_gives_no_estimates(models):
    assert list(separate_blocks(models["fir"](), [noise(0)], SeparationSettings(**GRID))) == []


def test_model_decides_its_segment(models):
    model = models["fir"]()
    model.segment_seconds = 0.5
    assert next(separate_blocks(model, [noise(20000)], SeparationSettings(overlap=0))).shape[-1] == 4000
    del model.segment_seconds
    assert next(separate_blocks(model, [noise(80000)], SeparationSettings(overlap=0))).shape[-1] == 64000


def test_model_returns_to_training(models):
    model = models["fir"]().train()
    separate_all(model, noise(100))
    assert model.training


def test_network_on_tensor_and_array_agree(network):
    mix = noise(30000, channels=2)
    short = SeparationSettings(segment_seconds=0.5)
    estimates = separate_array(network, torch.from_numpy(mix), settings=short)
    assert estimates.shape == (2, 2, 30000)
    np.testing.assert_array_equal(
        estimates, separate_array(network, mix, settings=SeparationSettings(segment_seconds=0.5))
    )
    np.testing.assert_allclose(estimates.sum(axis=0), mix, atol=1e-6)


def test_bf16_is_close_to_float32(network):
    mix = noise(22050, channels=2)
    exact = separate_all(network, mix, segment_seconds=0.5)
    rough = separate_all(network, mix, segment_seconds=0.5, precision="bf16")
    error_db = 10 * np.log10(((exact - rough) ** 2).sum() / (exact**2).sum())
    assert -np.inf < error_db < -25


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"overlap": 0.6}, "overlap 0.6"),
        ({"overlap": -0.1}, "overlap -0.1"),
        ({"overlap": float("nan")}, "overlap nan"),
        ({"segment_seconds": 0}, "segment of 0 s"),
        ({"segment_seconds": float("nan")}, "segment of nan s"),
        ({"segment_seconds": 1e-9}, "segment of 1e-09 s"),
        ({"batch_size": 0}, "batch size 0"),
        ({"precision": "int8"}, "unknown precision 'int8'"),
    ],
)
def test_settings_out_of_range(models, setting, message):
    with pytest.raises(ConfigError, match=message):
        separate_all(models["fir"](), noise(100), **setting)


def test_model_that_gives_no_numbers(models):
    with pytest.raises(ModelError, match=r"Broken: gave a number that is not finite after 0\.0 s"):
        separate_all(models["broken"](1.0, 1.0), noise(100))


def test_model_that_gives_another_shape(models):
    model = models["gains"](0.5, 0.5)
    model.sources = ("drums", "bass", "other")
    with pytest.raises(ModelError, match="shape"):
        separate_all(model, noise(100))


def test_mix_that_does_not_fit(models):
    with pytest.raises(AudioError, match="2 channels where the model has 1"):
        separate_all(models["fir"](), noise(100, channels=2))
    for empty in (noise(0), noise(10)[0]):
        with pytest.raises(AudioError, match="at least one sample"):
            separate_array(models["fir"](), empty)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(num_samples=st.integers(1, 6000), shifts=st.integers(2, 4), cuts=st.lists(st.integers(0, 6000), max_size=8))
def test_shifts_change_neither_length_nor_place(models, num_samples, shifts, cuts):
    model, mix = models["gains"](0.25, 0.75), noise(num_samples)
    blocks = np.split(mix, sorted(min(cut, num_samples) for cut in cuts), axis=-1)
    separated = separate_blocks(model, blocks, SeparationSettings(**GRID, shifts=shifts))
    np.testing.assert_allclose(np.concatenate(list(separated), axis=-1), [0.25 * mix, 0.75 * mix], atol=2e-7)


def test_shifts_average_over_grids(models):
    """A filter's error at the segments' edges lies elsewhere on every grid, so it averages down."""
    model, mix = models["fir"](), noise(20000)
    with torch.inference_mode():
        direct = model(torch.from_numpy(mix)[None])[0].numpy()
    one, four = (separate_all(model, mix, segment_seconds=0.1, overlap=0.0, shifts=shifts) for shifts in (1, 4))
    errors = [np.square(found - direct).sum() for found in (one, four)]
    assert errors[1] < 0.4 * errors[0]
    assert np.abs(four - direct).max() < 0.7 * np.abs(one - direct).max()


def test_shifts_are_spread_over_half_a_second(models):
    shifts = SeparationSettings(shifts=8).shifts_in_samples(models["gains"](0.5, 0.5))
    assert shifts[0] == 0
    assert len(set(shifts)) == 8
    assert max(shifts) < 0.5 * RATE
    assert np.diff(sorted(shifts)).max() < 0.5 * RATE / 4


class Places(SeparatorModel):
    """Gives for each sample where it lies in the song, as stems do that are there already."""

    separates_by_sound = False

    def __init__(self) -> None:
        super().__init__(("drums", "other"), RATE, 1)

    def separate_at(self, mix: torch.Tensor, starts: Sequence[int]) -> torch.Tensor:
        places = torch.tensor(starts)[:, None] + torch.arange(mix.shape[-1])
        return places.float()[:, None, None].expand(-1, 2, 1, -1)


@pytest.mark.parametrize(("shifts", "batch_size"), [(1, 1), (1, 2), (1, 5), (3, 1), (4, 2)])
def test_every_segment_lies_where_it_is_said_to(shifts: int, batch_size: int) -> None:
    found = separate_all(Places(), noise(5000), **GRID, shifts=shifts, batch_size=batch_size)
    np.testing.assert_allclose(found, np.broadcast_to(np.arange(5000), (2, 1, 5000)), atol=0.05)
