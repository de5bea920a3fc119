"""The drummer and the percussionist."""

from collections.abc import Iterable, Iterator

import numpy as np

from dssgan.synthesis.form import Bar
from dssgan.synthesis.genres import HAND_DRUMS, Genre, Groove
from dssgan.synthesis.score import Hit

VELOCITIES = {"X": 0.95, "x": 0.75, "o": 0.5, "g": 0.25, "?": 0.5}
_SOMETIMES = 0.4
_WITHOUT_KIT = 0.2  # share of the songs by people that only percussionists play

# hands, the most needed first: where three strokes meet, the drummer has only two
HANDS = (
    "crash", "china", "snare", "splash", "sidestick", "clap", "high_tom", "mid_tom", "low_tom", "open_hat", "ride_bell",
    "ride", "closed_hat",
)  # fmt: skip
FEET = ("kick", "pedal_hat")

# fills over the last steps of a bar; a letter a sixteenth, two strokes where it is doubled in `_FLAMS`
_FILL_PIECES = {
    "s": "snare",
    "h": "high_tom",
    "m": "mid_tom",
    "l": "low_tom",
    "k": "kick",
    "c": "crash",
    "o": "open_hat",
}
_FILLS = (
    "sshhmmll", "s.ss", "hhmmllkk", "s.s.hhmmll.lkk.k", "ssss", "s.hs.ms.", "k.sk.sks", "sssshhhhmmmmllll", "h.m.l.k.",
    "ss.sk.s.", "s...", "ks", "lmhslmhs", "o.o.s.s.",
)  # fmt: skip


def play(genre: Genre, bars: list[Bar], generator: np.random.Generator) -> tuple[list[Hit], list[list[int]]]:
    """Play the drums through a song.

    Args:
        genre: what is played.
        bars: the song.
        generator: random generator.

    Returns:
        Strokes in order, and for each bar the steps the bass drum takes.
    """
    grooves: dict[str, Groove] = {}
    percussion = _join(genre, generator)
    by_hand = _hand_drums(genre, generator)
    offsets = {
        "snare": abs(generator.normal(0, genre.looseness_seconds)),
        "ride": -abs(generator.normal(0, genre.looseness_seconds / 2)),
    }
    hits: list[Hit] = []
    kicks: list[list[int]] = []
    for number, bar in enumerate(bars):
        groove = grooves.setdefault(bar.plan.name, _choose(genre, generator))
        strokes: list[tuple[float, str, float]] = []
        if bar.drums and by_hand:
            strokes = list(_bar(by_hand, bar, generator))
        elif bar.drums:
            strokes = list(_bar(groove, bar, generator))
            if bar.index == 0 and bars[number - 1].drums and generator.random() < bar.plan.energy:
                crash = "crash" if generator.random() < 0.85 else "china"
                strokes += [(0.0, crash, 0.9)] + (
                    [] if any(s == 0 and p == "kick" for s, p, _ in strokes) else [(0.0, "kick", 0.9)]
                )
            ending = bar.last and generator.random() < genre.fills
            if ending or (bar.index % 4 == 3 and generator.random() < 0.3 * genre.fills):
                strokes = list(_fill(strokes, bar, generator))
            if genre.acoustic:
                strokes = list(_two_hands(strokes))
            strokes += _ornaments(strokes, genre, bar, generator)
        kicks.append(sorted({int(step) for step, piece, _ in strokes if piece == "kick"}))
        if percussion and not by_hand and (bar.drums or generator.random() < 0.1) and bar.plan.energy > 0.5:
            strokes += _bar(percussion, bar, generator)
        loudness = 0.8 + 0.2 * bar.plan.energy
        for step, piece, velocity in strokes:
            late = offsets.get(piece, 0.0) + float(generator.normal(0, genre.looseness_seconds))
            strength = velocity * loudness * float(np.exp(generator.normal(0, 0.1 if genre.acoustic else 0.03)))
            hits.append(Hit(max(bar.time(step) + late, 0.0), piece, float(np.clip(strength, 0.05, 1.0))))
    return sorted(hits, key=lambda hit: (hit.start_seconds, hit.piece)), kicks


def _choose(genre: Genre, generator: np.random.Generator) -> Groove:
    """A groove, its kick sometimes taken from another, and a rare voice left out."""
    groove = dict(genre.grooves[int(generator.integers(len(genre.grooves)))])
    if generator.random() < 0.3:
        groove["kick"] = genre.grooves[int(generator.integers(len(genre.grooves)))].get(
            "kick", groove.get("kick", "X...............")
        )
    return groove


def _join(genre: Genre, generator: np.random.Generator) -> Groove:
    if not genre.percussion or generator.random() < 0.6:
        return {}
    return genre.percussion[int(generator.integers(len(genre.percussion)))]


def _hand_drums(genre: Genre, generator: np.random.Generator) -> Groove:
    """What percussionists play where there is no drum kit; nothing where there is one."""
    if not (genre.acoustic and genre.percussion and generator.random() < _WITHOUT_KIT):
        return {}
    groove = dict(HAND_DRUMS[int(generator.integers(len(HAND_DRUMS)))])
    for pattern in genre.percussion:
        if generator.random() < 0.4:
            groove = pattern | groove
    return groove


def _bar(groove: Groove, bar: Bar, generator: np.random.Generator) -> Iterator[tuple[float, str, float]]:
    for piece, pattern in groove.items():
        for step in range(bar.num_steps):
            mark = pattern[step % len(pattern)]
            if mark == "." or (mark == "?" and generator.random() > _SOMETIMES):
                continue
            yield float(step), piece, VELOCITIES[mark]


def _fill(
    strokes: Iterable[tuple[float, str, float]], bar: Bar, generator: np.random.Generator
) -> Iterator[tuple[float, str, float]]:
    pattern = _FILLS[int(generator.integers(len(_FILLS)))][-bar.num_steps :]
    begin = bar.num_steps - len(pattern)
    yield from (stroke for stroke in strokes if stroke[0] < begin or (stroke[1] == "kick" and generator.random() < 0.5))
    rise = generator.uniform(0.0, 0.4)
    for index, mark in enumerate(pattern):
        if mark != ".":
            yield float(begin + index), _FILL_PIECES[mark], 0.95 - rise * (1 - index / len(pattern))


def _two_hands(strokes: Iterable[tuple[float, str, float]]) -> Iterator[tuple[float, str, float]]:
    """Keep at most two hands and two feet at a time, and no piece twice."""
    steps: dict[float, dict[str, float]] = {}
    for step, piece, velocity in strokes:
        together = steps.setdefault(step, {})
        together[piece] = max(velocity, together.get(piece, 0.0))
    for step, together in sorted(steps.items()):
        hands = [piece for piece in HANDS if piece in together][:2]
        for piece in hands + [piece for piece in FEET if piece in together]:
            yield step, piece, together[piece]


def _ornaments(
    strokes: Iterable[tuple[float, str, float]], genre: Genre, bar: Bar, generator: np.random.Generator
) -> list[tuple[float, str, float]]:
    """Flams and drags on the snare by people; doubled and tripled hats by machines."""
    extra = []
    for step, piece, velocity in strokes:
        if genre.acoustic and piece == "snare" and velocity > 0.6 and generator.random() < 0.06:
            before = 0.028 / bar.step_seconds
            extra += [(step - before * (count + 1), "snare", 0.3) for count in range(int(generator.integers(1, 3)))]
        if not genre.acoustic and piece == "closed_hat" and generator.random() < 0.04:
            parts = int(generator.integers(2, 5))
            extra += [(step + count / parts, "closed_hat", velocity * 0.8) for count in range(1, parts)]
    return [(step, piece, velocity) for step, piece, velocity in extra if step >= 0]
