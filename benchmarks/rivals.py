"""Time the shipped separators beside Demucs and Open-Unmix, each by its own program, on the same song.

    python benchmarks/rivals.py [--seconds 60] [--rounds 3] [--engines torch onnxruntime openvino]

Each run is a process of its own with two threads, from its start to its last file, as its users run it: default
segments, overlap and shifts, but for Demucs's one random shift, which would double its work. Programs take turns, so
that what else the machine does falls on all. The rivals' weights are random, which changes no speed. Demucs gives four
sources and Open-Unmix, asked for drums, two; no smaller network of theirs gives drums alone.
"""

import argparse
import os
import statistics
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from machine import describe
from members import (
    OPEN_UNMIX,
    SOURCES,
    num_parameters,
    run,
    spread,
    write_demucs,
    write_open_unmix,
    write_song,
)  # fmt: skip

THREADS = "2"
MEMBER = "ensembles/default/member_1"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="length of the song (60)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each program (3)")
    parser.add_argument("--engines", nargs="+", default=["torch"], help="of dssgan separate (torch)")
    parser.add_argument("--own", action="store_true", help="leave the rivals out")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = THREADS
    print(f"{describe()}; {arguments.seconds:g} s of stereo, {arguments.rounds} rounds, {THREADS} threads\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        song, out = folder / "song.wav", folder / "out"
        out.mkdir()
        write_song(song, arguments.seconds)
        contenders = {
            f"dssgan {model}{'' if engine == 'torch' else f', {engine}'}": _ours(model, engine, song, out)
            for model in ("default", MEMBER)
            for engine in arguments.engines
        }
        if not arguments.own:
            contenders |= _rivals(folder, song, out)
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        memory = dict.fromkeys(contenders, 0.0)
        for number in range(-1, arguments.rounds):  # the first round fills caches and counts for nothing
            for contender, command in contenders.items():
                took, mebibytes = run(command)
                if number >= 0:
                    seconds[contender].append(took)
                    memory[contender] = max(memory[contender], mebibytes)
    first = next(iter(contenders))
    print("| program | seconds, median (least to most) | x real time | time against the first | MiB |")
    print("|---|---|---|---|---|")
    for contender, times in seconds.items():
        ratio = statistics.median(one / other for one, other in zip(times, seconds[first], strict=True))
        speed = arguments.seconds / statistics.median(times)
        print(f"| {contender} | {spread(times)} | {speed:.1f} | {ratio:.2f} | {memory[contender]:.0f} |")


def _ours(model: str, engine: str, song: Path, out: Path) -> list[str]:
    return [
        sys.executable, "-c", "from dssgan.cli import main; main()", "separate", str(song), "-m", model, "-o",
        str(out / "dssgan"), "--overwrite", "-q", "--engine", engine, "-d", "cpu",
    ]  # fmt: skip


def _rivals(folder: Path, song: Path, out: Path) -> dict[str, list[str]]:
    # in another process: what this one holds would count as the memory of those it starts
    with ProcessPoolExecutor(1, get_context("spawn")) as elsewhere:
        _, demucs, size = elsewhere.submit(write_demucs, folder).result()
        version_three, size_three = elsewhere.submit(_write_hdemucs, folder).result()
        _, unmix, size_unmix = elsewhere.submit(write_open_unmix, folder).result()
    rivals = {f"Demucs 4.1, htdemucs ({size / 1e6:.0f} M)": _demucs(demucs, "own", song, out)}
    rivals[f"Demucs 4.1, hdemucs ({size_three / 1e6:.0f} M)"] = _demucs(version_three, "three", song, out)
    command = [sys.executable, "-c", OPEN_UNMIX, str(unmix), str(song), str(out)]
    return rivals | {f"Open-Unmix 1.3, umxhq, drums and residual ({size_unmix / 1e6:.0f} M)": command}


def _demucs(repository: Path, name: str, song: Path, out: Path) -> list[str]:
    return [
        sys.executable, "-m", "demucs", "-n", name, "--repo", str(repository), "--shifts", "0", "-d", "cpu", "-o",
        str(out), str(song),
    ]  # fmt: skip


def _write_hdemucs(folder: Path) -> tuple[Path, int]:
    """Write hybrid Demucs of version 3 with random weights, as Demucs does."""
    from demucs.hdemucs import HDemucs
    from demucs.states import get_state, save_with_checksum

    torch.manual_seed(0)
    network = HDemucs(SOURCES)  # the class's own settings
    args, kwargs = network._init_args_kwargs
    place = folder / "demucs three"
    place.mkdir()
    package = {"klass": HDemucs, "args": args, "kwargs": kwargs, "state": get_state(network, None)}
    save_with_checksum(package, place / "three.th")
    return place, num_parameters(network)


if __name__ == "__main__":
    main()
