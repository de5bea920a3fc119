"""Separators by name. A new one is one file and one line here; third-party separators are in `external`."""

from collections.abc import Mapping
from typing import Any

from dssgan.configurable import build
from dssgan.separators.band_split import BandSplit
from dssgan.separators.base import SeparatorModel
from dssgan.separators.external import EXTERNAL
from dssgan.separators.sc_lite import SCLite
from dssgan.separators.tdf_unet import TDFUNet
from dssgan.separators.unet import UNet

__all__ = ["SEPARATORS", "SeparatorModel", "build_separator"]

SEPARATORS: dict[str, type[SeparatorModel]] = {
    "band_split": BandSplit,
    "sc_lite": SCLite,
    "tdf_unet": TDFUNet,
    "unet": UNet,
}


def build_separator(name: str, arguments: Mapping[str, Any], preset: str | None = None) -> SeparatorModel:
    """Build a separator with fresh weights.

    Args:
        name: architecture, a key of `SEPARATORS` or `EXTERNAL`.
        arguments: settings of its constructor; they win over the preset's.
        preset: a named set of settings of that architecture.

    Returns:
        The separator.

    Raises:
        ConfigError: an unknown architecture, preset or setting, or a value that does not fit.
    """
    return build("separator", {**SEPARATORS, **EXTERNAL}, name, arguments, preset)
