"""The accompaniment: every part but the drums."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dssgan.synthesis.form import Bar
from dssgan.synthesis.genres import Genre, Musician
from dssgan.synthesis.harmony import SCALES, chord, degree, near, voicing
from dssgan.synthesis.score import Note, Part

Event = tuple[float, float, int, float]  # step, steps held, pitch, velocity


@dataclass(frozen=True)
class Context:
    """The context of a bar for a player.

    Attributes:
        bar: the bar.
        player: who plays.
        pattern: the rhythm, empty for none.
        tonic: pitch class of the key.
        scale: semitones of its degrees.
        root: degree of the chord.
        next_root: degree of the chord after it.
        num_tones: tones of a chord.
        kicks: steps of the bass drum.
        motif: melody steps that this section's phrases are made of.
        memory: the player's own; the chord held last.
    """

    bar: Bar
    player: Musician
    pattern: str
    tonic: int
    scale: tuple[int, ...]
    root: int
    next_root: int
    num_tones: int
    kicks: list[int]
    motif: tuple[int, ...]
    memory: dict[str, tuple[int, ...]]


def _strokes(context: Context) -> Iterator[tuple[int, int, str]]:
    """Yield step, steps held and mark of the pattern; "kick" follows the bass drum."""
    pattern, num_steps = context.pattern, context.bar.num_steps
    if pattern == "kick":
        steps = context.kicks or [0]
        for step, end in zip(steps, [*steps[1:], num_steps], strict=True):
            yield step, max(min(end - step, 4), 1), "x"
        return
    marks = [pattern[step % len(pattern)] for step in range(num_steps)]
    for step, mark in enumerate(marks):
        if mark in ".-":
            continue
        end = step + 1
        while end < num_steps and marks[end] == "-":
            end += 1
        yield step, end - step, mark


def _chords(context: Context, generator: np.random.Generator) -> Iterator[Event]:
    tones = chord(context.scale, context.root, context.num_tones)
    held = voicing(tones, context.tonic, context.player.octave, context.memory.get("chord", ()))
    context.memory["chord"] = held
    strum = 0.12 if context.player.role == "guitar" else 0.0
    for step, steps, mark in _strokes(context):
        strength = 0.9 if mark.isupper() else 0.62 + 0.1 * generator.random()
        for index, pitch in enumerate(held):
            yield step + strum * index, steps * 0.92, pitch, strength


def _power(context: Context, generator: np.random.Generator) -> Iterator[Event]:
    root = near(context.tonic + degree(context.scale, context.root), context.player.octave)
    for step, steps, _ in _strokes(context):
        muted = steps == 1 and generator.random() < 0.6
        yield from (
            (step, 0.5 if muted else steps * 0.97, root + tone, 0.85) for tone in (0, 7, 12)[: 2 if muted else 3]
        )


def _bass(context: Context, _generator: np.random.Generator) -> Iterator[Event]:
    root = near(context.tonic + degree(context.scale, context.root), context.player.octave + 4)
    following = near(context.tonic + degree(context.scale, context.next_root), root)
    tones = chord(context.scale, context.root, 4)
    pitches = {
        "r": root, "x": root, "o": root + 12, "t": root + tones[1] - tones[0], "f": root + 7,
        "s": root + tones[3] - tones[0], "a": following - 1,
    }  # fmt: skip
    for step, steps, mark in _strokes(context):
        yield step, steps * 0.93, pitches[mark], 0.8 if step % 4 == 0 else 0.68


def _walking(context: Context, generator: np.random.Generator) -> Iterator[Event]:
    root = near(context.tonic + degree(context.scale, context.root), context.player.octave + 4)
    following = near(context.tonic + degree(context.scale, context.next_root), root)
    tones = [root + tone - chord(context.scale, context.root, 4)[0] for tone in chord(context.scale, context.root, 4)]
    beats = list(range(0, context.bar.num_steps, 4))
    for beat in beats:
        pitch = int(generator.choice(tones[1:]))
        if beat == 0:
            pitch = root
        elif beat == beats[-1]:
            pitch = following + int(generator.choice((-1, 1, -2, 2)))
        yield beat, 3.7, pitch, 0.75 + 0.1 * generator.random()
        if generator.random() < 0.12:
            yield beat + 2, 1.6, pitch, 0.5


def _arpeggio(context: Context, _generator: np.random.Generator) -> Iterator[Event]:
    tones = chord(context.scale, context.root, max(context.num_tones, 3))
    held = voicing(tones, context.tonic, context.player.octave, context.memory.get("chord", ()))
    context.memory["chord"] = held
    ladder = [*held, held[0] + 12, *reversed(held[1:])]
    shift = context.motif[0] % len(ladder)
    for count, (step, steps, _) in enumerate(_strokes(context)):
        yield step, max(steps * 0.9, 0.7), ladder[(count + shift) % len(ladder)], 0.6 + 0.15 * (step % 4 == 0)


def _phrases(context: Context, generator: np.random.Generator) -> Iterator[Event]:
    """A melody from the section's motif, its strong notes on the chord; every other bar may be a breath."""
    if context.bar.index % 2 and generator.random() < 0.35:
        return
    tones = [context.tonic + tone for tone in chord(context.scale, context.root, 3)]
    for count, (step, steps, _) in enumerate(_strokes(context)):
        line = near(context.tonic, context.player.octave) + degree(
            context.scale, context.motif[count % len(context.motif)]
        )
        if step % 8 == 0:
            line = min((near(tone, line) for tone in tones), key=lambda pitch, line=line: abs(pitch - line))  # type: ignore[misc]
        yield step, steps * 0.95, line, 0.7 + 0.2 * generator.random()


def _riser(context: Context, generator: np.random.Generator) -> Iterator[Event]:
    if context.bar.last and generator.random() < 0.8:
        yield 0, context.bar.num_steps, 60, 0.7
    elif context.bar.index == 0 and context.bar.plan.energy > 0.8 and generator.random() < 0.4:
        yield 0, 4, 72, 0.8  # a downlifter: the noise falls


FIGURES: dict[str, Callable[[Context, np.random.Generator], Iterator[Event]]] = {
    "chords": _chords, "power": _power, "bass": _bass, "walking": _walking, "arpeggio": _arpeggio,
    "phrases": _phrases, "riser": _riser,
}  # fmt: skip

_ALWAYS = ("bass",)  # roles that do not rest while the band plays, but in breaks
_ARTICULATED = ("bass", "guitar", "keys", "lead", "brass", "arpeggio")
# shares of the notated length that a section's notes are held: as written, detached, staccato
_ARTICULATIONS = ((1.0, 1.0), (0.5, 0.75), (0.2, 0.4))
_ARTICULATION_CHANCES = (0.6, 0.2, 0.2)
_SHORTEST_SECONDS = 0.04


def play(genre: Genre, bars: list[Bar], kicks: list[list[int]], generator: np.random.Generator) -> tuple[Part, ...]:
    """Play everything but the drums through a song.

    Args:
        genre: who plays what.
        bars: the song.
        kicks: for each bar the steps of the bass drum.
        generator: random generator.

    Returns:
        A part for each player who is in the band; at least one has notes where the band plays at all.
    """
    tonic = int(generator.integers(12))
    scale = SCALES[genre.modes[int(generator.integers(len(genre.modes)))]]
    progressions: dict[str, tuple[int, ...]] = {}
    motifs: dict[str, tuple[int, ...]] = {}
    for bar in bars:
        progressions.setdefault(bar.plan.name, genre.progressions[int(generator.integers(len(genre.progressions)))])
        motifs.setdefault(bar.plan.name, tuple(np.clip(np.cumsum(generator.integers(-2, 3, 7)), -4, 7).tolist()))
    roots = [progressions[bar.plan.name][bar.index % len(progressions[bar.plan.name])] for bar in bars]
    parts = []
    for player in genre.players:
        if generator.random() > player.chance:
            continue
        program = int(generator.choice(player.programs))
        choices: dict[str, tuple[bool, str, float]] = {}
        memory: dict[str, tuple[int, ...]] = {}
        notes: list[Note] = []
        for number, bar in enumerate(bars):
            playing, pattern, held = choices.setdefault(bar.plan.name, _choice(player, bar, generator))
            if not (playing and bar.band):
                continue
            context = Context(
                bar, player, pattern, tonic, scale, roots[number], roots[(number + 1) % len(bars)], genre.chord_tones,
                kicks[number], motifs[bar.plan.name], memory,
            )  # fmt: skip
            for step, steps, pitch, velocity in FIGURES[player.figure](context, generator):
                start = max(bar.time(step) + float(generator.normal(0, genre.looseness_seconds)), 0.0)
                strength = float(np.clip(velocity * np.exp(generator.normal(0, 0.08)), 0.05, 1.0))
                seconds = max(steps * bar.step_seconds * held, _SHORTEST_SECONDS)
                notes.append(Note(start, seconds, int(np.clip(pitch, 12, 120)), strength))
        if notes:
            parts.append(
                Part(player.role, program, tuple(sorted(notes, key=lambda note: (note.start_seconds, note.pitch))))
            )
    return tuple(parts)


def _choice(player: Musician, bar: Bar, generator: np.random.Generator) -> tuple[bool, str, float]:
    """Whether a player plays in a section, what rhythm, and what share of its length each note is held."""
    chance = 0.95 if player.role in _ALWAYS and bar.plan.drums > 0 else 0.35 + 0.6 * bar.plan.energy
    pattern = player.patterns[int(generator.integers(len(player.patterns)))] if player.patterns else ""
    held = 1.0
    if player.role in _ARTICULATED:
        # short notes with hard attacks are what a separator takes for drums
        held = generator.uniform(*_ARTICULATIONS[int(generator.choice(3, p=_ARTICULATION_CHANCES))])
    return bool(generator.random() < chance), pattern, held
