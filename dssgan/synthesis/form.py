"""A song's form: its sections, its bars and when each step of them sounds."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dssgan.synthesis.genres import Genre
from dssgan.synthesis.score import SongSection

STEPS_A_QUARTER = 4


@dataclass(frozen=True)
class SectionPlan:
    """A kind of section of the form.

    Attributes:
        name: what it is called.
        energy: how much is going on, 0 to 1.
        drums: probability that the drummer plays in it.
        band: probability that the band plays in it; else only one of them, or none.
    """

    name: str
    energy: float
    drums: float
    band: float


INTRO = SectionPlan("intro", 0.4, 0.45, 0.9)
VERSE = SectionPlan("verse", 0.6, 0.93, 1.0)
CHORUS = SectionPlan("chorus", 0.95, 1.0, 1.0)
BRIDGE = SectionPlan("bridge", 0.65, 0.7, 1.0)
BREAK = SectionPlan("break", 0.3, 0.0, 1.0)
SOLO = SectionPlan("drum break", 0.8, 1.0, 0.0)
OUTRO = SectionPlan("outro", 0.5, 0.7, 0.9)
FORMS = (
    (INTRO, VERSE, CHORUS, VERSE, CHORUS, BRIDGE, CHORUS, OUTRO),
    (INTRO, VERSE, VERSE, CHORUS, BREAK, VERSE, CHORUS, CHORUS, OUTRO),
    (VERSE, CHORUS, SOLO, VERSE, CHORUS, BREAK, CHORUS, OUTRO),
    (INTRO, CHORUS, VERSE, BREAK, CHORUS, SOLO, CHORUS, OUTRO),
)


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        plan: the kind of its section.
        index: index of the bar in its section.
        length: number of bars of its section.
        start_seconds: when it begins.
        step_seconds: duration of a sixteenth.
        num_steps: sixteenths in it.
        swing: how late the off-beats come, 0 straight to 1 triplets.
        swung_steps: sixteenths in the unit that is swung, 4 for eighths and 2 for sixteenths.
        drums: the drummer plays.
        band: the band plays.
    """

    plan: SectionPlan
    index: int
    length: int
    start_seconds: float
    step_seconds: float
    num_steps: int
    swing: float
    swung_steps: int
    drums: bool
    band: bool

    @property
    def last(self) -> bool:
        """Whether its section ends with it."""
        return self.index == self.length - 1

    def time(self, step: float) -> float:
        """When a step sounds, seconds; swing moves the middle of each unit from a half towards two thirds."""
        unit, phase = divmod(step / self.swung_steps, 1)
        late = self.swing / 6
        warped = phase * (1 + 2 * late) if phase < 0.5 else 0.5 + late + (phase - 0.5) * (1 - 2 * late)
        return self.start_seconds + (unit + warped) * self.swung_steps * self.step_seconds


@dataclass(frozen=True)
class Pulse:
    """A song's time.

    Attributes:
        tempo: quarter notes a minute.
        metre: beats a bar and their note value.
        swing: 0 straight to 1 triplets.
    """

    tempo: float
    metre: tuple[int, int]
    swing: float


def choose_pulse(genre: Genre, generator: np.random.Generator) -> Pulse:
    """Draw tempo, metre and swing."""
    tempo = float(generator.uniform(*genre.tempo))
    metre = genre.metres[int(generator.integers(len(genre.metres)))]
    return Pulse(tempo, metre, float(generator.uniform(*genre.swing)))


def lay_out(
    genre: Genre, pulse: Pulse, seconds: float, generator: np.random.Generator, *, steady: bool = False
) -> list[Bar]:
    """Lay bars end to end over a song's length, entering the form anywhere.

    Args:
        genre: how drums and tempo behave.
        pulse: the song's time.
        seconds: length to fill.
        generator: random generator.
        steady: the tempo does not drift, though people play.

    Returns:
        Bars; the last one may reach past the end.
    """
    num_steps = round(pulse.metre[0] * 4 * STEPS_A_QUARTER / pulse.metre[1])
    step_seconds = 60 / pulse.tempo / STEPS_A_QUARTER
    form = FORMS[int(generator.integers(len(FORMS)))]
    bars: list[Bar] = []
    start = 0.0
    for plan, length, first in _sections(form, generator):
        drums = bool(generator.random() < plan.drums)
        band = bool(generator.random() < plan.band) or not drums
        # a drummer may come in, or fall silent, halfway through
        late = length // 2 if drums and length > 2 and plan.drums < 1 and generator.random() < 0.2 else 0
        for index in range(first, length):
            if genre.acoustic and not steady:
                step_seconds *= 1 + float(np.clip(generator.normal(0, 0.003), -0.006, 0.006))
            bar = Bar(
                plan, index, length, start, step_seconds, num_steps, pulse.swing, 4 if genre.swung == 8 else 2,
                drums and index >= late, band,
            )  # fmt: skip
            bars.append(bar)
            start += num_steps * step_seconds
            if start >= seconds:
                return bars
    raise AssertionError("the form repeats without end")


def _sections(form: tuple[SectionPlan, ...], generator: np.random.Generator) -> Iterator[tuple[SectionPlan, int, int]]:
    """Yield sections with their number of bars and the first bar that is played, without end."""
    index = int(generator.integers(len(form)))
    first: int | None = None
    while True:
        length = int(generator.choice((2, 4, 8), p=(0.2, 0.5, 0.3)))
        if first is None:
            first = int(generator.integers(length))
            yield form[index], length, first
        else:
            yield form[index], length, 0
        index = (index + 1) % len(form)


def sections(bars: list[Bar], seconds: float) -> tuple[SongSection, ...]:
    """Name the stretches of a song; they fill it without gaps."""
    starts = [number for number, bar in enumerate(bars) if number == 0 or bar.index == 0]
    ends = [bars[number].start_seconds for number in starts[1:]] + [seconds]
    return tuple(
        SongSection(bars[number].plan.name, bars[number].start_seconds, end - bars[number].start_seconds,
                bars[number].plan.energy)
        for number, end in zip(starts, ends, strict=True)
    )  # fmt: skip
