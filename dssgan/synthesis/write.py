"""Synthetic songs as a data set on disk."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dssgan import atomic
from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset, Track
from dssgan.data.manifest import FILE_NAME, save_manifest
from dssgan.errors import ConfigError, DssganError, unknown
from dssgan.parallel.processes import MapUnordered
from dssgan.plain_json import to_json
from dssgan.synthesis import kits
from dssgan.synthesis.compose import compose
from dssgan.synthesis.genres import GENRES
from dssgan.synthesis.render import SOURCES, render
from dssgan.synthesis.soundfont import SAMPLE_RATE

_ABOUT = "song.json"
_VERSION = 1  # of the composer and renderer: a song written by another one is made again


@dataclass(frozen=True)
class _Order:
    """A song to be written."""

    number: int
    seed: int
    seconds: float
    genre: str | None


def write_dataset(
    folder: Path,
    *,
    num_songs: int,
    seconds: float,
    seed: int,
    map_unordered: MapUnordered,
    genre: str | None = None,
    valid_share: float = 0.1,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Compose, render and write songs, the same for the same seed and instruments.

    Songs that an earlier run has written stay, so an interrupted run can be continued.

    Args:
        folder: where the songs and their manifest go.
        num_songs: how many; a smaller number's songs are the first of a larger one's.
        seconds: length of each.
        seed: any number from zero up.
        map_unordered: does the work; `map`, or one that works in parallel.
        genre: genre of all songs; None for random genres.
        valid_share: share of the songs that are for validation, the last ones.
        progress: called with the number of songs that are there, and of all.

    Returns:
        The data set that the manifest describes.

    Raises:
        ConfigError: a number that cannot be, or an unknown genre.
        DataError: this machine has no instruments.
        DssganError: the folder cannot be written.
    """
    if num_songs < 1 or not seconds > 0 or not 0 <= valid_share < 1:
        raise ConfigError(f"{num_songs} songs of {seconds} s, {valid_share} of them to validate: cannot be")
    if genre is not None and genre not in GENRES:
        raise ConfigError(unknown("genre", genre, GENRES))
    kits.find()  # says at once what is missing
    seeds = [np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] for number in range(num_songs)]
    orders = [_Order(number, int(state), seconds, genre) for number, state in enumerate(seeds)]
    tracks: list[tuple[int, Track]] = []
    all_credits: set[str] = set()
    for number, track, credits_ in map_unordered(partial(_write_song, folder), orders):
        tracks.append((number, track))
        all_credits.update(credits_)
        if progress is not None:
            progress(len(tracks), num_songs)
    ordered = [track for _, track in sorted(tracks, key=lambda pair: pair[0])]
    num_valid = round(valid_share * num_songs)
    dataset = Dataset(
        SOURCES,
        train_sup=tuple(ordered[: num_songs - num_valid]),
        valid=tuple(ordered[num_songs - num_valid :]),
        name=f"synthetic songs, seed {seed}",
        licence="that of the instruments; see the credits",
        credits=tuple(sorted(all_credits)),
    )
    save_manifest(dataset, folder / FILE_NAME)
    return dataset


def _write_song(folder: Path, order: _Order) -> tuple[int, Track, list[str]]:
    wanted = {"version": _VERSION, "seed": order.seed, "seconds": order.seconds, "wanted_genre": order.genre}
    target = folder / f"{order.number:05d}"
    about = _read(target / _ABOUT)
    if about is None or any(about.get(key) != value for key, value in wanted.items()):
        song = compose(order.seed, order.seconds, order.genre)
        recording = render(song)
        about = wanted | {
            "genre": song.genre, "tempo": round(song.tempo, 3), "metre": list(song.metre),
            "swing": round(song.swing, 3),
            "sections": [[section.name, round(section.start_seconds, 3)] for section in song.sections],
            "credits": list(recording.credits), "coded": recording.coded,
        }  # fmt: skip
        with atomic.replacing_folder(target) as temporary:
            waves = {"drums": recording.drums, "other": recording.other}
            if recording.coded:
                waves["mix"] = recording.mix
            for name, audio in waves.items():
                files.write(temporary / f"{name}.wav", audio, SAMPLE_RATE)
            (temporary / _ABOUT).write_text(to_json(about, indent=1), encoding="utf-8")
    mix, *sources = (
        AudioFile.of(path, with_fingerprint=True) if path.exists() else None
        for path in (target / f"{name}.wav" for name in ("mix", *SOURCES))
    )
    track = Track(f"{order.number:05d} {about['genre']}", mix, tuple(sources))
    return order.number, track, about["credits"]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DssganError(f"{path}: cannot be read ({error}); remove its folder to have the song made again") from error
    return about if isinstance(about, dict) else None
