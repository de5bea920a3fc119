"""Songs played, recorded and mixed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dssgan.errors import DataError
from dssgan.synthesis import instruments, kits, mixing, noises, sampler, voices
from dssgan.synthesis.genres import GENRES
from dssgan.synthesis.gm import CLEAN_GUITAR, DISTORTED_GUITAR
from dssgan.synthesis.score import Hit, Part, Song
from dssgan.synthesis.soundfont import SAMPLE_RATE, SoundfontSynthesizer
from dssgan.types import Audio

SOURCES = ("drums", "other")

_STREAM = 0x72656E64  # keeps these draws apart from those of the composer
# levels of the drums' pieces and of the band's roles against the bass drum and the bass, dB
_PIECES_DB = {
    "kick": 0.0, "snare": 0.0, "sidestick": -5.0, "clap": -3.0, "closed_hat": -11.0, "pedal_hat": -14.0,
    "open_hat": -10.0,
    "low_tom": -2.0, "mid_tom": -2.0, "high_tom": -2.0, "crash": -7.0, "ride": -10.0, "ride_bell": -10.0, "china": -8.0,
    "splash": -9.0, "tambourine": -13.0, "shaker": -14.0, "cowbell": -11.0, "clave": -11.0, "low_conga": -7.0,
    "high_conga": -7.0, "timbale": -7.0,
}  # fmt: skip
_ROLES_DB = {
    "bass": 4.0, "guitar": -3.0, "keys": -3.0, "pad": -7.0, "lead": -3.0, "brass": -4.0, "strings": -6.0,
    "arpeggio": -6.0,
    "vocals": 1.0, "noise": -9.0,
}  # fmt: skip
_PANS = {
    "closed_hat": 0.3, "pedal_hat": 0.3, "open_hat": 0.3, "crash": -0.5, "ride": -0.4, "ride_bell": -0.4, "china": 0.6,
    "splash": 0.4, "low_tom": -0.5, "mid_tom": 0.0, "high_tom": 0.4, "tambourine": 0.5, "shaker": -0.6, "cowbell": 0.4,
    "clave": -0.4, "low_conga": 0.5, "high_conga": 0.4, "timbale": -0.5,
}  # fmt: skip
_CHOKE_SAMPLES = 1323  # 30 ms: how long an open hat takes to close
_TAIL_SECONDS = 3.0
_SAMPLED = 0.75  # share of the parts that a recorded instrument plays, where one can
_REAL_SINGERS = 0.15  # share of the vocals that are excerpts of real songs
_BRUSHED = ("jazz", "ballad")
_APPLAUDED = 0.08  # share of the songs by people
_TALKED = ("hip_hop", "trap", "techno")


@dataclass(frozen=True)
class RenderedSong:
    """A song as audio.

    Attributes:
        mix: (2, samples) at 44.1 kHz; the sum of drums and other, unless a codec has been over it.
        drums: (2, samples).
        other: (2, samples).
        credits: instruments and their licences, a line each.
        coded: a codec has been over the mix.
    """

    mix: Audio
    drums: Audio
    other: Audio
    credits: tuple[str, ...]
    coded: bool


def render(song: Song, *, codec: bool = True) -> RenderedSong:
    """Play a song on this machine's instruments and mix it, the same for the same song and instruments.

    Args:
        song: what is played; its seed also draws the instruments, rooms and levels.
        codec: let one mix in ten pass through an MP3 coder; the sources never do.

    Raises:
        DataError: there are no instruments, or their libraries are not installed.
    """
    try:
        import pedalboard
    except ImportError as error:
        raise DataError(
            "synthetic songs need packages that are not installed: `pip install dssgan[synthetic]`"
        ) from error
    generator = np.random.default_rng(np.random.SeedSequence([_STREAM, song.seed]))
    credits_: set[str] = set()
    drums = _drums(song, generator, credits_)
    other = _band(song, generator, credits_)
    drums, other = _balance(song, drums, other, generator)
    tone = mixing.tone(generator)
    if tone:  # linear, so that the sources still sum to the mix
        drums, other = mixing.through(drums, *tone), mixing.through(other, *tone)
    mix = drums + other
    loudest = float(np.abs(mix).max()) or 1.0
    drive = mixing.decibels(generator.choice((generator.uniform(-6, 0), generator.uniform(0, 9)))) / np.float32(loudest)
    gain = mixing.limit(mix * drive) * drive
    drums, other = drums * gain, other * gain
    mix = drums + other
    coded = codec and generator.random() < 0.1
    if coded:
        mix = mixing.through(mix, pedalboard.MP3Compressor(generator.uniform(2, 7)))
    return RenderedSong(mix, drums, other, tuple(sorted(credits_)), coded)


def _balance(song: Song, drums: Audio, other: Audio, generator: np.random.Generator) -> tuple[Audio, Audio]:
    """Set the drums' level against the rest, as widely as real mixes differ."""
    if not GENRES[song.genre].acoustic and generator.random() < 0.6:
        kicks = [hit.start_seconds for hit in song.hits if hit.piece == "kick"]
        other = mixing.pump(other, kicks, generator.uniform(2, 14), generator.uniform(0.12, 0.35))
    loudness = mixing.level(drums), mixing.level(other)
    wanted_db = float(np.clip(generator.normal(-3.5, 4.5), -14, 6))
    if min(loudness) > 0:
        drums = drums * (mixing.decibels(wanted_db) * np.float32(loudness[1] / loudness[0]))
    return drums, other


def _drums(song: Song, generator: np.random.Generator, credits_: set[str]) -> Audio:
    genre = GENRES[song.genre]
    available = kits.find()
    fitting = [kit for kit in available if kit.electronic != genre.acoustic or generator.random() < 0.1] or list(
        available
    )
    complete = [kit for kit in fitting if {"kick", "snare", "closed_hat"} <= kit.loaders.keys()] or fitting
    main = complete[int(generator.integers(len(complete)))]
    track = np.zeros((2, round(song.seconds * SAMPLE_RATE)), np.float32)
    width = generator.uniform(0.2, 1.0)
    borrowing = 0.08 if genre.acoustic else 0.3  # people play one kit, producers pick sounds
    brushed = song.genre in _BRUSHED and generator.random() < 0.4
    if brushed:
        track += noises.brushes([hit for hit in song.hits if hit.piece == "snare"], song, generator)
    for piece in sorted({hit.piece for hit in song.hits} - ({"snare"} if brushed else set())):
        owners = [kit for kit in fitting if piece in kit.loaders] or [kit for kit in available if piece in kit.loaders]
        if not owners:
            continue
        kit = owners[int(generator.integers(len(owners)))]
        if piece in main.loaders and generator.random() > borrowing:
            kit = main
        credits_.add(kit.credit)
        gain = mixing.decibels(_PIECES_DB[piece] + generator.normal(0, 3.5))
        _add_strokes(track, song, piece, kit, mixing.pan(_PANS.get(piece, 0.0) * width) * gain, generator)
    return mixing.room(mixing.drum_bus(track, generator), generator, wettest=0.35)


def _add_strokes(
    track: Audio, song: Song, piece: str, kit: kits.Kit, gains: NDArray[np.float32], generator: np.random.Generator
) -> None:
    """Add every stroke on one piece to a track, times the gains of left and right."""
    layers = kit.layers(piece)
    tuning = 2 ** (generator.uniform(-2.5, 2.5) / 12)
    tuned: dict[tuple[int, int], Audio] = {}
    hits = [hit for hit in song.hits if hit.piece == piece]
    closings = [hit.start_seconds for hit in song.hits if hit.piece in ("closed_hat", "pedal_hat")]
    for number, hit in enumerate(hits):
        if not layers:
            break
        layer_index = next((index for index, layer in enumerate(layers) if hit.velocity <= layer.most), len(layers) - 1)
        turn = number % len(layers[layer_index].strokes)
        if (layer_index, turn) not in tuned:
            tuned[layer_index, turn] = _tuned(layers[layer_index].strokes[turn], tuning) * gains
        stroke = tuned[layer_index, turn]
        if piece == "open_hat":
            stroke = _choked(stroke, hit, closings)
        start = round(hit.start_seconds * SAMPLE_RATE)
        part = track[:, start : start + stroke.shape[1]]
        part += stroke[:, : part.shape[1]] * np.float32(mixing.dynamics(hit.velocity, len(layers)))


def _tuned(stroke: Audio, ratio: float) -> Audio:
    return mixing.read_at(stroke, np.arange(0, max(stroke.shape[1] - 1, 0), ratio))


def _choked(stroke: Audio, hit: Hit, closings: list[float]) -> Audio:
    closing = next((seconds for seconds in closings if seconds > hit.start_seconds + 0.02), None)
    end = stroke.shape[1] if closing is None else round((closing - hit.start_seconds) * SAMPLE_RATE)
    if end >= stroke.shape[1]:
        return stroke
    kept = np.array(stroke[:, : end + _CHOKE_SAMPLES])
    kept[:, end:] *= np.linspace(1, 0, kept.shape[1] - end, dtype=np.float32)
    return kept


def _band(song: Song, generator: np.random.Generator, credits_: set[str]) -> Audio:
    found = instruments.find()
    # one for the whole song: each is loaded anew, which takes longer than playing a part
    font = found.soundfonts[int(generator.integers(len(found.soundfonts)))]
    track = np.zeros((2, round(song.seconds * SAMPLE_RATE)), np.float32)
    with SoundfontSynthesizer() as player:
        for part in song.parts:
            # as many draws for every part with any set of instruments
            seed = int(generator.integers(1 << 32))
            sound, credit = _part(song, part, font, found.voice, player, np.random.default_rng(seed))
            loudness = mixing.level(sound)
            if loudness > 0:
                credits_.update(filter(None, [credit]))
                gain = mixing.decibels(_ROLES_DB[part.role] - 20 + np.random.default_rng(seed + 1).normal(0, 4))
                track += sound * (gain / np.float32(loudness))
    track = mixing.room(track, generator, wettest=0.2)
    if GENRES[song.genre].acoustic and generator.random() < _APPLAUDED:
        crowd = noises.applause(song.seconds, generator)
        track += crowd * (mixing.decibels(generator.uniform(-20, -4)) * np.float32(mixing.level(track) or 0.1))
    return track


def _part(
    song: Song,
    part: Part,
    font: instruments.Instrument,
    voice: instruments.Instrument | None,
    player: SoundfontSynthesizer,
    generator: np.random.Generator,
) -> tuple[Audio, str]:
    """One player's sound with its effects, and the credit for it; "" for none."""
    position = float(generator.uniform(-0.8, 0.8)) if part.role in ("guitar", "keys", "brass", "arpeggio") else 0.0
    effects = mixing.strip(part.role, generator)
    if part.role == "noise":
        return _processed(noises.sweeps(part.notes, song.seconds, generator), part, effects), ""
    if part.role == "vocals" and (voice is None or generator.random() < _REAL_SINGERS):
        sung, credit = voices.borrow(part.notes, song.seconds, generator)
        stereo = np.repeat(sung, 2, axis=0)
        return _processed(stereo, part, [mixing.without_bass(), *effects]), credit
    if part.role == "vocals" and voice is not None:
        speaks = song.genre in _TALKED and generator.random() < 0.7
        sung = (voices.talk if speaks else voices.sing)(voice, part.notes, song.seconds, generator)
        stereo = np.repeat(sung, 2, axis=0)
        return mixing.room(_processed(stereo, part, effects), generator, wettest=0.3), voice.credit
    fitting = [one for one in sampler.find() if part.program in one.programs]
    amplified = part.program in DISTORTED_GUITAR and generator.random() < 0.7
    if fitting and generator.random() < _SAMPLED:  # nothing is drawn, and songs stay as they are, where there is none
        recorded = fitting[int(generator.integers(len(fitting)))]
        sound, credit = recorded.play(part.notes, song.seconds, generator), recorded.credit
        amplified = part.program in DISTORTED_GUITAR
    else:
        program = CLEAN_GUITAR[0] if amplified else part.program
        sound, credit = player.play(font.path, part.notes, program, song.seconds), font.credit
    if amplified:
        sound = sound * np.float32(0.3 / max(float(np.abs(sound).max()), 1e-6)) + noises.hum(song.seconds, generator)
        effects = mixing.amplifier(generator) + effects
    return _processed(sound, part, effects) * mixing.pan(position), credit


def _processed(sound: Audio, part: Part, effects: list[Any]) -> Audio:
    """Run a part through its effects, from its first note to where its last has died away."""
    first = round(part.notes[0].start_seconds * SAMPLE_RATE)
    end = round((max(note.start_seconds + note.seconds for note in part.notes) + _TAIL_SECONDS) * SAMPLE_RATE)
    processed = np.zeros_like(sound)
    processed[:, first:end] = mixing.through(sound[:, first:end], *effects)
    return processed
