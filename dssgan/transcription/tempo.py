"""The beat that strokes are played to, as a tempo map."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dssgan.extras import import_from
from dssgan.synthesis.midi_file import read_midi
from dssgan.synthesis.score import Hit
from dssgan.transcription.spectra import FRAME_RATE, SAMPLE_RATE

WITHOUT_BEAT = 120.0  # quarter notes a minute, where no beat is found

_WEIGHTS = {"kick": 1.0, "snare": 1.0, "crash": 0.5}  # of strokes that mark the beat; of others:
_WEIGHT = 0.3
_NEAR_SECONDS = 0.04  # a stroke this near is on the beat
_FEWEST_BEATS = 8
_LEAST_STRUCK = 0.6  # share of the beats on which something is struck
_MOST_UNEVEN = 0.1  # deviation of the beats' lengths from their neighbours', in parts of a beat
_SMOOTHED_BEATS = 4


@dataclass(frozen=True)
class TempoMap:
    """Tempos in time.

    Attributes:
        tempos: from which second on there are how many quarter notes a minute; the first from 0.
        found: whether a beat was found.
    """

    tempos: tuple[tuple[float, float], ...]
    found: bool

    @property
    def typical(self) -> float:
        """The median tempo, quarter notes a minute."""
        return float(np.median([tempo for _, tempo in self.tempos]))


def tempo_map(strokes: Sequence[Hit]) -> TempoMap:
    """Find the beat of a song's strokes by librosa's beat tracker (Ellis 2007), and from it the tempo of every beat.

    Source of the tracker: Ellis, "Beat tracking by dynamic programming", 2007, DOI 10.1080/09298210701653344.

    Args:
        strokes: in order.

    Returns:
        A map in which each beat is a quarter note; 120 throughout where there is no even beat.

    Raises:
        ModelError: librosa is not installed.
    """
    none = TempoMap(((0.0, WITHOUT_BEAT),), found=False)
    if len(strokes) < _FEWEST_BEATS:
        return none
    beats = _on_strokes(_track(strokes), strokes)
    if not _is_even(beats, strokes):
        return none
    lengths = np.diff(beats)
    typical = float(np.median(lengths))
    if beats[0] < typical / 2:  # no time for a beat before it
        beats = beats[1:] if beats[0] > 0 else beats
    starts = beats
    if beats[0] > 0:
        before = max(round(beats[0] / typical), 1)
        starts = np.concatenate([np.arange(before) * beats[0] / before, beats])
    return TempoMap(tuple(zip(starts[:-1].tolist(), (60 / np.diff(starts)).tolist(), strict=True)), found=True)


def _track(strokes: Sequence[Hit]) -> NDArray[np.float64]:
    librosa = import_from("librosa", "midi")
    last = strokes[-1].start_seconds
    envelope = np.zeros(round(last * FRAME_RATE) + FRAME_RATE, np.float32)
    for hit in strokes:
        envelope[round(hit.start_seconds * FRAME_RATE)] += _WEIGHTS.get(hit.piece, _WEIGHT) * hit.velocity
    # as wide as an onset detector's peaks
    envelope = np.convolve(envelope, np.array([0.5, 1.0, 0.5], np.float32), mode="same")
    _, beats = librosa.beat.beat_track(
        onset_envelope=envelope, sr=SAMPLE_RATE, hop_length=SAMPLE_RATE // FRAME_RATE, units="frames", trim=False
    )
    times = np.asarray(beats, np.float64) / FRAME_RATE
    return times[times <= last + _NEAR_SECONDS]  # beats beyond the last stroke are guesses


def _on_strokes(beats: NDArray[np.float64], strokes: Sequence[Hit]) -> NDArray[np.float64]:
    """Move each beat half of the way to the stroke on it, then even out what is left of single strokes' timing."""
    times = np.array([hit.start_seconds for hit in strokes])
    if len(beats) < 2:
        return beats
    nearest = times[np.abs(times[None] - beats[:, None]).argmin(axis=1)]
    moved = np.where(np.abs(nearest - beats) <= _NEAR_SECONDS, nearest, beats)
    # a straight line through each beat's neighbours: a drummer's tempo drifts over bars, not from stroke to stroke
    numbers = np.arange(len(moved))
    evened = np.empty_like(moved)
    for index in numbers:
        near = slice(max(index - _SMOOTHED_BEATS, 0), index + _SMOOTHED_BEATS + 1)
        slope, intercept = np.polyfit(numbers[near], moved[near], 1)
        evened[index] = slope * index + intercept
    return np.maximum(evened, 0.0)


def _is_even(beats: NDArray[np.float64], strokes: Sequence[Hit]) -> bool:
    if len(beats) < _FEWEST_BEATS:
        return False
    lengths = np.diff(beats)
    if lengths.min() <= 0:
        return False
    uneven = np.abs(np.diff(lengths)) / lengths[1:]
    times = np.array([hit.start_seconds for hit in strokes])
    struck = np.abs(times[None] - beats[:, None]).min(axis=1) <= _NEAR_SECONDS
    return float(np.quantile(uneven, 0.9)) <= _MOST_UNEVEN and float(struck.mean()) >= _LEAST_STRUCK


def beats_in(path: Path, seconds: float) -> list[float]:
    """Return the beats of a MIDI file that has a tempo for each of them, as `DrumScore` writes where it finds a beat.

    Args:
        path: the file.
        seconds: length of its song.

    Returns:
        Times, seconds, rising; none where the file has one tempo throughout.

    Raises:
        DataError: it cannot be read.
    """
    tempos = dict(read_midi(path).tempos)  # what a file sets at its beginning replaces what holds without it
    if len(tempos) < 2:
        return []
    beats = list(tempos)
    last = beats[-1] + 60 / tempos[beats[-1]]
    return [*beats, last] if last < seconds else beats
