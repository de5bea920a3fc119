"""A batch in parts: the same gradient, and a way on when memory runs out."""

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

from dssgan.errors import ConfigError, DssganError
from dssgan.training.config import TrainConfig
from dssgan.training.gan import GAN
from dssgan.training.settings import make_config
from dssgan.training.world import World

SETTINGS = {
    "alpha": 0.5, "beta": 0.5, "precision": "float32", "device": "cpu", "gradient_clip": 1e9, "batch_size": 6,
    "critic_augment": {"augment": False},
    "separator": {"name": "unet", "num_layers": 2, "num_initial_filters": 4, "n_fft": 256, "hop_samples": 128,
                  "channels": 1},
    "critic": {"name": "strided", "n_fft": 256, "hop_samples": 128, "num_frames": 16, "num_initial_filters": 4},
}  # fmt: skip


def config(**changes: object) -> TrainConfig:
    return make_config(SETTINGS, changes)


def make_gan(settings: TrainConfig) -> GAN:
    return GAN(settings, World(), torch.device("cpu"), bf16=False)


def batch(size: int = 6, num_samples: int = 128 * 31) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    sources = 0.1 * torch.randn(size, 2, 1, num_samples, generator=generator)
    real = 0.1 * torch.randn(size, 2, 1, num_samples, generator=generator)
    return sources.sum(dim=1), sources, sources.flip(0).sum(dim=1), real


@pytest.mark.parametrize("game", ["wgan_gp", "hinge", "lsgan", "relativistic"])
def test_parts_add_up_to_the_whole(game: str) -> None:
    whole = gradients_of_all_steps(game, accumulate=1)
    for accumulate in (4, 6):  # 4 parts of 6 items: 2, 2, 2
        parts = gradients_of_all_steps(game, accumulate)
        for part, of_whole in zip(parts, whole, strict=True):
            torch.testing.assert_close(part, of_whole, atol=1e-5 * float(of_whole.abs().max()), rtol=1e-3)


def gradients_of_all_steps(game: str, accumulate: int) -> list[Tensor]:
    gan = make_gan(config(accumulate=accumulate, adversarial_loss={"name": game}))
    steepen(gan)
    gan.separator_schedule.base_lrs = [0.0]
    for group in (*gan.separator_optimiser.param_groups, *gan.critic_optimiser.param_groups):
        group["lr"] = 0.0
    mix, sources, unpaired_mix, real = batch()
    torch.manual_seed(3)
    gan.supervised_step(mix, sources)
    found = [gradients(gan.separator)]
    losses = gan.critic_step(unpaired_mix, real)
    if game == "wgan_gp":
        assert losses["gradient_penalty"] > 0.1  # or its gradient would not be in what is compared
    found.append(gradients(gan.critics))
    gan.semi_supervised_step(mix, sources, unpaired_mix, real)
    return [*found, gradients(gan.separator)]


def gradients(module: nn.Module) -> Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in module.parameters() if parameter.grad is not None])


def test_alpha_as_ratio_holds_whatever_the_critics_slope() -> None:
    mix, sources, unpaired_mix, real = batch()
    moves = []
    for slope in (1.0, 100.0):
        gan = make_gan(config(alpha=0.3, alpha_mode="gradient_ratio"))
        with torch.no_grad():
            for critic in gan.critics.critics:
                list(critic.parameters())[-1].mul_(slope)
        losses = gan.semi_supervised_step(mix, sources, unpaired_mix, real)
        moves.append(gradients(gan.separator))
        assert losses["gradient_ratio"] > 0
    torch.testing.assert_close(moves[0], moves[1], atol=1e-6, rtol=1e-3)


def test_alpha_as_ratio_is_of_norms_at_the_weights() -> None:
    found = []
    for alpha in (0.0, 0.3):
        gan = make_gan(config(alpha=alpha, alpha_mode="gradient_ratio"))
        gan.semi_supervised_step(*batch())
        found.append(gradients(gan.separator))
    pairs, both = found
    torch.testing.assert_close((both - pairs).norm(), 0.3 * pairs.norm(), rtol=1e-3, atol=0)


def test_alpha_of_a_step_wins() -> None:
    mix, sources, unpaired_mix, real = batch()
    found = []
    for configured, given in ((0.0, None), (0.5, 0.0), (0.5, None)):
        gan = make_gan(config(alpha=configured))
        gan.semi_supervised_step(mix, sources, unpaired_mix, real, alpha=given)
        found.append(gradients(gan.separator))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_more_parts_than_items_are_refused() -> None:
    with pytest.raises(ConfigError, match="accumulate=7"):
        config(accumulate=7)


@pytest.fixture(scope="module")
def refused_bytes() -> int:
    """A size that this machine's allocator refuses, where half of it is granted; none of it is touched."""
    size = 2**30
    while True:
        try:
            torch.empty(size, dtype=torch.uint8)
        except RuntimeError:
            return size
        size *= 2


def make_hungry(gan: GAN, num_bytes_an_item: int) -> None:
    """Let the separator take so much memory for every item of a batch while it runs."""

    def take(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        torch.empty(len(inputs[0]) * num_bytes_an_item, dtype=torch.uint8)

    gan.separator.register_forward_pre_hook(take)


def test_memory_that_runs_out_halves_the_parts(refused_bytes: int) -> None:
    gan, whole = make_gan(config()), make_gan(config())
    make_hungry(gan, refused_bytes // 4)  # three items at a time fit, six do not
    mix, sources, unpaired_mix, real = batch()
    torch.manual_seed(3)
    losses = [gan.supervised_step(mix, sources), gan.semi_supervised_step(mix, sources, unpaired_mix, real)]
    torch.manual_seed(3)
    expected = [whole.supervised_step(mix, sources), whole.semi_supervised_step(mix, sources, unpaired_mix, real)]
    assert gan._memory.num_parts == 6  # pairs and unpaired mixes go through together, so there one item at a time
    for found, wanted in zip(losses, expected, strict=True):
        assert found["supervised"] == pytest.approx(wanted["supervised"], rel=1e-3)
    for one, other in zip(gan.separator.parameters(), whole.separator.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-2)


def test_memory_too_small_for_one_excerpt_is_one_line(refused_bytes: int) -> None:
    gan = make_gan(config())
    make_hungry(gan, refused_bytes)
    with pytest.raises(DssganError, match="out of memory with a single excerpt"):
        gan.supervised_step(*batch()[:2])


def step_with_little_memory(rank: int, port: int, refused_bytes: int, folder: str) -> None:
    """Take a step in one of two processes, the first of which has no room for it; write down how it ended."""
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    world = World(rank, 2, lambda module: DistributedDataParallel(module, broadcast_buffers=False))
    gan = GAN(config(), world, torch.device("cpu"), bf16=False)
    if rank == 0:
        make_hungry(gan, refused_bytes // 4)
    try:
        gan.supervised_step(*batch()[:2])
        told = "took the step"
    except (DssganError, RuntimeError) as error:
        told = f"{type(error).__name__}: {error}"
    (Path(folder) / str(rank)).write_text(f"{told}, {gan._memory.num_parts} part")
    os._exit(0)  # without waiting for the other


@pytest.mark.slow
def test_processes_that_train_together_do_not_try_again(refused_bytes: int, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(step_with_little_memory, args=(port, refused_bytes, str(tmp_path)), nprocs=2)
    first, second = ((tmp_path / str(rank)).read_text() for rank in range(2))
    assert first.startswith("DssganError: out of memory with 6 excerpts at a time: set accumulate=2 and add --resume")
    assert first.endswith(", 1 part")
    # the other, in the middle of averaging gradients, learns of it by the closed connection
    assert second.startswith("RuntimeError")


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_other_errors_are_not_mistaken_for_memory() -> None:
    gan = make_gan(config())
    mix, sources, *_ = batch()
    with pytest.raises(RuntimeError, match="size"):
        gan.supervised_step(mix, sources[..., :-1])
    assert gan._memory.num_parts == 1
