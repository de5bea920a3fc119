"""Whether a model may be run in bf16: measured once on real music, and cached."""

import contextlib
import hashlib
import json
from dataclasses import replace

import numpy as np
import torch

from dssgan.atomic import write_text
from dssgan.data.loading import load_dataset
from dssgan.errors import ModelError, WriteError
from dssgan.inference.device import uses_bf16
from dssgan.inference.overlap_add import SeparationSettings
from dssgan.inference.stream import separate_array
from dssgan.separators.base import SeparatorModel
from dssgan.user_cache import cache_folder

MAX_DIFFERENCE_DB = 0.05
_EXCERPT_SECONDS = 6.0
_USUAL_SDR_DB = 10.0


def choose_precision(
    model: SeparatorModel, settings: SeparationSettings, device: torch.device, fingerprint: str | None
) -> str:
    """Choose bf16 where the processor is faster with it and the stems are as good.

    As good is what costs at most 0.05 dB; see `difference_db`.

    Args:
        model: the separator, on its device.
        settings: how it is run.
        device: where.
        fingerprint: fingerprint of the model, under which the measurement is stored; None measures again.

    Returns:
        "bf16" or "float32".
    """
    if not (model.separates_by_sound and uses_bf16("auto", device)):
        return "float32"
    kind = f"{device.type} {torch.cuda.get_device_name(device) if device.type == 'cuda' else ''}"
    name = hashlib.sha256(repr((fingerprint, settings, kind, torch.__version__)).encode()).hexdigest()[:32]
    file = cache_folder("precision") / f"{name}.json"
    difference = None
    if fingerprint is not None:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            difference = float(json.loads(file.read_text(encoding="utf-8"))["difference_db"])
    if difference is None:
        difference = difference_db(model, settings)
        if fingerprint is not None:
            with contextlib.suppress(WriteError):  # it is measured again next time
                write_text(file, json.dumps({"difference_db": difference}))
    return "bf16" if difference <= MAX_DIFFERENCE_DB else "float32"


def difference_db(model: SeparatorModel, settings: SeparationSettings) -> float:
    """Measure what bf16 costs on an excerpt of a bundled song.

    Args:
        model: the separator.
        settings: how it is run, but for the precision.

    Returns:
        By how much the SDR of a stem of 10 dB falls where what bf16 changes is added to its error, dB, of the worst
        source; infinite where bf16 gives no numbers.
    """
    track = load_dataset().valid[0]
    start = max(0.0, (track.duration - _EXCERPT_SECONDS) / 2)
    parts = [source for source in track.sources if source is not None]
    mix = sum(part.read(start, _EXCERPT_SECONDS, model.sample_rate, model.channels) for part in parts)
    try:
        exact, quick = (
            separate_array(model, np.asarray(mix), settings=replace(settings, precision=precision, shifts=1))
            for precision in ("float32", "bf16")
        )
    except ModelError:
        return float("inf")
    changed = np.square(quick - exact).sum(axis=(1, 2)) / np.square(exact).sum(axis=(1, 2)).clip(min=1e-9)
    return float(10 * np.log10(1 + 10 ** (_USUAL_SDR_DB / 10) * changed).max())
