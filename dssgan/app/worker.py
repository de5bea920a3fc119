"""The process that separates one song: `python -m dssgan.app.worker`.

It reads a job as one line of JSON from standard input, and ends when that is closed: the app that started it is gone.
It writes a line of JSON for each of its messages: progress, and at last what was done or why it failed.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel

from dssgan.app.song import Options
from dssgan.atomic import write_text
from dssgan.errors import DssganError

_PROGRESS_EVERY_SECONDS = 0.2


class Job(BaseModel):
    """What a worker does.

    Attributes:
        source: the song.
        folder: where its estimates are written, a wav of floats for each source.
        options: how it is separated.
        num_threads: processor cores that it may use; None for as many as `dssgan separate` uses, since the last bits of
            stems depend on it.
        device: "auto", "cpu", "cuda" or "mps".
    """

    source: Path
    folder: Path
    options: Options
    num_threads: int | None
    device: str


def main() -> None:
    """Do the job on standard input."""
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints, prints no messages

    def send(**message: Any) -> None:
        messages.write(json.dumps(message) + "\n")
        messages.flush()

    job = Job.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()
    try:
        send(done=separate(job, lambda done, total: send(progress=[done, total])))
    except DssganError as error:
        send(error=str(error))
    except MemoryError:
        send(error=f"{job.source.name}: there was not enough memory; end other programs, or choose the model fast")


def separate(job: Job, progress: Callable[[float, float], None]) -> dict[str, Any]:
    """Separate a song with the public interface.

    Args:
        job: what to do.
        progress: called with seconds done and seconds in all.

    Returns:
        What the library keeps of it: `seconds`, `sources`, `sums`, `note`, `beats`.
    """
    import torch

    from dssgan import OutputSettings, Separator
    from dssgan.separators.loading import models_for

    if job.num_threads is not None:
        torch.set_num_threads(job.num_threads)
    options = job.options
    model, then = models_for(options.model, takes_apart=options.takes_apart, drums=options.drums)
    separator = Separator.load(model, job.device, then=then, precision=options.precision, shifts=options.shifts)
    output = OutputSettings(
        suffix=".wav", subtype="float32", stems=separator.sources, midi=options.midi, tags=False,
    )  # fmt: skip
    last = 0.0

    def report(done: float, total: float) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_EVERY_SECONDS:
            last = time.monotonic()
            progress(done, total)

    result = separator.separate_file(job.source, job.folder, output, progress=report)
    beats: list[float] = []
    if options.midi:
        from dssgan.transcription.tempo import beats_in

        beats = beats_in(result.paths["midi"], result.seconds)
        write_text(job.folder / "beats.json", json.dumps(beats))
    note = result.note
    if result.promised_seconds is not None:
        note = f"{note}; " if note else ""
        note += f"the file is truncated: its header promises {result.promised_seconds:.1f} s"
    return {
        "seconds": result.seconds, "sources": separator.sources, "note": note, "beats": len(beats),
        "sums": {name: list(parts) for name, parts in separator.model.sums.items()},
    }  # fmt: skip


def _end_with(parent: IO[str]) -> None:
    """End this process when its standard input ends."""
    while parent.read(1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
