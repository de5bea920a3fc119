"""Synthetic songs as a data set on disk."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dssgan import atomic
from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset, Track, Unpaired
from dssgan.data.manifest import FILE_NAME, save_manifest
from dssgan.errors import ConfigError, DssganError, unknown
from dssgan.parallel.processes import MapUnordered
from dssgan.plain_json import to_json
from dssgan.synthesis import kits
from dssgan.synthesis.compose import compose
from dssgan.synthesis.genres import GENRES
from dssgan.synthesis.material import NO_MATERIAL, Material
from dssgan.synthesis.midi_file import write_drums
from dssgan.synthesis.render import SOURCES, RenderedSong, render
from dssgan.synthesis.score import STEMS
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import DRUMS, Audio

PIECES_FILE = "pieces.json"  # the manifest of the drums' pieces
PERFORMANCE = "drums.mid"

_ABOUT = "song.json"
_STEPS = 1 << 15  # of a sample of 16 bits
_LOUDEST = 0.999
_VERSION = 3  # of the composer and renderer: a song written by another one is made again


@dataclass(frozen=True)
class _Order:
    """A song to be written."""

    number: int
    seed: int
    seconds: float
    genre: str | None
    material: Material
    pieces: bool


@dataclass(frozen=True)
class _Written:
    """A song that is there: its tracks, its credits, and a line for each file that it could not be made of."""

    number: int
    track: Track
    pieces: Track | None
    credits: tuple[str, ...]
    problems: tuple[str, ...]


def write_dataset(
    folder: Path,
    *,
    num_songs: int,
    seconds: float,
    seed: int,
    map_unordered: MapUnordered,
    genre: str | None = None,
    material: Material = NO_MATERIAL,
    pieces: bool = False,
    valid_share: float = 0.1,
    test_share: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
    on_problem: Callable[[str], None] | None = None,
) -> Dataset:
    """Compose, render and write songs, the same for the same seed, material and instruments.

    Songs that an earlier run has written stay, so an interrupted run can be continued.

    Args:
        folder: where the songs and their manifest go.
        num_songs: how many; a smaller number's songs are the first of a larger one's.
        seconds: length of each.
        seed: any number from zero up.
        map_unordered: does the work; `map`, or one that works in parallel.
        genre: genre of all songs; None for random genres, and for written songs where there are any.
        material: performances that drummers play, and songs that people wrote.
        pieces: also write the drums' pieces, a manifest of them, and each song's strokes as a MIDI file.
        valid_share: share of the songs that are for validation, the last but for those of the test.
        test_share: share of the songs that are for the test, the last ones.
        progress: called with the number of songs that are there, and of all.
        on_problem: called once with a line for each file of the material that cannot be used.

    Returns:
        The data set that the manifest describes.

    Raises:
        ConfigError: a number that cannot be, or an unknown genre.
        DataError: this machine has no instruments.
        DssganError: the folder cannot be written.
    """
    if num_songs < 1 or not seconds > 0 or min(valid_share, test_share) < 0 or valid_share + test_share > 1:
        shares = f"{valid_share} of them to validate and {test_share} to test"
        raise ConfigError(f"{num_songs} songs of {seconds} s, {shares}: cannot be")
    if genre is not None and genre not in GENRES:
        raise ConfigError(unknown("genre", genre, GENRES))
    kits.find()  # says at once what is missing
    seeds = [np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] for number in range(num_songs)]
    orders = [_Order(number, int(state), seconds, genre, material, pieces) for number, state in enumerate(seeds)]
    written: list[_Written] = []
    told: set[str] = set()
    for one in map_unordered(partial(_write_song, folder), orders):
        written.append(one)
        if on_problem is not None:
            for problem in dict.fromkeys(line for line in one.problems if line not in told):
                on_problem(problem)
        told.update(one.problems)
        if progress is not None:
            progress(len(written), num_songs)
    written.sort(key=lambda one: one.number)
    num_test = round(test_share * num_songs)
    num_valid = min(round(valid_share * num_songs), num_songs - num_test)
    ends = num_songs - num_valid - num_test, num_songs - num_test
    credits_ = tuple(sorted({line for one in written for line in one.credits}))
    tracks = [one.track for one in written]
    dataset = Dataset(
        SOURCES, train_sup=tuple(tracks[: ends[0]]), valid=tuple(tracks[ends[0] : ends[1]]),
        test=tuple(tracks[ends[1] :]),
        name=f"synthetic songs, seed {seed}", licence="that of the instruments; see the credits", credits=credits_,
    )  # fmt: skip
    save_manifest(dataset, folder / FILE_NAME)
    if pieces:
        save_manifest(_pieces(dataset, written, ends), folder / PIECES_FILE)
    return dataset


def _pieces(dataset: Dataset, written: list[_Written], ends: tuple[int, int]) -> Dataset:
    """Return the drums of songs as mixes of their pieces; songs without drums are left out."""
    train, valid, test = (
        tuple(one.pieces for one in part if one.pieces is not None)
        for part in (written[: ends[0]], written[ends[0] : ends[1]], written[ends[1] :])
    )
    return replace(
        dataset, sources=tuple(STEMS), takes=DRUMS, train_sup=train, train_unsup=Unpaired(), valid=valid, test=test,
        name=f"{dataset.name}: pieces of the drums",
    )  # fmt: skip


def _write_song(folder: Path, order: _Order) -> _Written:
    wanted = {
        "version": _VERSION, "seed": order.seed, "seconds": order.seconds, "wanted_genre": order.genre,
        "material": order.material.fingerprint, "pieces": order.pieces,
    }  # fmt: skip
    target = folder / f"{order.number:05d}"
    about = _read(target / _ABOUT)
    problems: list[str] = []
    if about is None or any(about.get(key) != value for key, value in wanted.items()):
        song = compose(order.seed, order.seconds, order.genre, order.material, problems.append)
        recording = render(song, pieces=order.pieces, kits=order.material.kits)
        about = wanted | {
            "genre": song.genre, "tempo": round(song.tempo, 3), "metre": list(song.metre),
            "swing": round(song.swing, 3),
            "sections": [[section.name, round(section.start_seconds, 3)] for section in song.sections],
            "kits": recording.kits, "bleed": list(recording.microphones),
            "credits": list(recording.credits), "coloured": recording.coloured,
        }  # fmt: skip
        with atomic.replacing_folder(target) as temporary:
            _write_audio(temporary, recording, pieces=order.pieces)
            if order.pieces:
                # what no kit of this machine has was not played
                played = [hit for hit in song.hits if hit.piece in recording.kits]
                write_drums(temporary / PERFORMANCE, played, tempos=[(0.0, song.tempo)], metre=song.metre)
            (temporary / _ABOUT).write_text(to_json(about, indent=1), encoding="utf-8")
    mix, drums, other, *stems = (
        AudioFile.of(path, with_fingerprint=True) if path.exists() else None
        for path in (target / f"{name}.wav" for name in ("mix", *SOURCES, *STEMS))
    )
    title = f"{order.number:05d} {about['genre']}"
    pieces = None
    if order.pieces and any(stem is not None for stem in stems):
        pieces = Track(f"{title}, with bleed" if about["bleed"] else title, drums, tuple(stems))
    return _Written(order.number, Track(title, mix, (drums, other)), pieces, tuple(about["credits"]), tuple(problems))


def _write_audio(folder: Path, recording: RenderedSong, *, pieces: bool) -> None:
    waves = {"drums": recording.drums, "other": recording.other} | (recording.pieces if pieces else {})
    if recording.coloured:
        waves["mix"] = recording.mix
    # a part may be louder than the mix, and a file holds no more than full scale
    loudest = max(float(np.abs(audio).max()) for audio in waves.values())
    if loudest > _LOUDEST:
        waves = {name: audio * np.float32(_LOUDEST / loudest) for name, audio in waves.items()}
    if pieces and recording.pieces:
        waves |= _rounded({name: waves[name] for name in recording.pieces})
        waves["drums"] = np.sum([waves[name] for name in recording.pieces], axis=0, dtype=np.float32)
    for name, audio in waves.items():
        files.write(folder / f"{name}.wav", audio, SAMPLE_RATE)


def _rounded(stems: dict[str, Audio]) -> dict[str, Audio]:
    """Round stems to 16 bits so that their sum is the rounded sum; each is within one step of what it was."""
    rounded, before = {}, np.zeros((), np.float64)
    sums = np.cumsum([stem.astype(np.float64) for stem in stems.values()], axis=0)
    for name, running in zip(stems, np.rint(sums * _STEPS), strict=True):
        rounded[name] = ((running - before) / _STEPS).astype(np.float32)
        before = running
    return rounded


def _read(path: Path) -> dict[str, Any] | None:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DssganError(f"{path}: cannot be read ({error}); remove its folder to have the song made again") from error
    return about if isinstance(about, dict) else None
