"""Which of pip's extras installs a missing package."""

import importlib
import re
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

from dssgan.errors import ModelError

_REQUIREMENT = re.compile(r"""([\w.-]+).*;\s*extra\s*==\s*['"]([\w-]+)['"]""")
_SPOKEN_OF = (
    "train",
    "sweep",
    "evaluate",
    "report",
    "perceptual",
    "fad",
    "midi",
    "synthetic",
    "export",
    "app",
    "live",
    "demucs",
    "msst",
    "onnx",
    "openvino",
)
# what is called otherwise than its package
_PACKAGES = {
    "fluidsynth": "pyfluidsynth",
    "pyworld": "pyworld-prebuilt",
    "pymss_core": "pymss-core",
    "python_multipart": "python-multipart",
    "starlette": "fastapi",
    "visqol": "visqol-python",
}


def explain_missing(what: str, error: ModuleNotFoundError, preferred: str = "all") -> str | None:
    """Return what to install where a module is missing.

    Args:
        what: needs it, such as "sweep".
        error: the error that the import raised.
        preferred: extra to name if it installs the module.

    Returns:
        One line; None where no extra installs it, so that the error is of another kind.
    """
    module = (error.name or "").partition(".")[0]
    extras = _extras_with(_PACKAGES.get(module, module))
    if not extras:
        return None
    extra = preferred if preferred in extras or preferred == "all" else extras[0]
    return f"{what} needs {module}, which is not installed; pip install 'dssgan[{extra}]'"


def _extras_with(package: str) -> list[str]:
    try:
        stated = requires("dssgan") or []
    except PackageNotFoundError:
        return []
    found = [match for text in stated if (match := _REQUIREMENT.match(text))]
    direct = {extra for name, extra in (match.groups() for match in found) if name.lower() == package.lower()}
    return [extra for extra in _SPOKEN_OF if extra in direct]


def import_from(module: str, extra: str) -> Any:
    """Import a module of an extra.

    Raises:
        ModelError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModelError(f"{extra}: needs more packages; pip install 'dssgan[{extra}]'") from error
