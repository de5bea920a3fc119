"""Drum source separation via a generative adversarial network."""

from typing import TYPE_CHECKING

from dssgan.errors import DssganError

if TYPE_CHECKING:
    from dssgan.data.dataset import Dataset
    from dssgan.data.sample import Sample
    from dssgan.inference.separator import Separator

__all__ = ["Dataset", "DssganError", "Sample", "Separator"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # torch takes more than a second to import, so the public names load what they need only when they are used
    if name == "Separator":
        import dssgan.ensembling  # noqa: F401  registers how an ensemble's file is loaded
        from dssgan.inference.separator import Separator

        return Separator
    if name == "Dataset":
        from dssgan.data.dataset import Dataset

        return Dataset
    if name == "Sample":
        from dssgan.data.sample import Sample

        return Sample
    raise AttributeError(f"module 'dssgan' has no attribute {name!r}")
