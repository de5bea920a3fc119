"""Standard MIDI files: what every channel plays, in seconds; and drums written as one."""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from dssgan.atomic import replacing
from dssgan.errors import DataError
from dssgan.synthesis.gm import DRUM_KEYS
from dssgan.synthesis.score import Hit

HAT_PEDAL, VOLUME, PAN, EXPRESSION, SUSTAIN = 4, 7, 10, 11, 64

_BEND_RANGE = 2.0  # semitones, until a file sets another
_RPN_LOW, _RPN_HIGH, _DATA, _DATA_FINE = 100, 101, 6, 38
_DRUM_CHANNEL = 9
_MAX_BYTES = 4 << 20  # a song of ten minutes has some 200 kB
_MAX_EVENTS = 500_000
_MAX_SECONDS = 3600.0
_HELD_SECONDS = 8.0  # of a tone that is never released
_TICKS = 480
_STROKE_SECONDS = 0.05
_PEDAL_DOWN = 127


@dataclass(frozen=True)
class MidiNote:
    """A tone, or a stroke of the drum channel.

    Attributes:
        start_seconds: when it begins.
        seconds: how long it sounds, the sustain pedal included.
        key: MIDI key.
        velocity: 1 to 127.
        program: General MIDI program that its channel had then.
    """

    start_seconds: float
    seconds: float
    key: int
    velocity: int
    program: int


@dataclass
class Channel:
    """What one channel plays.

    Attributes:
        notes: in the order of their beginnings.
        controllers: each controller's values in time, 0 to 127.
        bends: how far tones are bent in time, semitones.
        chokes: when a hand mutes a cymbal, and its key.
    """

    notes: list[MidiNote] = field(default_factory=list)
    controllers: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    bends: list[tuple[float, float]] = field(default_factory=list)
    chokes: list[tuple[float, int]] = field(default_factory=list)


@dataclass(frozen=True)
class MidiFile:
    """A file in seconds.

    Attributes:
        seconds: when its last tone has ended.
        tempos: quarter notes a minute in time; at least one.
        metres: beats a bar and their note value in time; at least one.
        channels: every channel that plays, by number from 0; 9 is the drums'.
    """

    seconds: float
    tempos: tuple[tuple[float, float], ...]
    metres: tuple[tuple[float, tuple[int, int]], ...]
    channels: dict[int, Channel]

    @property
    def drums(self) -> Channel:
        """The drum channel, empty where it plays nothing."""
        return self.channels.get(_DRUM_CHANNEL, Channel())

    @property
    def tonal(self) -> dict[int, Channel]:
        """All other channels."""
        return {number: channel for number, channel in self.channels.items() if number != _DRUM_CHANNEL}


def value_at(points: Sequence[tuple[float, Any]], seconds: float, default: Any) -> Any:
    """Return the value that holds at a time; the default before the first."""
    index = bisect_right(points, seconds, key=lambda point: point[0])
    return points[index - 1][1] if index else default


def read_midi(path: Path) -> MidiFile:
    """Read a file.

    Args:
        path: a standard MIDI file of any type.

    Raises:
        DataError: it is no MIDI file, is damaged, plays nothing, is too long or too large, or mido is not installed.
    """
    try:
        import mido
        from mido.midifiles.meta import KeySignatureError
    except ImportError as error:
        raise DataError("MIDI files need a package that is not installed: `pip install dssgan[synthetic]`") from error
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise DataError(f"{path}: {size >> 20} MiB are no song; leave it out")
        content = mido.MidiFile(path, clip=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be read as a MIDI file ({error}); replace it or leave it out") from error
    except (EOFError, ValueError, LookupError, TypeError, ArithmeticError, KeySignatureError) as error:
        reason = str(error) or "it ends too early"
        raise DataError(f"{path}: is damaged, or no MIDI file ({reason}); replace it or leave it out") from error
    if content.ticks_per_beat <= 0:
        raise DataError(f"{path}: counts the frames of a film, not beats; leave it out")
    num_events = sum(map(len, content.tracks))
    if num_events > _MAX_EVENTS:
        raise DataError(f"{path}: {num_events} events are no song; leave it out")
    reader = _Reader()
    # all tracks in time; those of the same tick in the order of the file
    events = [
        event for track in content.tracks for event in zip(accumulate(one.time for one in track), track, strict=True)
    ]
    for ticks, message in sorted(events, key=lambda event: event[0]):
        reader.take(message, ticks / content.ticks_per_beat)
        if reader.seconds > _MAX_SECONDS:
            raise DataError(f"{path}: goes on after {_MAX_SECONDS / 60:.0f} minutes; cut it or leave it out")
    channels = reader.finish()
    if not channels:
        raise DataError(f"{path}: plays nothing; leave it out")
    end = max(note.start_seconds + note.seconds for channel in channels.values() for note in channel.notes)
    return MidiFile(end, tuple(reader.tempos), tuple(reader.metres), channels)


class _Reader:
    """Takes the messages of a file in turn."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._beats = 0.0
        self.tempos = [(0.0, 120.0)]
        self.metres = [(0.0, (4, 4))]
        self._channels: defaultdict[int, Channel] = defaultdict(Channel)
        self._programs: defaultdict[int, int] = defaultdict(int)
        self._held: defaultdict[tuple[int, int], deque[tuple[float, int, int]]] = defaultdict(deque)
        self._sustained: defaultdict[int, list[tuple[float, int, int, int]]] = defaultdict(list)
        self._parameter: defaultdict[int, dict[int, int]] = defaultdict(dict)
        self._takers: dict[str, Callable[[Any], None]] = {
            "note_on": self._note_on, "note_off": self._note_off, "control_change": self._control,
            "program_change": self._program, "pitchwheel": self._bend, "polytouch": self._touch,
            "set_tempo": self._tempo, "time_signature": self._metre,
        }  # fmt: skip

    def take(self, message: Any, beats: float) -> None:
        self.seconds += (beats - self._beats) * 60 / self.tempos[-1][1]
        self._beats = beats
        taker = self._takers.get(message.type)
        if taker is not None:
            taker(message)

    def finish(self) -> dict[int, Channel]:
        for (number, key), started in self._held.items():
            for start, velocity, program in started:
                seconds = min(self.seconds - start, _HELD_SECONDS)
                self._channels[number].notes.append(MidiNote(start, seconds, key, velocity, program))
        for number in list(self._sustained):
            self._let_go(number)
        playing = {number: channel for number, channel in sorted(self._channels.items()) if channel.notes}
        for channel in playing.values():
            channel.notes.sort(key=lambda note: (note.start_seconds, note.key))
        return playing

    def _note_on(self, message: Any) -> None:
        if message.velocity == 0:
            self._note_off(message)
            return
        started = self.seconds, message.velocity, self._programs[message.channel]
        self._held[message.channel, message.note].append(started)

    def _note_off(self, message: Any) -> None:
        started = self._held.get((message.channel, message.note))
        if not started:
            return
        start, velocity, program = started.popleft()
        channel = self._channels[message.channel]
        if channel.controllers.get(SUSTAIN, [(0.0, 0)])[-1][1] >= 64:
            self._sustained[message.channel].append((start, message.note, velocity, program))
        else:
            channel.notes.append(MidiNote(start, self.seconds - start, message.note, velocity, program))

    def _let_go(self, number: int) -> None:
        for start, key, velocity, program in self._sustained.pop(number, []):
            seconds = min(self.seconds - start, _HELD_SECONDS)
            self._channels[number].notes.append(MidiNote(start, seconds, key, velocity, program))

    def _control(self, message: Any) -> None:
        number, value = message.control, message.value
        self._channels[message.channel].controllers.setdefault(number, []).append((self.seconds, value))
        if number == SUSTAIN and value < 64:
            self._let_go(message.channel)
        elif number in (_RPN_LOW, _RPN_HIGH, _DATA, _DATA_FINE):
            self._parameter[message.channel][number] = value

    def _program(self, message: Any) -> None:
        self._programs[message.channel] = message.program

    def _bend(self, message: Any) -> None:
        parameter = self._parameter[message.channel]
        reach = _BEND_RANGE
        if (parameter.get(_RPN_HIGH), parameter.get(_RPN_LOW)) == (0, 0) and _DATA in parameter:
            reach = parameter[_DATA] + parameter.get(_DATA_FINE, 0) / 100
        self._channels[message.channel].bends.append((self.seconds, message.pitch / 8192 * reach))

    def _touch(self, message: Any) -> None:
        self._channels[message.channel].chokes.append((self.seconds, message.note))

    def _tempo(self, message: Any) -> None:
        if message.tempo > 0:
            self.tempos.append((self.seconds, 60e6 / message.tempo))

    def _metre(self, message: Any) -> None:
        if message.numerator > 0:
            self.metres.append((self.seconds, (message.numerator, message.denominator)))


def write_drums(
    path: Path, hits: Iterable[Hit], *, tempos: Sequence[tuple[float, float]], metre: tuple[int, int] = (4, 4)
) -> None:
    """Write strokes as a MIDI file on General MIDI's drum channel; controller 4 tells how far the hi-hat is open.

    Args:
        path: where to.
        hits: the strokes.
        tempos: from which second on there are how many quarter notes a minute; the first from 0.
        metre: beats a bar and their note value.

    Raises:
        OSError: it cannot be written.
        ImportError: mido is not installed.
    """
    import mido

    pedal_down = mido.Message("control_change", channel=9, control=HAT_PEDAL, value=_PEDAL_DOWN)
    events: list[tuple[float, int, Any]] = [(0.0, 0, pedal_down)]
    for hit in hits:
        key = DRUM_KEYS[hit.piece][0]
        if hit.opening is not None:
            pedal = round((1 - hit.opening) * _PEDAL_DOWN)
            events.append(
                (hit.start_seconds, 0, mido.Message("control_change", channel=9, control=HAT_PEDAL, value=pedal))
            )
        velocity = max(round(hit.velocity * 127), 1)
        events.append((hit.start_seconds, 1, mido.Message("note_on", channel=9, note=key, velocity=velocity)))
        end = hit.start_seconds + _STROKE_SECONDS
        events.append((end, 0, mido.Message("note_off", channel=9, note=key)))
        if hit.muted_seconds is not None:
            events.append((hit.muted_seconds, 0, mido.Message("polytouch", channel=9, note=key, value=127)))
    # microseconds a quarter, which are whole numbers, and the beat that each tempo begins on
    quarters = [round(60e6 / tempo) for _, tempo in tempos]
    starts = [seconds for seconds, _ in tempos]
    beats = [0.0, *accumulate((b - a) * 1e6 / of for (a, b), of in zip(pairwise(starts), quarters, strict=False))]
    events += [(start, -1, mido.MetaMessage("set_tempo", tempo=of)) for start, of in zip(starts, quarters, strict=True)]
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1]))
    ticks = 0
    for seconds, _, message in sorted(events, key=lambda event: event[:2]):
        index = max(bisect_right(starts, seconds) - 1, 0)
        at = max(round((beats[index] + (seconds - starts[index]) * 1e6 / quarters[index]) * _TICKS), ticks)
        track.append(message.copy(time=at - ticks))
        ticks = at
    content = mido.MidiFile(ticks_per_beat=_TICKS, tracks=[track])
    with replacing(path) as temporary:
        content.save(temporary)
