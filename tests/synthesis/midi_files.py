"""MIDI files for tests, written message by message."""

from pathlib import Path

import mido

TICKS = 480


def write_midi(path: Path, *tracks: list[tuple[float, mido.Message | mido.MetaMessage]], ticks: int = TICKS) -> Path:
    """Write tracks of (beat, message) as a file."""
    content = mido.MidiFile(type=1, ticks_per_beat=ticks)
    for messages in tracks:
        track, before = mido.MidiTrack(), 0
        for beat, message in messages:
            at = round(beat * ticks)
            track.append(message.copy(time=at - before))
            before = at
        content.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    content.save(path)
    return path


def note(
    beat: float, beats: float, key: int, velocity: int = 100, channel: int = 0
) -> list[tuple[float, mido.Message]]:
    """Return a tone's two messages."""
    return [
        (beat, mido.Message("note_on", channel=channel, note=key, velocity=velocity)),
        (beat + beats, mido.Message("note_off", channel=channel, note=key)),
    ]


def drum_loop(path: Path, *, bars: int = 4, tempo: float = 120, pedal: bool = False) -> Path:
    """Write bars of a rock beat: bass drum on one and three, snare drum on two and four, eighths on the hi-hat."""
    messages: list[tuple[float, mido.Message | mido.MetaMessage]] = [
        (0, mido.MetaMessage("set_tempo", tempo=round(60e6 / tempo))),
        (0, mido.MetaMessage("time_signature", numerator=4, denominator=4)),
    ]
    if pedal:
        messages.append((0, mido.Message("control_change", channel=9, control=4, value=90)))
    strokes = []
    for beat in range(4 * bars):
        strokes += note(beat, 0.1, 38 if beat % 2 else 36, 110, 9)
        strokes += note(beat, 0.1, 42, 80, 9) + note(beat + 0.5, 0.1, 42, 60, 9)
    return write_midi(path, messages + sorted(strokes, key=lambda event: event[0]))


def band_song(path: Path, *, bars: int = 8) -> Path:
    """Write a song: a distorted guitar, a bass, a melody and drums."""
    guitar = [(0.0, mido.Message("program_change", channel=0, program=30))]
    bass = [(0.0, mido.Message("program_change", channel=1, program=33))]
    melody = [(0.0, mido.Message("program_change", channel=2, program=73))]
    drums: list[tuple[float, mido.Message]] = []
    for beat in range(4 * bars):
        guitar += note(beat, 0.9, 40 + beat % 4, 100, 0)
        bass += note(beat, 0.9, 28 + beat % 4, 100, 1)
        melody += note(beat, 0.5, 72 + beat % 7, 90, 2)
        drums += note(beat, 0.1, 38 if beat % 2 else 36, 110, 9)
    return write_midi(path, guitar, bass, melody, drums)
