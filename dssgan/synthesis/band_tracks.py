"""The rest of a song played: every part on an instrument, with its effects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dssgan.synthesis import guitars, instruments, mixing, noises, sampler, voices
from dssgan.synthesis.gm import CLEAN_GUITAR, DISTORTED_GUITAR
from dssgan.synthesis.sampler import SampledInstrument
from dssgan.synthesis.score import Note, Part, Song
from dssgan.synthesis.soundfont import SAMPLE_RATE, SoundfontSynthesizer
from dssgan.types import Audio

# levels against the bass, dB
_ROLES_DB = {
    "bass": 4.0, "guitar": -3.0, "keys": -3.0, "pad": -7.0, "lead": -3.0, "brass": -4.0, "strings": -6.0,
    "arpeggio": -6.0,
    "vocals": 1.0, "noise": -9.0,
}  # fmt: skip
_DISTORTED_DB = 2.0  # distorted guitars against clean ones: rock mixes are full of them
_TAIL_SECONDS = 3.0
_SAMPLED = 0.75  # share of the parts that a recorded instrument plays, where one can
_REAL_SINGERS = 0.15  # share of the vocals that are excerpts of real songs
_AMPLIFIED = 0.7  # share of a soundfont's distorted guitars that are clean ones through an amplifier
_RIFFS = {"guitar": 0.2, "bass": 0.1}  # share of the parts that recordings without an amplifier stand in for
_APPLAUDED = 0.08  # share of the songs by people
_TALKED = ("hip_hop", "trap", "techno")


@dataclass
class _Studio:
    """What the parts of one song are played with.

    Attributes:
        found: this machine's instruments.
        font: the soundfont of the song: each is loaded anew, which takes longer than playing a part.
        player: plays it.
        captures_left: distorted guitars that a captured amplifier may still play, for it is slow.
    """

    found: instruments.Instruments
    font: instruments.Instrument
    player: SoundfontSynthesizer
    captures_left: int = 1


def record(song: Song, generator: np.random.Generator) -> tuple[Audio, set[str]]:
    """Play everything but the drums on instruments of this machine.

    Args:
        song: the song.
        generator: random generator.

    Returns:
        (2, samples) at 44.1 kHz, and who made the instruments, with licences.

    Raises:
        DataError: this machine has no instruments.
    """
    found = instruments.find()
    font = found.soundfonts[int(generator.integers(len(found.soundfonts)))]
    track = np.zeros((2, round(song.seconds * SAMPLE_RATE)), np.float32)
    all_credits: set[str] = set()
    with SoundfontSynthesizer() as player:
        studio = _Studio(found, font, player)
        for part in song.parts:
            # as many draws for every part with any set of instruments
            seed = int(generator.integers(1 << 32))
            sound, credits_ = _part(song, part, studio, np.random.default_rng(seed))
            loudness = mixing.level(sound)
            if loudness > 0:
                all_credits |= credits_
                level_db = _ROLES_DB[part.role] + _DISTORTED_DB * (part.program in DISTORTED_GUITAR)
                gain = mixing.decibels(level_db - 20 + np.random.default_rng(seed + 1).normal(0, 4))
                track += _automated(sound * (gain / np.float32(loudness)), part)
    track = mixing.through(track, *mixing.room(generator, wettest=0.2))
    if song.acoustic and generator.random() < _APPLAUDED:
        crowd = noises.applause(song.seconds, generator)
        track += crowd * (mixing.decibels(generator.uniform(-20, -4)) * np.float32(mixing.level(track) or 0.1))
    return track, all_credits


def _automated(sound: Audio, part: Part) -> Audio:
    """Move a part's faders as the song says."""
    if part.levels_db:
        sound = sound * 10 ** (mixing.follow(part.levels_db, sound.shape[1]) / np.float32(20))
    if part.pans:
        sound = sound * mixing.pan_along(mixing.follow(part.pans, sound.shape[1]))
    return sound


def _part(song: Song, part: Part, studio: _Studio, generator: np.random.Generator) -> tuple[Audio, set[str]]:
    """One player's sound with its effects, and the credits for it."""
    placed = part.role in ("guitar", "keys", "brass", "arpeggio") and not part.pans
    position = float(generator.uniform(-0.8, 0.8)) if placed else 0.0
    effects = mixing.strip(part.role, generator)
    if part.role == "noise":
        return _processed(noises.sweeps(part.notes, song.seconds, generator), part, effects), set()
    if part.role == "vocals":
        return _sung(song, part, studio.found.voice, effects, generator)
    distorted = part.program in DISTORTED_GUITAR
    direct = _direct(part, studio.found)
    if direct and (distorted or part.role == "bass") and generator.random() < _RIFFS[part.role]:
        rig, recording = _rig(studio, generator), direct[int(generator.integers(len(direct)))]
        sound = guitars.riff(recording, song.seconds, rig, generator)
        return _processed(sound, part, effects) * mixing.pan(position), {recording.credit} | rig.credits
    fitting = [one for one in sampler.find() if part.program in one.programs]
    recorded: SampledInstrument | None = None
    if fitting and generator.random() < _SAMPLED:  # nothing is drawn, and songs stay as they are, where there is none
        recorded = fitting[int(generator.integers(len(fitting)))]
    amplified = distorted and (recorded is not None or generator.random() < _AMPLIFIED)
    program = CLEAN_GUITAR[0] if amplified else part.program

    def play(notes: Sequence[Note]) -> Audio:
        if recorded is not None:
            return recorded.play(notes, song.seconds, generator, bends=part.bends)
        return studio.player.play(studio.font.path, notes, program, song.seconds, bends=part.bends)

    credits_ = {studio.font.credit if recorded is None else recorded.credit}
    if not amplified:
        return _processed(play(part.notes), part, effects) * mixing.pan(position), credits_
    rig = _rig(studio, generator)
    sound = guitars.record(part.notes, song.seconds, play, rig, generator)
    return _processed(sound, part, effects) * mixing.pan(position / 2), credits_ | rig.credits


def _direct(part: Part, found: instruments.Instruments) -> list[instruments.Instrument]:
    """Return the recordings without an amplifier that a part may be."""
    return [one for one in found.direct if part.role in _RIFFS and part.role in one.path.stem.lower()]


def _rig(studio: _Studio, generator: np.random.Generator) -> guitars.Rig:
    rig = guitars.draw_rig(studio.found, generator) if studio.captures_left else guitars.Rig()
    studio.captures_left -= rig.capture is not None
    return rig


def _sung(
    song: Song, part: Part, voice: instruments.Instrument | None, effects: list[Any], generator: np.random.Generator
) -> tuple[Audio, set[str]]:
    """A voice's sound with its effects, and the credit for it."""
    if voice is None or generator.random() < _REAL_SINGERS:
        sung, credit = voices.borrow(part.notes, song.seconds, generator)
        return _processed(np.repeat(sung, 2, axis=0), part, [mixing.without_bass(), *effects]), {credit}
    speaks = song.genre in _TALKED and generator.random() < 0.7
    sung = (voices.talk if speaks else voices.sing)(voice, part.notes, song.seconds, generator)
    dry = _processed(np.repeat(sung, 2, axis=0), part, effects)
    return mixing.through(dry, *mixing.room(generator, wettest=0.3)), {voice.credit}


def _processed(sound: Audio, part: Part, effects: list[Any]) -> Audio:
    """Run a part through its effects, from its first note to where its last has died away."""
    first = round(part.notes[0].start_seconds * SAMPLE_RATE)
    end = round((max(note.start_seconds + note.seconds for note in part.notes) + _TAIL_SECONDS) * SAMPLE_RATE)
    processed = np.zeros_like(sound)
    processed[:, first:end] = mixing.through(sound[:, first:end], *effects)
    return processed
