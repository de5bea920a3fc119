"""Random effects on training excerpts, as recording, mixing and mastering apply them.

Each effect is applied with the same probability, and its settings cover what is common in produced music. Effects of a
mix are gains that all sources share, so that the sources still sum to the mix; only a codec breaks the sum.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dssgan.errors import ConfigError
from dssgan.types import Audio

_CODEC_RATES = (32000, 44100, 48000)  # of MPEG-1, layer 3, Hz
_CODEC_SHARE = 1 / 3  # of the probability of the other effects: few listeners separate strongly compressed files
_RINGING_SAMPLES = 4096  # zeros after an excerpt, so that a filter does not wrap around
_SMALLEST = 1e-8  # below it a signal counts as silent


def require_effects() -> None:
    """Check that what the effects need is installed.

    Raises:
        ConfigError: it is not.
    """
    try:
        import pedalboard  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "augment.effects and augment.master need packages that are not installed: `pip install dssgan[synthetic]`"
        ) from error


def change_source(audio: Audio, sample_rate: int, probability: float, generator: np.random.Generator) -> Audio:
    """Apply a steep filter, a compressor, saturation, a room and another stereo width, each by chance.

    Args:
        audio: one source, (channels, samples).
        sample_rate: its rate, Hz.
        probability: probability of each effect.
        generator: random generator.

    Returns:
        (channels, samples), float32; `audio` itself where nothing was applied.
    """
    import pedalboard

    drawn = generator.random(5) < probability
    peak = float(np.abs(audio).max(initial=0.0))
    if peak < _SMALLEST:
        return audio
    if drawn[0]:
        audio = _filter(audio, sample_rate, generator)
    if drawn[1]:
        level_db = 20 * np.log10(max(float(np.sqrt(np.square(audio).mean())), _SMALLEST))
        audio = _through(
            audio, sample_rate,
            pedalboard.Compressor(
                level_db + generator.uniform(-10, 5), generator.uniform(2, 8), generator.uniform(1, 40),
                generator.uniform(40, 300),
            ),
        )  # fmt: skip
    if drawn[2]:
        drive = 10 ** (generator.uniform(0, 14) / 20)
        audio = (np.tanh(audio * np.float32(drive / peak)) * np.float32(peak / np.tanh(drive))).astype(np.float32)
    if drawn[3]:
        wet = generator.uniform(0.05, 0.35)
        audio = _through(
            audio, sample_rate,
            pedalboard.Reverb(
                generator.uniform(0.1, 0.9), generator.uniform(0.2, 0.8), wet, 1 - 0.5 * wet, generator.uniform(0.5, 1)
            ),
        )  # fmt: skip
    if drawn[4] and audio.shape[0] == 2:
        width = np.float32(max(0.0, generator.uniform(-0.4, 1.4)))  # a quarter of them mono
        middle, side = (audio[0] + audio[1]) / 2, (audio[0] - audio[1]) / 2 * width
        audio = np.stack([middle + side, middle - side])
    return audio


def master(sources: Audio, sample_rate: int, probability: float, generator: np.random.Generator) -> tuple[Audio, Audio]:
    """Compress and saturate a mix, and encode it at a low bit rate, each by chance.

    Args:
        sources: (sources, channels, samples).
        sample_rate: their rate, Hz.
        probability: probability of compression and of saturation; a third of it for the codec.
        generator: random generator.

    Returns:
        Mix, (channels, samples), and sources, (sources, channels, samples), which sum to it but for the codec.
    """
    import pedalboard

    drawn = generator.random(3) < (probability, probability, probability * _CODEC_SHARE)
    if drawn[0]:
        sources = sources * _compression(sources.sum(axis=0), sample_rate, generator)
    mix = sources.sum(axis=0)
    peak = float(np.abs(mix).max(initial=0.0))
    if drawn[1] and peak >= _SMALLEST:
        driven = mix * np.float32(10 ** (generator.uniform(-6, 6) / 20) / peak)
        gain = np.divide(np.tanh(driven), driven, out=np.ones_like(driven), where=np.abs(driven) > 1e-4)
        sources = sources * gain
        mix = sources.sum(axis=0)
    if drawn[2] and sample_rate in _CODEC_RATES:
        mix = _through(mix, sample_rate, pedalboard.MP3Compressor(generator.uniform(3, 8)))
    return mix, sources


def _filter(audio: Audio, sample_rate: int, generator: np.random.Generator) -> Audio:
    """Cut everything below or above a frequency with the slope of a Butterworth filter, without moving phases."""
    from scipy import fft

    num_samples = audio.shape[-1]
    padded = fft.next_fast_len(num_samples + _RINGING_SAMPLES, real=True)
    frequencies = np.fft.rfftfreq(padded, 1 / sample_rate)[1:]
    order = generator.uniform(1, 8)
    low, high = ((40, 400), (1500, 16000))
    if generator.random() < 0.5:
        ratio = np.exp(generator.uniform(*np.log(low))) / frequencies
    else:
        ratio = frequencies / np.exp(generator.uniform(*np.log(high)))
    gain = 1 / np.sqrt(1 + np.minimum(ratio, 1e3) ** (2 * order))
    spectrum = fft.rfft(audio, n=padded)
    spectrum[..., 1:] *= gain.astype(np.float32)
    filtered: Audio = fft.irfft(spectrum, n=padded)[..., :num_samples]
    return filtered


def _compression(mix: Audio, sample_rate: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Draw a bus compressor and return its gain at each sample of a mix (channels, samples)."""
    from scipy.ndimage import uniform_filter1d

    power = uniform_filter1d(np.square(mix).mean(axis=0), max(1, round(generator.uniform(0.003, 0.03) * sample_rate)))
    level_db = 10 * np.log10(np.maximum(power, _SMALLEST**2))
    threshold_db = 10 * np.log10(max(float(power.mean()), _SMALLEST**2)) + generator.uniform(-8, 3)
    gain_db = -(1 - 1 / generator.uniform(1.5, 6)) * np.maximum(level_db - threshold_db, 0)
    smooth = uniform_filter1d(gain_db, max(1, round(generator.uniform(0.01, 0.15) * sample_rate)))
    gain: NDArray[np.float32] = (10 ** (smooth / 20)).astype(np.float32)
    return gain


def _through(audio: Audio, sample_rate: int, effect: Any) -> Audio:
    processed: Audio = effect(np.ascontiguousarray(audio), sample_rate)
    return processed
