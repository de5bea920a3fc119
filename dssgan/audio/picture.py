"""Pictures of spectrograms."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dssgan.atomic import replacing
from dssgan.audio.stft import STFT

N_FFT, HOP_SAMPLES = 2048, 512
# Music's bins seldom come within 20 dB of full scale; the colours are for what is there.
FLOOR_DB, CEILING_DB = -85.0, -25.0


def spectrogram_db(mono: Tensor) -> Tensor:
    """Measure levels against a full-scale sine.

    Args:
        mono: (samples,).

    Returns:
        dB, (bins, frames); a full-scale sine has 0 dB in its bin.
    """
    # a sine's peak in a Hann window's spectrum is a quarter of the window's length
    spectrogram = STFT(N_FFT, HOP_SAMPLES)(mono.unsqueeze(0))[0]
    return 20 * torch.log10(spectrogram.abs() / (N_FFT / 4) + 1e-9)


def spectrogram_image(mono: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Paint a spectrogram, a pixel for each bin and frame.

    Args:
        mono: (samples,).

    Returns:
        RGB, (3, bins, frames), low frequencies at the bottom.
    """
    from matplotlib import colormaps

    brightness = ((spectrogram_db(mono) - FLOOR_DB) / (CEILING_DB - FLOOR_DB)).clamp(0, 1).flip(0).numpy()
    colours = np.asarray(colormaps["magma"](brightness))[..., :3]
    return (colours * 255).astype(np.uint8).transpose(2, 0, 1)


def draw_spectrograms(path: Path, waves: Mapping[str, Tensor], sample_rate: int, *, title: str) -> None:
    """Draw spectrograms under one another with axes, on one scale of colour.

    Args:
        path: the picture's file, such as a PNG.
        waves: (channels, samples) each, by name.
        sample_rate: samples per second.
        title: heading.

    Raises:
        DssganError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.4 * len(waves)), layout="constrained")
    axes = figure.subplots(len(waves), sharex=True, squeeze=False)[:, 0]
    for axis, (name, wave) in zip(axes, waves.items(), strict=True):
        levels = spectrogram_db(wave.mean(dim=0)).numpy()
        seconds, kilohertz = wave.shape[-1] / sample_rate, sample_rate / 2000
        picture = axis.imshow(
            levels,
            origin="lower",
            aspect="auto",
            extent=(0, seconds, 0, kilohertz),
            cmap="magma",
            vmin=FLOOR_DB,
            vmax=CEILING_DB,
        )
        axis.set_ylim(0, min(16, kilohertz))
        axis.set_ylabel(f"{name}\nfrequency [kHz]")
    axes[-1].set_xlabel("time [s]")
    figure.suptitle(title)
    figure.colorbar(picture, ax=list(axes), label="level [dB full scale]")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
