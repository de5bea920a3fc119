"""Time third-party separators through dssgan, beside the program that each comes from, on the same song.

    python benchmarks/members.py [--seconds 30] [--rounds 3]

Weights are random: they change no speed. Each run is a process of its own, from its start to its last file; programs
take turns, so that what else the machine does falls on all. Shifts and overlap are off in both. Demucs is run by its
own command; Open-Unmix and pymss-core by a few lines with their own functions, since the one's command needs torchaudio
and the other is a library.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import yaml
from machine import describe

from dssgan.audio.files import Writer, read
from dssgan.data.bundled import FOLDER

RATE = 44100
SOURCES = ["drums", "bass", "other", "vocals"]
# A network that two cores can run: published ones have depths of 6 to 12 and widths of 256 to 512.
BS_ROFORMER = {
    "model_type": "bs_roformer",
    "audio": {"chunk_size": 352800, "num_channels": 2, "sample_rate": RATE},
    "model": {"dim": 96, "depth": 2, "stereo": True, "num_stems": 4, "time_transformer_depth": 1,
              "freq_transformer_depth": 1, "dim_head": 32, "heads": 4, "flash_attn": True, "stft_n_fft": 2048,
              "stft_hop_length": 512, "stft_win_length": 2048},
    "training": {"instruments": SOURCES, "target_instrument": None},
    "inference": {"batch_size": 1, "num_overlap": 1},
}  # fmt: skip

OPEN_UNMIX = """
import sys, types
try:
    import torchaudio
except OSError:
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")
import soundfile, torch
from openunmix.utils import load_separator
folder, song, out = sys.argv[1:]
separator = load_separator(folder, targets=["drums"], niter=0, residual=True).eval()
mix, rate = soundfile.read(song, dtype="float32", always_2d=True)
with torch.inference_mode():
    drums, rest = separator(torch.from_numpy(mix.T.copy())[None])[0]
for name, audio in (("drums", drums), ("rest", rest)):
    soundfile.write(f"{out}/{name}.wav", audio.T.numpy(), rate)
"""
PYMSS = """
import sys
import soundfile, torch
from pymss_core import get_model_from_config, load_model_weights
folder, song, out = sys.argv[1:]
network, config = get_model_from_config("bs_roformer", f"{folder}/net.yaml")
load_model_weights(network, f"{folder}/net.ckpt")
network.eval()
mix, rate = soundfile.read(song, dtype="float32", always_2d=True)
mix, length = torch.from_numpy(mix.T.copy()), config.audio.chunk_size
parts = []
with torch.inference_mode():
    for part in mix.split(length, dim=-1):
        padded = torch.nn.functional.pad(part, (0, length - part.shape[-1]))
        parts.append(network(padded[None])[0][..., : part.shape[-1]])
for name, audio in zip(config.training.instruments, torch.cat(parts, dim=-1)):
    soundfile.write(f"{out}/{name}.wav", audio.T.numpy(), rate)
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30, help="length of the song (30)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each program (3)")
    parser.add_argument("--only", help="only families whose name holds this text")
    arguments = parser.parse_args()
    print(f"{describe()}; {arguments.seconds:g} s of stereo, {arguments.rounds} rounds, medians (lowest to highest)\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        song = folder / "song.wav"
        write_song(song, arguments.seconds)
        pairs = {
            "Demucs: htdemucs, 4 sources": (write_demucs(folder), [
                sys.executable, "-m", "demucs", "-n", "own", "--repo", str(folder / "demucs"), "--shifts", "0",
                "--overlap", "0", "-d", "cpu", "-o",
            ]),
            "Open-Unmix: umxhq, drums": (write_open_unmix(folder), [sys.executable, "-c", OPEN_UNMIX]),
            "BS-RoFormer, dim 96, depth 2": (write_bs_roformer(folder), [sys.executable, "-c", PYMSS]),
        }  # fmt: skip
        print(f"{'':30} {'parameters':>11} {'original [s]':>22} {'dssgan [s]':>22} {'ratio':>7} {'MiB':>6} {'MiB':>6}")
        for family, ((reference, place, size), command) in pairs.items():
            if arguments.only is not None and arguments.only not in family:
                continue
            compare(family, reference, place, size, command, song, folder, arguments.rounds)
    print("\nratio: original / dssgan in time; MiB: highest memory of the original, then of dssgan")


def compare(family: str, reference: str, place: Path, size: int, command: list[str], song: Path, folder: Path,
            rounds: int) -> None:  # fmt: skip
    """Run the original and ours in turn, and print a row."""
    theirs, ours, memory = [], [], {"theirs": 0.0, "ours": 0.0}
    for number in range(rounds):
        out = folder / f"{place.name} out {number}"
        out.mkdir(exist_ok=True)
        # Demucs's command takes the folder before the song; the scripts take model, song, folder
        tail = [str(out), str(song)] if "demucs" in command else [str(place), str(song), str(out)]
        seconds, mebibytes = run([*command, *tail])
        theirs.append(seconds)
        memory["theirs"] = max(memory["theirs"], mebibytes)
        seconds, mebibytes = run([
            sys.executable, "-c", "from dssgan.cli import main; main()", "separate", str(song), "-m", reference, "-o",
            str(out), "--overlap", "0", "-q",
        ])  # fmt: skip
        ours.append(seconds)
        memory["ours"] = max(memory["ours"], mebibytes)
    ratio = statistics.median(first / second for first, second in zip(theirs, ours, strict=True))
    print(f"{family:30} {size / 1e6:9.1f} M {spread(theirs):>22} {spread(ours):>22} {ratio:7.2f} "
          f"{memory['theirs']:6.0f} {memory['ours']:6.0f}", flush=True)  # fmt: skip


def run(command: list[str]) -> tuple[float, float]:
    """Run a command; give its seconds and its highest memory, MiB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command[:4])} ended with {os.waitstatus_to_exitcode(status)}:\n{errors[-2000:]}")
    return time.perf_counter() - started, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def spread(seconds: list[float]) -> str:
    """Give the median with the lowest and the highest."""
    return f"{statistics.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"


def write_song(path: Path, seconds: float) -> None:
    """Write a song of that length."""
    music = read(FOLDER / "train_unsup" / "mixes" / "potassium.ogg", 0, RATE * 30)
    missing = round(seconds * RATE)
    with Writer(path, RATE, music.shape[0]) as writer:
        while missing:
            writer.write(music[:, :missing])
            missing -= min(missing, music.shape[1])


def write_demucs(folder: Path) -> tuple[str, Path, int]:
    """Write htdemucs with random weights, as Demucs does."""
    from demucs.htdemucs import HTDemucs
    from demucs.states import get_state, save_with_checksum

    torch.manual_seed(0)
    network = HTDemucs(SOURCES)
    args, kwargs = network._init_args_kwargs
    place = folder / "demucs"
    place.mkdir()
    package = {"klass": HTDemucs, "args": args, "kwargs": kwargs, "state": get_state(network, None)}
    save_with_checksum(package, place / "own.th")
    return f"demucs:{place}", place, num_parameters(network)


def write_open_unmix(folder: Path) -> tuple[str, Path, int]:
    """Write umxhq's network of the drums with random weights, as Open-Unmix does."""
    from dssgan.separators.external.openunmix import OpenUnmix

    torch.manual_seed(0)
    network = OpenUnmix()
    place = folder / "umx"
    place.mkdir()
    torch.save(network.mask.state_dict(), place / "drums.pth")
    (place / "drums.json").write_text(json.dumps({"args": {"nfft": 4096, "nb_channels": 2, "hidden_size": 512}}))
    (place / "separator.json").write_text(
        json.dumps({"nfft": 4096, "nhop": 1024, "nb_channels": 2, "sample_rate": 44100.0})
    )
    return f"openunmix:{place}", place, num_parameters(network)


def write_bs_roformer(folder: Path) -> tuple[str, Path, int]:
    """Write a small BS-RoFormer with random weights and its YAML file."""
    from pymss_core import get_model_from_config

    place = folder / "msst"
    place.mkdir()
    (place / "net.yaml").write_text(yaml.safe_dump(BS_ROFORMER))
    torch.manual_seed(0)
    network, _ = get_model_from_config("bs_roformer", str(place / "net.yaml"))
    torch.save(network.state_dict(), place / "net.ckpt")
    return f"msst:{place}", place, num_parameters(network)


def num_parameters(network: torch.nn.Module) -> int:
    """Count what is trained."""
    return sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    main()
