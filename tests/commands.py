"""The command line in processes of its own that need not import its libraries again, which takes seconds each time."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
# none that imports Ray, which reads how to authenticate from its environment once, when it is imported
_PACKAGES = ("cli", "training.phases", "tuning.search.storage", "ensembling.fitting", "evaluation.campaign")
_CONTEXT.set_forkserver_preload([f"dssgan.{name}" for name in _PACKAGES])


def dssgan(
    *words: str | Path,
    cwd: Path | None = None,
    entered: str = "",
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run `dssgan` as `subprocess.run` does.

    Args:
        words: of the command line, after the command.
        cwd: where it is run.
        entered: its standard input.
        env: variables beside those of this process.
        timeout: seconds after which it is killed.

    Raises:
        subprocess.TimeoutExpired: it took longer.
    """
    command = ["dssgan", *map(str, words)]
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("stdin", "stdout", "stderr")]
        for path, content in zip(streams, (entered, "", ""), strict=True):
            path.write_text(content)
        process = _CONTEXT.Process(target=_run, args=(command, cwd or Path.cwd(), os.environ | (env or {}), streams))
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(command, timeout, *(path.read_text() for path in streams[1:]))
        return subprocess.CompletedProcess(command, process.exitcode, *(path.read_text() for path in streams[1:]))


def _run(command: list[str], cwd: Path, environment: dict[str, str], streams: list[Path]) -> None:
    for number, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR), number)
    sys.stdin = os.fdopen(0, closefd=False)  # multiprocessing gives its processes one of its own, which is empty
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    tempfile.tempdir = None  # by its own variables
    sys.argv = command
    from dssgan.cli import main

    main()
