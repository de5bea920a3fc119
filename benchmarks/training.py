"""Training: audio seconds per second, for each architecture, against the same step on tensors already in memory.

The floor is the step itself; what lies between is decoding, cutting and mixing excerpts. Both run in turns in one
process, and the ratio is taken turn by turn.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from machine import describe

from dssgan.data.dataset import Dataset
from dssgan.inference.device import choose_device, uses_bf16
from dssgan.training.batches import Batches
from dssgan.training.config import make_config
from dssgan.training.gan import GAN
from dssgan.training.world import World

CASES = [
    ("unet", "tiny"),
    ("unet", "stereo"),
    ("unet", "parity"),
    ("tdf_unet", "tiny"),
]


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
    arguments = parser.parse_args()
    dataset = Dataset.load()
    device = choose_device("auto")
    print(f"training, {describe()}, {torch.get_num_threads()} threads, {device}; batch 4 of 3 s; median of rounds")
    print(f"{'model':20} {'phase':16} {'audio s/s':>10} {'of the floor':>13} {'spread':>14}")
    for name, preset in CASES:
        measure(name, preset, dataset, device, arguments.rounds, arguments.steps)


def measure(name: str, preset: str, dataset: Dataset, device: torch.device, num_rounds: int, num_steps: int) -> None:
    """Print the lines of one architecture and preset."""
    critic = "parity" if preset == "parity" else "tiny"
    config = make_config({"separator": {"name": name, "preset": preset}, "critic": {"preset": critic}})
    gan = GAN(config, World(), device, bf16=uses_bf16(config.precision, device))
    batches = Batches(config, dataset, gan.separator, 0, device)
    pairs, mixes, reals = batches.pairs(1), batches.unpaired_mixes(1), batches.unpaired_sources(1)
    pair, mix, real = next(pairs), next(mixes), next(reals)
    # the step with fresh excerpts, and the step with excerpts that are there already
    phases: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "supervised": (lambda: gan.supervised_step(*next(pairs)), lambda: gan.supervised_step(*pair)),
        "critics": (lambda: gan.critic_step(next(mixes), next(reals)), lambda: gan.critic_step(mix, real)),
        "semi-supervised": (
            lambda: gan.semi_supervised_step(*next(pairs), next(mixes)),
            lambda: gan.semi_supervised_step(*pair, mix),
        ),
    }
    for phase, (whole, floor) in phases.items():
        whole(), floor()
        rounds = [(seconds_of(whole, num_steps), seconds_of(floor, num_steps)) for _ in range(num_rounds)]
        ratios = sorted(floor_seconds / whole_seconds for whole_seconds, floor_seconds in rounds)
        rate = config.batch_size * config.segment_seconds / statistics.median(seconds for seconds, _ in rounds)
        spread = f"{ratios[0]:.0%} - {ratios[-1]:.0%}"
        print(f"{f'{name} {preset}':20} {phase:16} {rate:10.1f} {statistics.median(ratios):12.0%} {spread:>14}")


if __name__ == "__main__":
    main()
