"""Drum source separation via a generative adversarial network."""

from importlib import import_module
from typing import TYPE_CHECKING

from dssgan.errors import DssganError
from dssgan.extras import explain_missing

if TYPE_CHECKING:
    from dssgan.data.audio_file import AudioFile
    from dssgan.data.dataset import Dataset
    from dssgan.data.loading import load_dataset
    from dssgan.ensembling.build import build_ensemble
    from dssgan.ensembling.explain import explain_ensemble
    from dssgan.evaluation.api import evaluate
    from dssgan.inference.batch import separate_files
    from dssgan.inference.output import OutputSettings
    from dssgan.inference.separator import Separator
    from dssgan.training.phases import train
    from dssgan.training.settings import make_config

__all__ = [
    "AudioFile",
    "Dataset",
    "DssganError",
    "OutputSettings",
    "Separator",
    "build_ensemble",
    "evaluate",
    "explain_ensemble",
    "load_dataset",
    "make_config",
    "separate_files",
    "train",
]  # fmt: skip
__version__ = "0.1.0"

# torch takes more than a second to import, so a public name loads what it needs only when it is used
_MODULES = {
    "Dataset": "dssgan.data.dataset",
    "AudioFile": "dssgan.data.audio_file",
    "OutputSettings": "dssgan.inference.output",
    "Separator": "dssgan.inference.separator",
    "build_ensemble": "dssgan.ensembling.build",
    "explain_ensemble": "dssgan.ensembling.explain",
    "evaluate": "dssgan.evaluation.api",
    "load_dataset": "dssgan.data.loading",
    "make_config": "dssgan.training.settings",
    "separate_files": "dssgan.inference.batch",
    "train": "dssgan.training.phases",
}
_EXTRAS = {"build_ensemble": "evaluate", "evaluate": "evaluate", "explain_ensemble": "evaluate", "train": "train"}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'dssgan' has no attribute {name!r}")
    try:
        module = import_module(_MODULES[name])
    except ModuleNotFoundError as error:
        line = explain_missing(f"dssgan.{name}", error, _EXTRAS.get(name, "all"))
        if line is None:
            raise
        raise ImportError(line, name=error.name) from error
    return getattr(module, name)
