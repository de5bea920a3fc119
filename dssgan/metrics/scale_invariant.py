"""Ratios that do not ask how loud an estimate is: SI-SDR, SI-SIR and SI-SAR, and the SNR at the best gain.

Source: Le Roux, Wisdom, Erdogan and Hershey, "SDR - half-baked or well done?", 2019 (arXiv 1811.02508).
"""

import numpy as np
import numpy.typing as npt

from dssgan.types import Signal

Scores = npt.NDArray[np.float64]

_BLOCK = 1 << 20  # numbers of a source in float64 at a time


def scale_invariant(estimates: Signal, references: Signal) -> dict[str, Scores]:
    """Split estimates into what their source, all sources and nothing explain, each times one gain.

    All channels share the gain, so that a source that is panned otherwise counts as an error.

    Args:
        estimates: (sources, channels, samples).
        references: the same shape.

    Returns:
        "si_sdr", "si_sir", "si_sar" and "snr" (of the estimate, at the gain that fits the source best), each
        (sources,), dB; NaN where the reference or the estimate is silent.

    Raises:
        ValueError: the shapes differ.
    """
    if estimates.shape != references.shape:
        raise ValueError(f"estimates {estimates.shape} and references {references.shape}: must be alike")
    true, guessed = (audio.reshape(len(audio), -1) for audio in (references, estimates))
    count = len(true)
    spans = [slice(start, start + _BLOCK) for start in range(0, true.shape[1], _BLOCK)]
    among, across = np.zeros((count, count)), np.zeros((count, count))  # (sources, sources), (sources, estimates)
    energies = np.zeros(count)
    for span in spans:
        rows, guesses = true[:, span].astype(np.float64), guessed[:, span].astype(np.float64)
        among += rows @ rows.T
        across += rows @ guesses.T
        energies += np.square(guesses).sum(axis=1)

    own, overlap = among.diagonal(), across.diagonal()
    found: dict[str, Scores] = {name: np.full(count, np.nan) for name in ("si_sdr", "si_sir", "si_sar", "snr")}
    audible = (own > 0) & (energies > 0)
    if not audible.any():
        return found
    gain = np.divide(overlap, own, out=np.zeros(count), where=audible)
    back = np.divide(overlap, energies, out=np.zeros(count), where=audible)
    # the projection onto what the sources span; a silent source, or two that are alike, take nothing away
    by_all = np.linalg.lstsq(among, across, rcond=None)[0]
    errors = {name: np.zeros(count) for name in found}
    for span in spans:  # energies of the errors themselves: as differences of energies, small ones would be lost
        rows, guesses = true[:, span].astype(np.float64), guessed[:, span].astype(np.float64)
        target, explained = gain[:, None] * rows, by_all.T @ rows
        parts = (guesses - target, explained - target, guesses - explained, rows - back[:, None] * guesses)
        for error, part in zip(errors.values(), parts, strict=True):
            error += np.square(part).sum(axis=1)
    signals = {name: own if name == "snr" else gain**2 * own for name in found}
    for name, scores in found.items():
        with np.errstate(divide="ignore"):
            scores[audible] = 10 * np.log10(signals[name][audible] / errors[name][audible])
    return found
