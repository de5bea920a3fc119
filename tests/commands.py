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
_PACKAGES = ("cli", "training.phases", "tuning.storage", "ensembling.stacking", "evaluation.campaign")
_CONTEXT.set_forkserver_preload([f"dssgan.{name}" for name in _PACKAGES])


def dssgan(
    *words: str | Path,
    cwd: Path | None = None,
    entered: str = "",
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
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
        streams[0].write_text(entered)
        process = _CONTEXT.Process(target=_run, args=(command, cwd or Path.cwd(), os.environ | (env or {}), streams))
        process.start()
        process.join(timeout)
        code = process.exitcode
        if code is None:
            process.kill()
            process.join()
        output, errors = (path.read_text() if path.exists() else "" for path in streams[1:])
    if code is None:
        raise subprocess.TimeoutExpired(command, timeout, output, errors)
    return subprocess.CompletedProcess(command, code, output, errors)


def _run(command: list[str], cwd: Path, environment: dict[str, str], streams: list[Path]) -> None:
    for number, (path, flags) in enumerate(zip(streams, (os.O_RDONLY, *[os.O_CREAT | os.O_WRONLY] * 2), strict=True)):
        os.dup2(os.open(path, flags), number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - multiprocessing gives its processes none
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    tempfile.tempdir = None  # by its own variables
    sys.argv = command
    from dssgan.cli import main

    main()
