"""Training: audio seconds per second, for each architecture, against the same step on tensors already in memory.

The floor is the step itself; what lies between is decoding, cutting and mixing excerpts. Both run in turns in one
process, and the ratio is taken turn by turn. Then two processes that train together against one, a core each, likewise
in turns, beside two that share nothing: what the machine itself can give. On a GPU, the share of the card's peak that
the supervised step's arithmetic comes to.
"""

import argparse
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.queues import Queue

import torch
from machine import describe
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from dssgan.data.dataset import Dataset
from dssgan.data.loading import load_dataset
from dssgan.inference.device import choose_device, keep_freed_memory, uses_bf16
from dssgan.training.batches import Batches
from dssgan.training.gan import GAN
from dssgan.training.settings import make_config
from dssgan.training.world import World

CASES = [
    ("unet", "tiny"), ("unet", "stereo"), ("unet", "parity"), ("tdf_unet", "tiny"), ("sc_lite", "tiny"),
    ("band_split", "tiny"), ("band_split", "causal"),
]  # fmt: skip
GPU_CASES = [(name, "base") for name in ("unet", "tdf_unet", "sc_lite", "band_split")]
Turns = list[tuple[float, float]]
TOGETHER = ("tdf_unet", "tiny")


def seconds_of(work: Callable[[], object], repeats: int) -> float:
    """Time some repeats of a piece of work, in seconds each."""
    started = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - started) / repeats


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="steps a round")
    parser.add_argument("--only", action="append", help="an architecture, or workers; may be given again")
    parser.add_argument("--base", action="store_true", help="the base presets too, as on a GPU")
    parser.add_argument("--peak-tflops", type=float, default=989.0, help="of the card, dense bfloat16; 989 for an H200")
    arguments = parser.parse_args()
    dataset = load_dataset()
    device = choose_device("auto")
    keep_freed_memory()
    print(f"training, {describe()}, {torch.get_num_threads()} threads, {device}; batch 4 of 3 s; median of rounds")
    print(f"{'model':20} {'phase':16} {'audio s/s':>10} {'of the floor':>13} {'spread':>14}")
    cases = CASES + (GPU_CASES if device.type == "cuda" or arguments.base else [])
    for name, preset in cases:
        if name in (arguments.only or [name]):
            measure(name, preset, dataset, device, arguments.rounds, arguments.steps)
    if device.type == "cuda":
        print(f"\nshare of {arguments.peak_tflops:g} Tflop/s, supervised step on tensors in memory")
        for name, preset in GPU_CASES:
            print_share_of_peak(name, preset, device, arguments.peak_tflops)
    elif "workers" in (arguments.only or ["workers"]):
        print_two_workers(arguments.rounds, arguments.steps)


def measure(name: str, preset: str, dataset: Dataset, device: torch.device, num_rounds: int, num_steps: int) -> None:
    """Print the lines of one architecture and preset."""
    critic = "parity" if preset == "parity" else "tiny"
    config = make_config({"separator": {"name": name, "preset": preset}, "critic": {"preset": critic}})
    gan = GAN(config, World(), device, bf16=uses_bf16(config.phase_one.precision, device))
    batches = Batches(config, dataset, gan.separator, 0, device)
    pairs, mixes, reals = batches.pairs(1), batches.unpaired_mixes(1), batches.unpaired_sources(1)
    pair, mix, real = next(pairs), next(mixes), next(reals)
    # the step with fresh excerpts, and the step with excerpts that are there already
    phases: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "supervised": (lambda: gan.supervised_step(*next(pairs)), lambda: gan.supervised_step(*pair)),
        "critics": (lambda: gan.critic_step(next(mixes), next(reals)), lambda: gan.critic_step(mix, real)),
        "semi-supervised": (
            lambda: gan.semi_supervised_step(*next(pairs), next(mixes), real),
            lambda: gan.semi_supervised_step(*pair, mix, real),
        ),
    }
    for phase, (whole, floor) in phases.items():
        whole(), floor()
        rounds = [(seconds_of(whole, num_steps), seconds_of(floor, num_steps)) for _ in range(num_rounds)]
        ratios = sorted(floor_seconds / whole_seconds for whole_seconds, floor_seconds in rounds)
        seconds_per_step = config.phase_one.batch_size * config.phase_one.segment_seconds
        rate = seconds_per_step / statistics.median(seconds for seconds, _ in rounds)
        spread = f"{ratios[0]:.0%} - {ratios[-1]:.0%}"
        print(f"{f'{name} {preset}':20} {phase:16} {rate:10.1f} {statistics.median(ratios):12.0%} {spread:>14}")


def print_share_of_peak(name: str, preset: str, device: torch.device, peak_tflops: float) -> None:
    """Print how much of a card's arithmetic one architecture's training step uses, at the batch that does best."""
    config = make_config({"separator": {"name": name, "preset": preset}})
    best = (0.0, 0, 0.0)
    for batch in (4, 16, 64):
        gan = GAN(config, World(), device, bf16=True)
        mix, sources = batch_of(gan, batch)
        with FlopCounterMode(display=False) as counter:
            gan.supervised_step(mix, sources)
        torch.cuda.synchronize()
        seconds = seconds_of(lambda gan=gan, mix=mix, sources=sources: gan.supervised_step(mix, sources), 5)
        share = counter.get_total_flops() / seconds / 1e12 / peak_tflops
        best = max(best, (share, batch, batch * config.phase_one.segment_seconds / seconds))
    print(f"{f'{name} {preset}':20} {best[0]:6.1%} at batch {best[1]}: {best[2]:.0f} s of audio a second")


def batch_of(gan: GAN, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise as a batch of 3 s: mixes and sources."""
    num_samples = round(gan.phase_one.segment_seconds * gan.separator.sample_rate)
    sources = 0.1 * torch.randn(size, 2, gan.separator.channels, num_samples)
    return sources.sum(dim=1).to(gan.device), sources.to(gan.device)


def print_two_workers(num_rounds: int, num_steps: int) -> None:
    """Print how many times as much two processes train as one, a thread each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [
        context.Process(target=work_together, args=(rank, port, num_rounds, num_steps, results)) for rank in range(2)
    ]
    for process in processes:
        process.start()
    turns = results.get()
    for process in processes:
        process.join()
    print(f"\ntwo workers against one, {' '.join(TOGETHER)}, batch 4 each")
    for what, ratios in zip(("together", "each for itself"), zip(*turns, strict=True), strict=True):
        print(f"{what:16} {statistics.median(ratios):.2f} x ({min(ratios):.2f} - {max(ratios):.2f})")


def work_together(rank: int, port: int, num_rounds: int, num_steps: int, results: "Queue[Turns]") -> None:
    """Be one of the two processes: in turns, one trains alone, both train together, and both each for itself."""
    wrap = partial(DistributedDataParallel, broadcast_buffers=False)  # as in the product
    torch.set_num_threads(1)
    keep_freed_memory()
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    config = make_config({"separator": {"name": TOGETHER[0], "preset": TOGETHER[1]}})
    bf16 = uses_bf16(config.phase_one.precision, torch.device("cpu"))
    alone = GAN(config, World(), torch.device("cpu"), bf16=bf16)
    together = GAN(config, World(rank, 2, wrap), torch.device("cpu"), bf16=bf16)
    batch = batch_of(alone, 4)
    together.supervised_step(*batch)
    alone.supervised_step(*batch)
    turns = []
    for _ in range(num_rounds):
        distributed.barrier()
        seconds = seconds_of(lambda: alone.supervised_step(*batch), num_steps) if rank == 0 else 0.0
        distributed.barrier()
        both = seconds_of(lambda: together.supervised_step(*batch), num_steps)
        distributed.barrier()
        apart = seconds_of(lambda: alone.supervised_step(*batch), num_steps)
        turns.append((2 * seconds / both, 2 * seconds / apart))
    if rank == 0:
        results.put(turns)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
