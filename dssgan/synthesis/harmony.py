"""Scales, chords and the way from one chord to the next."""

from collections.abc import Sequence

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "harmonic": (0, 2, 3, 5, 7, 8, 11),
}


def degree(scale: Sequence[int], step: int) -> int:
    """Semitones from the tonic to a degree of the scale; degrees go on above and below the octave."""
    octave, degree = divmod(step, len(scale))
    return 12 * octave + scale[degree]


def chord(scale: Sequence[int], root: int, num_tones: int) -> tuple[int, ...]:
    """Semitones from the tonic to the tones of the chord on degree `root`.

    Args:
        scale: semitones of the degrees.
        root: degree of the root, 0 the tonic.
        num_tones: 2 root and fifth, 3 a triad, 4 a seventh chord.
    """
    steps = (0, 4) if num_tones == 2 else (0, 2, 4, 6)[:num_tones]
    return tuple(degree(scale, root + step) for step in steps)


def near(pitch: int, middle: int) -> int:
    """Move a pitch by octaves to within a tritone of `middle`."""
    return middle + (pitch - middle + 6) % 12 - 6


def voicing(tones: Sequence[int], tonic: int, middle: int, previous: Sequence[int]) -> tuple[int, ...]:
    """Voice a chord's tones where the hand moves least.

    Args:
        tones: semitones from the tonic.
        tonic: pitch class of the key.
        middle: MIDI note number the chord stays around.
        previous: the chord before; empty for the first.

    Returns:
        MIDI note numbers, ascending, no two alike.
    """
    if not previous:
        return tuple(sorted({near(tonic + tone, middle) for tone in tones}))
    placed = set()
    for tone in tones:
        target = min(previous, key=lambda held, tone=tone: abs(near(tonic + tone, held) - held))  # type: ignore[misc]
        # pulled back towards the middle, so that a long song does not wander off
        placed.add(near(tonic + tone, round((2 * target + middle) / 3)))
    return tuple(sorted(placed))
