"""Time separation and its memory against the length of the music.

    python benchmarks/separate.py [-m MODEL] [--minutes 1 5 20 60] [--device cpu] [--precision auto]

A bundled song is repeated to each length. Each length runs in a process of its own, because a process only knows its
highest memory so far. Time counts from opening the file to the last rename; loading the model stands in its own column.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measure(model: str, minutes: float, device: str, precision: str) -> dict[str, float]:
    """Separate that many minutes of music in this process.

    Returns:
        Seconds to load the model, seconds to separate, and the process's highest memory, MiB.
    """
    from dssgan.audio.files import Writer, read
    from dssgan.data.bundled import FOLDER
    from dssgan.inference.device import keep_freed_memory
    from dssgan.inference.separator import Separator

    begun = time.perf_counter()
    keep_freed_memory()  # as `dssgan separate` does
    separator = Separator.load(model, device, precision=precision)
    load_seconds = time.perf_counter() - begun
    music = read(FOLDER / "train_unsup" / "mixes" / "potassium.ogg", 0, 44100 * 30)
    with tempfile.TemporaryDirectory() as folder:
        missing = round(minutes * 60 * 44100)
        with Writer(Path(folder) / "song.wav", 44100, music.shape[0]) as writer:
            while missing:
                writer.write(music[:, :missing])
                missing -= min(missing, music.shape[1])
        result = separator.separate_file(Path(folder) / "song.wav", Path(folder) / "stems")
    return {"load": load_seconds, "separate": result.elapsed_seconds, "peak": peak_mebibytes()}


def peak_mebibytes() -> float:
    """Read this process's highest memory."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: getrusage would count what the parent process held before this one began
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-m", "--model", default="default", help="bundle's folder, ensemble or shipped name")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 5, 20, 60], help="lengths (1 5 20 60)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--precision", default="auto", help="float32, bf16 or auto")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.model, options.minutes[0], options.device, options.precision)))
        return

    from machine import describe

    print(f"Model {options.model}, {options.precision}, 44.1 kHz stereo, 16-bit wav in and out")
    print(describe())
    print()
    print("| Music | Separation | x real time | Peak memory | Loading |")
    print("|---|---|---|---|---|")
    for minutes in options.minutes:
        command = [sys.executable, __file__, "--one", "-m", options.model, "--minutes", str(minutes)]
        command += ["--device", options.device, "--precision", options.precision]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if ended.returncode:
            sys.exit(ended.returncode)  # the child has said why
        found = json.loads(ended.stdout)
        speed = minutes * 60 / found["separate"]
        print(
            f"| {minutes:g} min | {found['separate']:.1f} s | {speed:.1f} | {found['peak']:.0f} MiB "
            f"| {found['load']:.2f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
