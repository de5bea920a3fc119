"""Fréchet audio distance between an estimate and its reference, in the embeddings of CLAP.

Both are embedded in windows of ten seconds; a Gaussian is fitted to the embeddings of either, and the distance between
the two says how differently they sound, without comparing samples (Kilgour et al. 2019, arXiv 1812.08466; song by song
and with CLAP as Gui et al. 2024, arXiv 2311.01616).
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dssgan.errors import ConfigError
from dssgan.metrics.perceptual import SAMPLE_RATE, listen
from dssgan.types import Audio

Array = npt.NDArray[np.float64]

MODEL = "laion/clap-htsat-unfused"
VARIABLE = "DSSGAN_CLAP"
WINDOW_SECONDS, HOP_SECONDS = 10, 1
_FILES = ("config.json", "preprocessor_config.json", "model.safetensors")
_BATCH = 4


def frechet_distance(one: Array, other: Array) -> float:
    """Measure the Fréchet distance of two Gaussians, each given by samples of it.

    Args:
        one: (samples, dimensions).
        other: likewise, of as many dimensions.

    Returns:
        The squared distance of means, plus the trace of S + T - 2 (S T)^½ with the covariances S and T; NaN where one
        has less than two samples.
    """
    if min(len(one), len(other)) < 2:
        return float("nan")
    centred = [(samples - samples.mean(axis=0)) / np.sqrt(len(samples) - 1) for samples in (one, other)]
    # with S = AᵀA and T = BᵀB the trace of (S T)^½ is the sum of the singular values of A Bᵀ, also where S and T do not
    # have full rank, as those of few windows
    shared = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    apart = np.square(one.mean(axis=0) - other.mean(axis=0)).sum()
    return float(apart + sum(np.square(samples).sum() for samples in centred) - 2 * shared)


def fad(estimate: Audio, reference: Audio, sample_rate: int) -> float:
    """Measure how differently an estimate sounds from its reference.

    Args:
        estimate: (channels, samples).
        reference: what it should be, the same shape.
        sample_rate: Hz.

    Returns:
        At least 0, less is better; NaN for less than 11 s, and for a silent reference.

    Raises:
        ConfigError: CLAP's weights are not here.
        ModuleNotFoundError: transformers is not installed.
    """
    clap = _load(find_clap())
    if not reference.any():
        return float("nan")
    return frechet_distance(*(clap.embed(audio, sample_rate) for audio in (estimate, reference)))


def find_clap() -> Path:
    """Find CLAP's weights on this machine. Nothing is downloaded.

    Returns:
        A folder with what transformers' `save_pretrained` writes: that of the environment variable DSSGAN_CLAP, or the
        folder where `hf download` puts it.

    Raises:
        ConfigError: they are not here; the message names what to download.
        ModuleNotFoundError: transformers is not installed.
    """
    import_module("transformers")
    given = os.environ.get(VARIABLE)
    if given:
        missing = [name for name in _FILES if not (Path(given) / name).is_file()]
        if missing:
            raise ConfigError(f"{VARIABLE}={given}: holds no {missing[0]}; give a folder of {MODEL}")
        return Path(given)
    from huggingface_hub import try_to_load_from_cache

    paths = [try_to_load_from_cache(MODEL, name) for name in _FILES]
    if not all(isinstance(path, str) for path in paths):
        raise ConfigError(
            f"fad needs the weights of CLAP, {MODEL}, some 0.6 GB, which are not here: 'hf download {MODEL}' fetches "
            f"them from huggingface.co; or set {VARIABLE} to a folder that holds them"
        )
    return Path(str(paths[0])).parent


class _Clap:
    def __init__(self, model: Any, extractor: Any) -> None:
        self.model, self.extractor = model.eval(), extractor

    @torch.inference_mode()
    def embed(self, audio: Audio, sample_rate: int) -> Array:
        """Embed (channels, samples) as (windows, dimensions)."""
        mono = listen(audio, sample_rate)
        length, hop = WINDOW_SECONDS * SAMPLE_RATE, HOP_SECONDS * SAMPLE_RATE
        windows = [mono[start : start + length] for start in range(0, len(mono) - length + 1, hop)]
        if not windows:
            return np.zeros((0, 1))
        embedded = []
        for start in range(0, len(windows), _BATCH):
            batch = self.extractor(windows[start : start + _BATCH], sampling_rate=SAMPLE_RATE, return_tensors="pt")
            embedded.append(self.model(**batch).audio_embeds.double().numpy())
        return np.concatenate(embedded)


@lru_cache(maxsize=1)
def _load(folder: Path) -> _Clap:
    with _without_torchaudio():
        from transformers import ClapAudioModelWithProjection, ClapFeatureExtractor
        from transformers.utils import logging

    logging.disable_progress_bar()
    options = {"local_files_only": True}
    model = ClapAudioModelWithProjection.from_pretrained(folder, use_safetensors=True, **options)
    return _Clap(model, ClapFeatureExtractor.from_pretrained(folder, **options))


@contextmanager
def _without_torchaudio() -> Iterator[None]:
    """Hide torchaudio, which transformers imports where it is installed, though CLAP has no use for it.

    Beside PyTorch's build for processors its wheel does not load, and the import ends with an OSError.
    """
    name = "torchaudio"
    kept = {key: sys.modules.pop(key) for key in list(sys.modules) if key.partition(".")[0] == name}
    sys.modules[name] = None  # type: ignore[assignment]  # as the import system has it for what is not there
    try:
        yield
    finally:
        del sys.modules[name]
        sys.modules.update(kept)
