"""The command line: one command a file, each imported only when it is named."""

import errno
import io
import os
import sys

import click

from dssgan import __version__
from dssgan.cli.lazy import LazyGroup
from dssgan.errors import DssganError, RayEndedError, TrainingInterruptedError, printable
from dssgan.extras import explain_missing
from dssgan.parallel.processes import exit_on_signals

COMMANDS = (
    "demo",
    "data",
    "train",
    "sweep",
    "ensemble",
    "evaluate",
    "report",
    "separate",
    "app",
    "live",
    "models",
    "export",
)
# the extra that installs what a command needs beyond separation
_EXTRAS = {
    "data": "train", "train": "train", "sweep": "sweep", "ensemble": "sweep", "evaluate": "evaluate",
    "report": "report", "separate": "sweep", "app": "app", "live": "live", "export": "export",
}  # fmt: skip


# what is wrong with a path that the user gave, wherever it turns up first
_ERRORS_OF_A_PATH = frozenset(
    {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENOSPC}
)


@click.group(
    cls=LazyGroup,
    package="dssgan.cli",
    names=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="dssgan")
def cli() -> None:
    """Separate drums from everything else, and train, search and combine the models that do it."""


def main() -> None:
    """Run the command line: one line and exit code 2 for every error that the user can correct."""
    exit_on_signals()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that the terminal has no letters for ends no work
    try:
        cli(standalone_mode=False)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "dssgan"
        _fail(f"{error.format_message()} (see {where} --help)")
    except click.ClickException as error:
        _fail(error.format_message())
    except TrainingInterruptedError as error:
        _fail(str(error), 143)  # as what SIGTERM ends
    except RayEndedError as error:
        _fail_at_once(str(error))
    except DssganError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        name = next((word for word in sys.argv[1:] if word in COMMANDS), "")
        line = explain_missing(name or "this", error, _EXTRAS.get(name, "all"))
        if line is None:
            raise
        _fail(line)
    except (click.Abort, KeyboardInterrupt):
        click.echo("dssgan: stopped", err=True)
        sys.exit(130)
    except click.exceptions.Exit as ending:
        sys.exit(ending.exit_code)
    except BrokenPipeError:
        sys.exit(0)  # whoever reads the output has had enough
    except OSError as error:
        if error.filename is None or error.errno not in _ERRORS_OF_A_PATH:
            raise
        _fail(f"{error.filename}: cannot be used ({error.strerror}); choose another place or name")


def _fail(message: str, exit_code: int = 2) -> None:
    _say(message)
    sys.exit(exit_code)


def _fail_at_once(message: str) -> None:
    """Fail without waiting for the threads of Ray, which look for it for a minute."""
    _say(message)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(2)


def _say(message: str) -> None:
    click.echo("dssgan: " + printable(" ".join(message.split())), err=True)
