"""Random changes to training excerpts, which make few songs worth more."""

from dataclasses import dataclass

import numpy as np

from dssgan.data import effects
from dssgan.errors import ConfigError
from dssgan.types import Audio

# of the equaliser, octaves from half the sample rate: 61 Hz to 15.6 kHz of 44.1 kHz
_BANDS = -np.arange(8.5, 0.0, -2.0)
_RINGING_SAMPLES = 4096  # after them the equaliser's answer to an impulse is 79 dB down
_MAX_LAYERS = 3  # excerpts that are added to a source at most


@dataclass(frozen=True)
class Augment:
    """How excerpts are changed.

    Remixing is worth most: sources of different songs added up (Uhlich et al. 2017, section 3.2; Défossez et al. 2019,
    arXiv 1911.13254, table 4).

    Attributes:
        remix: probability that the sources of a paired excerpt come from songs and positions drawn one by one.
        gain_db: range of the gain of each source, dB, drawn uniformly in dB.
        channel_swap: probability that a source's channels are reversed.
        polarity: probability that a source's sign is turned.
        gain: range of the gain as a factor, drawn uniformly in magnitude, in place of `gain_db`; None for that one.
        equalizer_db: limit of the boosts and cuts of a random equaliser on each source, dB.
        effects: probability of each effect on a source: a steep filter, a compressor, saturation, a room, another
            stereo width (`dssgan.data.effects`).
        master: probability of each effect on the mix: compression, saturation; a third of it for a codec.
        dense: probability that one more excerpt is added to a source other than the first, and again, three times at
            most.
        silence: probability that no source sounds.
        only_first: probability that the first source sounds alone.
        without_first: probability that the first source is silent.

    Raises:
        ConfigError: a probability outside [0, 1], or a range that is not one.
    """

    remix: float = 0.5
    gain_db: tuple[float, float] = (-6.0, 3.0)
    channel_swap: float = 0.5
    polarity: float = 0.5
    gain: tuple[float, float] | None = None
    equalizer_db: float = 0.0
    effects: float = 0.0
    master: float = 0.0
    dense: float = 0.0
    silence: float = 0.0
    only_first: float = 0.0
    without_first: float = 0.0

    def __post_init__(self) -> None:
        probabilities = (
            "remix", "channel_swap", "polarity", "effects", "master", "dense", "silence", "only_first", "without_first",
        )  # fmt: skip
        for name in probabilities:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"augment.{name}: {getattr(self, name)} is no probability; choose between 0 and 1")
        lowest, highest = self.gain_db
        if not -np.inf < lowest <= highest < np.inf:
            raise ConfigError(f"augment.gain_db: {self.gain_db} is no range; give the lower gain first, in dB")
        if self.gain is not None and not 0 < self.gain[0] <= self.gain[1] < np.inf:
            raise ConfigError(f"augment.gain: {self.gain} is no range of factors above 0; give the lower one first")
        if not 0 <= self.equalizer_db < np.inf:
            raise ConfigError(f"augment.equalizer_db: {self.equalizer_db} is no level; give 0 dB or more")
        if (total := self.silence + self.only_first + self.without_first) > 1:
            raise ConfigError(f"augment.silence, only_first and without_first: sum to {total:g}; choose 1 or less")
        if self.effects or self.master:
            effects.require_effects()

    @classmethod
    def none(cls) -> "Augment":
        """Leave everything as it is."""
        return cls(remix=0.0, gain_db=(0.0, 0.0), channel_swap=0.0, polarity=0.0)

    @property
    def composes(self) -> bool:
        """Whether it changes which sources sound, what they consist of, or the mix as a whole."""
        return any((self.master, self.dense, self.silence, self.only_first, self.without_first))

    def sounding(self, num_sources: int, generator: np.random.Generator) -> list[bool]:
        """Draw which sources sound.

        Args:
            num_sources: number of sources.
            generator: random generator.

        Returns:
            For each source whether it does.
        """
        draw = generator.random()
        first, others = True, True
        if draw < self.silence:
            first = others = False
        elif draw < self.silence + self.only_first:
            others = False
        elif draw < self.silence + self.only_first + self.without_first:
            first = False
        return [first, *[others] * (num_sources - 1)]

    def num_layers(self, generator: np.random.Generator) -> int:
        """Draw how many excerpts are added to a source other than the first."""
        return next((number for number in range(_MAX_LAYERS) if generator.random() >= self.dense), _MAX_LAYERS)

    def apply(self, audio: Audio, generator: np.random.Generator, sample_rate: int = 44100) -> tuple[Audio, bool]:
        """Change one source.

        The same number of random numbers is drawn for all settings, so that two runs that differ in one setting
        get the same excerpts.

        Args:
            audio: (channels, samples).
            generator: random generator.
            sample_rate: its rate, Hz; effects need it.

        Returns:
            (channels, samples), a new array where anything changed, and whether it did.
        """
        gain = 10 ** (generator.uniform(*self.gain_db) / 20) if self.gain is None else generator.uniform(*self.gain)
        swap = generator.random() < self.channel_swap and audio.shape[0] > 1
        turn = generator.random() < self.polarity
        factor = np.float32(gain * (-1 if turn else 1))
        if swap:
            audio = audio[::-1]
        if factor != 1:
            audio = audio * factor
        if self.equalizer_db:
            # a generator of its own leaves the following excerpts as they are without it
            audio = _equalize(audio, self.equalizer_db, generator.spawn(1)[0])
        if self.effects:
            audio = effects.change_source(audio, sample_rate, self.effects, generator.spawn(1)[0])
        return audio, bool(swap or factor != 1 or self.equalizer_db or self.effects)


def _equalize(audio: Audio, most_db: float, generator: np.random.Generator) -> Audio:
    """Boost and cut bands two octaves apart, linearly in dB over octaves between them, without moving phases."""
    from scipy import fft

    num_samples = audio.shape[-1]
    # longer, so that nothing of the end rings into the beginning
    padded = fft.next_fast_len(num_samples + _RINGING_SAMPLES, real=True)
    spectrum = fft.rfft(audio, n=padded)
    octaves = np.log2(np.arange(1, spectrum.shape[-1] + 1) / spectrum.shape[-1])
    gains_db = np.interp(octaves, _BANDS, generator.uniform(-most_db, most_db, len(_BANDS)))
    equalized: Audio = fft.irfft(spectrum * (10 ** (gains_db / 20)).astype(np.float32), n=padded)[..., :num_samples]
    return equalized
