"""Which of pip's extras brings a package that is not installed."""

import re
from importlib.metadata import PackageNotFoundError, requires

_REQUIREMENT = re.compile(r"""([\w.-]+).*;\s*extra\s*==\s*['"]([\w-]+)['"]""")
_SPOKEN_OF = (
    "train",
    "sweep",
    "evaluate",
    "report",
    "perceptual",
    "fad",
    "synthetic",
    "export",
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
    "visqol": "visqol-python",
}


def explain_missing(what: str, error: ModuleNotFoundError, preferred: str = "all") -> str | None:
    """Say what to install where a module is missing.

    Args:
        what: needs it, such as "sweep".
        error: of the import.
        preferred: extra to name if it brings the module.

    Returns:
        One line; None where no extra brings it, so that the error is of another kind.
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
