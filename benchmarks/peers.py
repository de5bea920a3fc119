"""Other people's networks beside ours: each trained for the same time on the same songs, then scored.

    pip install --no-deps --target peers openunmix==1.3.0 demucs==4.1.0 julius==0.2.8 einops==0.8.2
    PYTHONPATH=peers python benchmarks/peers.py --data songs.json

Open-Unmix's network for drums and Hybrid Demucs come from their authors' packages, with their authors' losses and
learning rates; HDemucs also with a quarter of its channels, since the published size takes few steps in minutes on a
processor. All see the same excerpts in the same loop, on their own, one after another, and keep their best epoch by the
validation songs; the test songs, which chose nothing, are scored. The time is the wall's, validation included, and ends
with an epoch; the processor's stands beside it, since a busy machine gives less of it. What was trained already with
the same settings and songs is not trained again.
"""

import argparse
import importlib.util
import json
import os
import statistics
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from machine import describe
from peer_networks import PEERS, REQUIREMENTS, HDemucs, MagnitudeLoss, OpenUnmix, WaveLoss
from synthetic import scores

from dssgan.atomic import write_text
from dssgan.data.dataset import Dataset, Track
from dssgan.data.loading import load_dataset
from dssgan.inference.device import choose_device, uses_bf16
from dssgan.losses import SUPERVISED_LOSSES
from dssgan.separators import SEPARATORS
from dssgan.training.batches import Batches
from dssgan.training.config import TrainConfig
from dssgan.training.gan import GAN
from dssgan.training.phases import train
from dssgan.training.settings import make_config, parse_overrides
from dssgan.training.world import World

EPOCH_SECONDS = 40
OURS = ("tdf_unet", "band_split", "sc_lite")
SCALER_BATCHES = 20


class TimeIsUpError(Exception):
    """Ends a training."""


def main() -> None:
    """Train what is not trained yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the bundled songs by default")
    parser.add_argument("--also", type=Path, action="append", default=[], help="another data set; its test songs count")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each network")
    parser.add_argument("--only", choices=[*OURS, *PEERS], action="append", help="may be given again")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/peers"))
    parser.add_argument("settings", nargs="*", help="KEY=VALUE for all networks")
    arguments = parser.parse_args()
    dataset = load_dataset(arguments.data)
    songs: dict[str, tuple[Track, ...]] = {"test": dataset.test}
    for path in arguments.also:
        other = load_dataset(path)
        songs[other.name] = other.test
    SEPARATORS.update(open_unmix=OpenUnmix, hdemucs=HDemucs)
    SUPERVISED_LOSSES.update(magnitude=MagnitudeLoss, wave=WaveLoss)
    lines = []
    for name in [name for name in (*OURS, *PEERS) if name in (arguments.only or (*OURS, *PEERS))]:
        modules, own = PEERS.get(name, ((), {"separator": {"name": name, "preset": "tiny"}}))
        missing = [REQUIREMENTS[module] for module in modules if importlib.util.find_spec(module) is None]
        if missing:
            lines.append(f"{name:14} is left out: pip install --no-deps --target peers {' '.join(missing)}")
            continue
        config = make_config(
            {"separator": {"name": name}, "alpha": 0.0, "beta": 0.0, "phase_two.epochs": 0, "media": False,
             "phase_one.epochs": 100_000, "patience": 100_000,
             "supervised_loss": {"name": "wave_stft"}},  # what the documented figures were measured with
            own, parse_overrides(arguments.settings),
        )  # fmt: skip
        folder = arguments.output / f"{name}-{arguments.minutes:g}"
        row = trained(name, config, dataset, folder, arguments.minutes)
        cells = [scores(folder / "bundle", tracks) for tracks in songs.values()]
        lines.append(
            f"{name:14} {row['parameters'] / 1e6:9.2f}M {row['steps']:6.0f} {row['minutes']:8.1f}"
            f" {row['processor_minutes']:10.1f} {row['music_rate']:19.1f} {row['valid']:10.2f} "
            + " ".join(f"{usdr:8.2f} /{csdr:6.2f}" for usdr, csdr in cells)
        )
    counts = ", ".join(f"{len(tracks)} songs of {group}" for group, tracks in songs.items())
    print(f"\n{arguments.minutes:g} minutes each, {counts}, {describe()}; drums uSDR / cSDR, dB")
    print(
        f"{'network':14} {'parameters':>10} {'steps':>6} {'minutes':>8} {'processor':>10} {'music, x real time':>19}"
        f" {'valid uSDR':>10} " + " ".join(f"{group:>16}" for group in songs)
    )
    print("\n".join(lines))


def trained(name: str, config: TrainConfig, dataset: Dataset, folder: Path, minutes: float) -> dict[str, Any]:
    """Train one network for some minutes, unless that was done, and tell what it took."""
    kept = folder / "training.json"
    same = {"config": config.model_dump(mode="json"), "data": dataset.fingerprint}
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        if found["same"] == same:
            return found
    row = {**run(name, config, dataset, folder, minutes), "same": same}
    write_text(kept, json.dumps(row, indent=2))
    return row


def step_seconds(gan: GAN, pair: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Take one step and time it."""
    started = time.monotonic()
    gan.supervised_step(*pair)
    return time.monotonic() - started


def run(name: str, config: TrainConfig, dataset: Dataset, folder: Path, minutes: float) -> dict[str, Any]:
    """Train one network for some minutes and tell what it took."""
    device = choose_device(config.device)
    gan = GAN(config, World(), device, bf16=uses_bf16(config.phase_one.precision, device))
    pairs = Batches(config, dataset, gan.separator, 0, device).pairs(0)
    seconds = statistics.median(step_seconds(gan, next(pairs)) for _ in range(7))
    # validations as often for the slow as for the fast
    epoch_seconds = min(EPOCH_SECONDS, 30 * minutes)
    config = config.model_copy(update={"steps_per_epoch": max(1, round(epoch_seconds / seconds))})
    if isinstance(gan.separator, OpenUnmix):
        OpenUnmix.scaler = gan.separator.measure_scaler(torch.cat([next(pairs)[0] for _ in range(SCALER_BATCHES)]))
    last: dict[str, float] = {}

    def report(metrics: dict[str, float], _folder: Path) -> None:
        last.update(metrics)
        print(
            f"{name}: epoch {metrics['epoch']:.0f}, {metrics['score']:.2f} dB, {metrics['seconds']:.0f} s", flush=True
        )
        if metrics["seconds"] >= 60 * minutes:
            raise TimeIsUpError

    before = sum(os.times()[:4])  # of this process and those it waited for
    with suppress(TimeIsUpError):
        train(config, dataset, folder, report=report)
    music_seconds = last["separator_steps"] * config.phase_one.batch_size * config.phase_one.segment_seconds
    return {
        "parameters": sum(parameter.numel() for parameter in gan.separator.parameters()),
        "steps": last["separator_steps"],
        "minutes": last["seconds"] / 60,
        "processor_minutes": (sum(os.times()[:4]) - before) / 60,
        "music_rate": music_seconds / last["seconds"],
        "valid": last["best_score"],
    }


if __name__ == "__main__":
    main()
