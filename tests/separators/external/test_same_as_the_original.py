"""What each family gives is what its own package gives, on real music."""

from pathlib import Path

import numpy as np
import pytest
import torch
from external_checkpoints import (
    MSST,
    hdemucs,
    htdemucs,
    openunmix,
    write_bag,
    write_demucs,
    write_demucs_safetensors,
    write_msst,
    write_openunmix,
)
from numpy.typing import NDArray

from dssgan.audio.resample import resample
from dssgan.inference.overlap_add import SeparationSettings
from dssgan.inference.stream import separate_array
from dssgan.separators.loading import find_model

RATE = 8000
NO_OVERLAP = SeparationSettings(overlap=0.0)


@pytest.fixture(scope="session")
def music(song: tuple[NDArray[np.float32], NDArray[np.float32]]) -> torch.Tensor:
    """A real song at 8 kHz, (channels, samples)."""
    return torch.from_numpy(resample(song[0], 44100, RATE))


def ours(reference: str | Path, mix: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return find_model(reference).load()(mix[None])[0]


def mapped(estimates: torch.Tensor, drums: int = 0) -> torch.Tensor:
    return torch.stack([estimates[drums], estimates.sum(dim=0) - estimates[drums]])


def require_equal(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert expected.abs().max() > 1e-2  # or the test would say nothing
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("form", ["th", "safetensors"])
def test_htdemucs(tmp_path: Path, music: torch.Tensor, form: str) -> None:
    from demucs.api import Separator
    from demucs.hf import load_safetensors_model

    network = htdemucs()
    if form == "th":
        path = write_demucs(tmp_path, "own", network)
        original = Separator("own", repo=tmp_path, device="cpu", shifts=0, overlap=0)
        _, stems = original.separate_tensor(music[:, : 2 * 12000].clone())
    else:
        path = write_demucs_safetensors(tmp_path / "own.safetensors", network)
        assert type(load_safetensors_model(path)).__name__ == "HTDemucs"  # the original reads it, too
        write_demucs(tmp_path / "th", "own", network)
        original = Separator("own", repo=tmp_path / "th", device="cpu", shifts=0, overlap=0)
        _, stems = original.separate_tensor(music[:, : 2 * 12000].clone())
    expected = mapped(torch.stack(list(stems.values())), list(stems).index("drums"))
    model = find_model(f"demucs:{path}").load()
    assert (model.sample_rate, model.channels, model.segment_seconds) == (RATE, 2, 1.5)
    found = torch.cat([ours(f"demucs:{path}", part) for part in music[:, : 2 * 12000].split(12000, dim=-1)], dim=-1)
    require_equal(found, expected)


def test_hdemucs_of_any_length(tmp_path: Path, music: torch.Tensor) -> None:
    from demucs.apply import apply_model

    network = hdemucs()
    path = write_demucs(tmp_path, "own", network)
    mix = music[:, :13001]
    normalised = (mix - mix.mean()) / (mix.mean(dim=0).std() + 1e-8)
    expected = apply_model(network, normalised[None], shifts=0, split=False)[0]
    expected = mapped(expected * (mix.mean(dim=0).std() + 1e-8) + mix.mean())
    require_equal(ours(f"demucs:{path}", mix), expected)


def test_a_bag_with_a_network_for_each_source(tmp_path: Path, music: torch.Tensor) -> None:
    from demucs.apply import BagOfModels, apply_model

    weights = [[1.0, 0.0, 0.0, 0.5], [0.0, 1.0, 1.0, 0.5]]
    networks = [htdemucs(0), htdemucs(1)]
    folder = write_bag(tmp_path / "bag", "two", networks, weights)
    mix = music[:, :12000]
    mean, std = mix.mean(), mix.mean(dim=0).std() + 1e-8
    normalised = ((mix - mean) / std)[None]
    expected = apply_model(BagOfModels(networks, weights), normalised, shifts=0, overlap=0)[0] * std + mean
    require_equal(ours(f"demucs:{folder}", mix), mapped(expected))


def test_openunmix(tmp_path: Path, music: torch.Tensor) -> None:
    folder = write_openunmix(tmp_path / "umx")
    original = openunmix().utils.load_separator(str(folder), targets=["drums"], niter=0, residual=True)
    original.freeze()
    mix = music[:, :20000]
    with torch.inference_mode():
        expected = original(mix[None])[0]
    require_equal(ours(f"openunmix:{folder}", mix), expected)


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
@pytest.mark.parametrize("kind", MSST)
def test_msst(tmp_path: Path, music: torch.Tensor, kind: str, suffix: str) -> None:
    path, network = write_msst(tmp_path, kind, suffix)
    mix = music[:, 4000 : 4000 + MSST[kind]["audio"]["chunk_size"]]
    with torch.inference_mode():
        estimates = network(mix[None])[0]
    expected = mapped(estimates) if estimates.ndim == 3 else torch.stack([estimates, mix - estimates])
    require_equal(ours(f"msst:{path}", mix), expected)


@pytest.mark.parametrize("kind", MSST)
def test_excerpts_of_any_length(tmp_path: Path, music: torch.Tensor, kind: str) -> None:
    path, _ = write_msst(tmp_path, kind)
    for num_samples in (1, 777, 15001):
        found = ours(f"msst:{path}", music[:, :num_samples])
        assert found.shape == (2, 2, num_samples)
        assert torch.isfinite(found).all()


def test_a_song_through_all_of_it_sums_to_the_song(tmp_path: Path, music: torch.Tensor) -> None:
    write_demucs(tmp_path / "demucs", "own", htdemucs())
    write_msst(tmp_path / "msst", "scnet")
    write_openunmix(tmp_path / "umx")
    mix = music[:, :30000].numpy()
    for reference in (f"demucs:{tmp_path}/demucs", f"msst:{tmp_path}/msst", f"openunmix:{tmp_path}/umx"):
        estimates = separate_array(find_model(reference).load(), mix)
        np.testing.assert_allclose(estimates.sum(axis=0), mix, atol=1e-5)
