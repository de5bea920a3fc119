"""Voices: melodies and speech from eSpeak NG, re-pitched by the WORLD vocoder (Morise et al. 2016); real singing."""

import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dssgan.audio.files import probe, read
from dssgan.audio.resample import resample
from dssgan.data.audio_file import AudioFile
from dssgan.data.bundled import SUNG
from dssgan.data.loading import load_dataset
from dssgan.errors import DataError
from dssgan.synthesis.instruments import Instrument
from dssgan.synthesis.score import Note
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

VOICES = ("en+m3", "en-us+f2", "en+f4", "de+m7", "fr+f3", "es+m1", "it+f1", "en-us+m5")
WORDS = ("love", "fire", "night", "away", "you", "home", "shine", "never", "run", "sky", "oh", "stars")
LINES = (
    "Take another step and leave the lights behind you",
    "Nobody told me it would sound like this at midnight",
    "One more time, from the top, and don't look back",
    "Somebody stop the clock before the morning comes",
)
_FRAME_SECONDS = 0.005
_KEEP = 10  # frames of a word's consonant that are not stretched
_REST_SECONDS = 0.1
_FADE_SAMPLES = 2205
_TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class _Word:
    """A word as the vocoder sees it: (frames, bins) each but `voiced`, (frames,)."""

    envelope: NDArray[np.float64]
    aperiodicity: NDArray[np.float64]
    voiced: NDArray[np.bool_]
    sample_rate: int


@lru_cache(maxsize=64)
def speak(program: Path, voice: str, text: str) -> tuple[Audio, int]:
    """Synthesise the speech of a text.

    Args:
        program: eSpeak NG.
        voice: language and variant, such as "en+f2".
        text: the text to be spoken.

    Returns:
        (1, samples) and its rate, Hz.

    Raises:
        DataError: eSpeak NG fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        command = [str(program), "-v", voice, "-s", "150", "-w", str(path), text]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            raise DataError(f"{program}: cannot speak ({error}); install espeak-ng again") from error
        return read(path), probe(path).sample_rate


@lru_cache(maxsize=128)
def _word(program: Path, voice: str, text: str) -> _Word:
    import pyworld

    audio, rate = speak(program, voice, text)
    wave = np.trim_zeros(audio[0].astype(np.float64))
    pitch, times = pyworld.dio(wave, rate, frame_period=_FRAME_SECONDS * 1000)
    envelope = pyworld.cheaptrick(wave, pitch, times, rate)
    return _Word(envelope, pyworld.d4c(wave, pitch, times, rate), pitch > 0, rate)


def sing(instrument: Instrument, notes: tuple[Note, ...], seconds: float, generator: np.random.Generator) -> Audio:
    """Sing a melody, a word a note.

    Args:
        instrument: eSpeak NG.
        notes: one after the other; a note ends where the next begins.
        seconds: length.
        generator: random generator of the singer, the words, the vibrato.

    Returns:
        (1, samples) at 44.1 kHz; little above 11 kHz, as eSpeak NG speaks.

    Raises:
        DataError: eSpeak NG fails.
    """
    import pyworld

    voice = str(generator.choice(VOICES))
    octave = -12 if "+m" in voice else 0
    words = [_word(instrument.path, voice, str(text)) for text in generator.choice(WORDS, 6, replace=False)]
    rate, bins = words[0].sample_rate, words[0].envelope.shape[1]
    cents, speed = 15 + 35 * generator.random(), float(generator.uniform(4.8, 6.2))
    track = np.zeros((1, round(seconds * SAMPLE_RATE)), np.float32)
    for phrase in _phrases(notes):
        begin = phrase[0].start_seconds
        num_frames = int((phrase[-1].start_seconds + phrase[-1].seconds - begin) / _FRAME_SECONDS) + 4
        pitch = np.zeros(num_frames)
        envelope = np.full((num_frames, bins), 1e-12)
        aperiodicity = np.ones((num_frames, bins))
        for number, note in enumerate(phrase):
            first = int((note.start_seconds - begin) / _FRAME_SECONDS)
            end = phrase[number + 1].start_seconds if number + 1 < len(phrase) else np.inf
            frames = int(min(note.seconds, end - note.start_seconds) / _FRAME_SECONDS)
            if frames < 4:
                continue
            word = words[number % len(words)]
            source = _stretched(len(word.voiced), frames)
            envelope[first : first + frames] = word.envelope[source] * note.velocity**2
            aperiodicity[first : first + frames] = word.aperiodicity[source]
            time = np.arange(frames) * _FRAME_SECONDS
            vibrato = cents * np.clip((time - 0.2) / 0.3, 0, 1) * np.sin(2 * np.pi * speed * time)
            scoop = -120 * np.exp(-time / 0.03)  # a singer reaches a note from below
            tone = 440 * 2 ** ((note.pitch + octave - 69) / 12 + (vibrato + scoop) / 1200)
            pitch[first : first + frames] = np.where(word.voiced[source], tone, 0)
        sung = pyworld.synthesize(pitch, envelope, aperiodicity, rate, frame_period=_FRAME_SECONDS * 1000)
        audio = resample(np.asarray(sung, np.float32)[None], rate, SAMPLE_RATE)
        start = round(begin * SAMPLE_RATE)
        track[:, start : start + audio.shape[1]] += audio[:, : track.shape[1] - start]
    return track


def _phrases(notes: tuple[Note, ...]) -> list[list[Note]]:
    """Split a melody at its rests: the vocoder is as slow in silence as in song."""
    phrases: list[list[Note]] = []
    end = -np.inf
    for note in notes:
        if note.start_seconds > end + _REST_SECONDS:
            phrases.append([])
        phrases[-1].append(note)
        end = note.start_seconds + note.seconds
    return phrases


def _stretched(num_frames: int, wanted: int) -> NDArray[np.intp]:
    """Which frame of a word sounds when: its beginning as it was, its vowel as long as the note."""
    keep = min(_KEEP, wanted // 2, num_frames // 2)
    vowel = np.linspace(keep, num_frames - 1, wanted - keep)
    return np.concatenate([np.arange(keep), vowel]).round().astype(np.intp)


def talk(instrument: Instrument, notes: tuple[Note, ...], seconds: float, generator: np.random.Generator) -> Audio:
    """Synthesise lines of speech where the melody's phrases begin.

    Args:
        instrument: eSpeak NG.
        notes: the melody; lines begin with its notes.
        seconds: length.
        generator: random generator.

    Returns:
        (1, samples) at 44.1 kHz.

    Raises:
        DataError: eSpeak NG fails.
    """
    voice = str(generator.choice(VOICES))
    track = np.zeros((1, round(seconds * SAMPLE_RATE)), np.float32)
    free = 0
    for note in notes:
        start = round(note.start_seconds * SAMPLE_RATE)
        if start < free:
            continue
        audio, rate = speak(instrument.path, voice, str(generator.choice(LINES)))
        line = resample(audio, rate, SAMPLE_RATE)[:, : track.shape[1] - start]
        track[:, start : start + line.shape[1]] += line
        free = start + line.shape[1] + round(generator.uniform(0.1, 2.0) * SAMPLE_RATE)
    return track


@cache
def _real() -> tuple[tuple[AudioFile, ...], str]:
    """The accompaniments of the bundled training songs that are sung, and their credits."""
    bundled = load_dataset()
    other = bundled.sources.index("other")
    sung = (track.sources[other] for track in bundled.train_sup if track.group == SUNG)
    recordings = tuple(part for part in sung if isinstance(part, AudioFile))
    return recordings, "; ".join(line for line in bundled.credits if SUNG in line)


def borrowed_credit() -> str:
    """Return the credits of the singing that `borrow` takes, with the licence."""
    return _real()[1]


def borrow(notes: tuple[Note, ...], seconds: float, generator: np.random.Generator) -> tuple[Audio, str]:
    """Put excerpts of real singing where the melody's phrases are: bundled training songs without their drums.

    Args:
        notes: the melody.
        seconds: length.
        generator: random generator.

    Returns:
        (1, samples) at 44.1 kHz, and the credit for it.
    """
    recordings, credit = _real()
    recording = recordings[int(generator.integers(len(recordings)))]
    track = np.zeros((1, round(seconds * SAMPLE_RATE)), np.float32)
    for phrase in _phrases(notes):
        length = min(phrase[-1].start_seconds + phrase[-1].seconds - phrase[0].start_seconds, recording.duration)
        start = float(generator.uniform(0, recording.duration - length))
        audio = np.array(recording.read(start, length, SAMPLE_RATE, 1))
        fade = min(_FADE_SAMPLES, audio.shape[1] // 2)
        audio[:, :fade] *= np.linspace(0, 1, fade, dtype=np.float32)
        audio[:, audio.shape[1] - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        start = round(phrase[0].start_seconds * SAMPLE_RATE)
        track[:, start : start + audio.shape[1]] += audio[:, : track.shape[1] - start]
    return track, credit
