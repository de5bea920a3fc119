"""Two data-parallel processes give the gradients of one process on the whole batch."""

import os
import socket
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from small_training import steepen
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dssgan.training.gan import GAN
from dssgan.training.settings import make_config
from dssgan.training.world import World

SETTINGS = {
    "alpha": 0.5,
    "beta": 0.5,
    "precision": "float32",
    "device": "cpu",
    "gradient_clip": 1e9,
    "separator": {
        "name": "unet",
        "num_layers": 2,
        "num_initial_filters": 4,
        "n_fft": 256,
        "hop_samples": 128,
        "channels": 1,
    },
    "critic": {"name": "strided", "n_fft": 256, "hop_samples": 128, "num_frames": 16, "num_initial_filters": 4},
}


def batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mixes, sources, unpaired mixes and unpaired sources of four items."""
    generator = torch.Generator().manual_seed(1)
    sources = 0.1 * torch.randn(4, 2, 1, 128 * 31, generator=generator)
    return (
        sources.sum(dim=1),
        sources,
        sources.flip(0).sum(dim=1),
        0.1 * torch.randn(4, 2, 1, 128 * 31, generator=generator),
    )


def gradients(module: nn.Module) -> Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in module.parameters() if parameter.grad is not None])


def run(gan: GAN, items: slice) -> dict[str, Tensor]:
    """Take every kind of step on some items and give each one's gradients; weights stay as they are."""
    mix, sources, unpaired_mix, real = (part[items] for part in batch())
    gan.separator_schedule.base_lrs = [0.0]
    for optimiser in (gan.separator_optimiser, gan.critic_optimiser):
        for group in optimiser.param_groups:
            group["lr"] = 0.0
    found = {}
    # the same numbers as one process draws for the whole batch: items lie along the last dimension but one
    drawn = {dims: torch.rand(*[4] * (dims - 1), 2, generator=torch.Generator().manual_seed(2)) for dims in (2, 3)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "rand", lambda *shape: drawn[2 if len(shape) == 1 else len(shape)][..., items, :])
        for step in range(2):  # buckets are rebuilt after the first step
            gan.supervised_step(mix, sources)
            found[f"supervised {step}"] = gradients(gan.separator)
            losses = gan.critic_step(unpaired_mix, real)
            assert losses["gradient_penalty"] > 0.1  # or its gradient would not be in what is compared
            found[f"critics {step}"] = gradients(gan.critics)
            gan.semi_supervised_step(mix, sources, unpaired_mix, real)
            found[f"semi-supervised {step}"] = gradients(gan.separator)
    return found


def make_gan(world: World) -> GAN:
    gan = GAN(make_config(SETTINGS), world, torch.device("cpu"), bf16=False)
    steepen(gan)
    return gan


def work(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    world = World(rank, 2, lambda module: DistributedDataParallel(module, broadcast_buffers=False))
    found = run(make_gan(world), slice(2 * rank, 2 * rank + 2))
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(work, args=(port, str(tmp_path)), nprocs=2)
    expected = run(make_gan(World()), slice(None))
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found.keys() == expected.keys()
        for name, gradient in expected.items():
            error = (found[name] - gradient).abs().max() / gradient.abs().max()
            assert error < 1e-4, f"{name}: {error}"
    assert (expected["critics 0"] != 0).any()
