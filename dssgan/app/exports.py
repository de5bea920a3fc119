"""Exported files: stems as `dssgan separate` writes them, mixes of their own, and archives."""

import hashlib
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dssgan.app.click_track import ClickTrack
from dssgan.app.library import Library
from dssgan.app.loudness import LoudnessMeter
from dssgan.app.song import MIX, Song
from dssgan.app.sound import Sound
from dssgan.atomic import replacing, replacing_folder
from dssgan.audio import formats
from dssgan.audio.encoder import open_writer
from dssgan.audio.files import read_blocks
from dssgan.audio.formats import STEM_MP4, Encoding
from dssgan.audio.tags import read_tags, write_tags
from dssgan.errors import ConfigError
from dssgan.inference.output import OutputSettings
from dssgan.inference.stem_writer import write_stems
from dssgan.types import Audio

FORMATS = tuple(suffix.removeprefix(".") for suffix in formats.FORMATS)
_BLOCK_FRAMES = 1 << 16
_TOP = 1 - 2**-15
_NUM_KEPT = 3  # sets of exported files that a song keeps, the latest ones
_locks: dict[str, threading.Lock] = {}
_locks_guard = threading.Lock()


@dataclass(frozen=True)
class Level:
    """How a stem sounds in a mix.

    Args:
        gain_db: dB; minus infinity, or less than -60, leaves it out.
        pan: -1 left to 1 right; of stereo songs only.
    """

    gain_db: float = 0.0
    pan: float = 0.0

    @property
    def factor(self) -> float:
        """What its samples are multiplied by."""
        return 0.0 if self.gain_db <= -60 else float(10 ** (self.gain_db / 20))


@dataclass(frozen=True)
class MixedFile:
    """A mix that was written.

    Attributes:
        path: the file.
        loudness_lufs: its loudness; None of silence.
        peak_db: its highest sample, dB of full scale; None of silence.
        gain_db: what it was turned down by so that it does not clip; 0 where it was not.
    """

    path: Path
    loudness_lufs: float | None
    peak_db: float | None
    gain_db: float


def settings_of(
    kind: str, *, bits: int | None = None, kbps: int | None = None, stems: Sequence[str] | None = None
) -> OutputSettings:
    """Return the settings that the options of `dssgan separate` of the same names stand for.

    Raises:
        ConfigError: no such format, or it has no such bits or bit rate.
    """
    if kind not in FORMATS:
        raise ConfigError(f"format {kind!r}: choose one of {', '.join(FORMATS)}")
    subtypes = {None: None, 16: "pcm16", 24: "pcm24", 32: "float32"}
    if bits not in subtypes:
        raise ConfigError(f"{bits} bits: choose 16, 24 or 32")
    filename = "{track}.{ext}" if kind == "stem.mp4" else "{stem}.{ext}"
    return OutputSettings(
        suffix=f".{kind}", subtype=subtypes[bits], kbps=kbps, stems=None if stems is None else tuple(stems),
        filename=filename,
    )  # fmt: skip


def export_stems(library: Library, song: Song, output: OutputSettings) -> dict[str, Path]:
    """Write a song's stems, byte for byte what `dssgan separate` writes with the song's options and these.

    They are kept until other ones have been asked for.

    Args:
        library: the library.
        song: a song that is done.
        output: as what kind of files.

    Returns:
        The file of each stem.

    Raises:
        AudioError: the format cannot hold the song, or the files cannot be written.
        ConfigError: there is no such stem.
    """
    _require_done(song)
    every = (*song.sources, *song.sums)
    chosen = output.stems or song.stems
    key = _key(output.suffix, output.subtype, output.kbps, output.codec, *chosen)
    with _kept(library, song, f"stems-{key}") as (folder, is_made):
        # names of every script and length become names only where they are sent
        paths = replace(output, stems=chosen).paths(folder, song.id, every)
        if is_made:
            return paths
        output.check(library.source_of(song), song.channels)
        library.require_space(song.num_frames * song.channels * 4 * (len(song.sources) + len(paths)))
        source = library.source_of(song)
        with replacing_folder(folder) as draft:
            write_stems(
                _estimates(library, song), {name: draft / path.relative_to(folder) for name, path in paths.items()},
                song.sources, sums=song.sums, sample_rate=song.sample_rate, channels=song.channels, output=output,
                tags=read_tags(source), expected_frames=song.num_frames,
            )  # fmt: skip
        return paths


def export_mix(
    library: Library, song: Song, levels: Mapping[str, Level], output: OutputSettings, *, click: Level | None = None,
    counts_in: bool = False,
) -> MixedFile:  # fmt: skip
    """Write a mix of a song's stems at other levels, with the song's tags and cover.

    Where it would clip, it is turned down as a whole.

    Args:
        library: the library.
        song: a song that is done.
        levels: of stems that do not overlap; stems without a level are left out.
        output: as what kind of file.
        click: level of a click on the beats; None for no click.
        counts_in: whether four clicks come before the first beat.

    Raises:
        ConfigError: there is no such stem, two hold the same sound, or no beat was found.
        AudioError: the format cannot hold the song, or the file cannot be written.
    """
    _require_done(song)
    if output.in_one_file:
        raise ConfigError(f"a mix is no {STEM_MP4}, which holds stems; choose another format")
    parts = [part for name in levels for part in song.parts_of(name)]
    unknown_parts = [part for part in parts if part not in song.sources]
    if unknown_parts or len(set(parts)) < len(parts):
        raise ConfigError(f"a mix of {', '.join(levels)}: choose among {', '.join(song.stems)}, each sound once")
    if click is not None and not song.beats:
        raise ConfigError(
            f"{song.name}: no beat was found, so there is no click; separate it with MIDI, or without a click"
        )
    track, lead = None, 0
    if click is not None:
        track = Sound(library, song).click()
        track, lead = track.counted_in() if counts_in else (track, 0)
    values = {name: (level.gain_db, level.pan) for name, level in levels.items()}
    key = _key(output.suffix, output.subtype, output.kbps, json.dumps(values), click, lead)
    with _kept(library, song, f"mix-{key}") as (folder, is_made):
        path, facts = folder / f"mix{output.suffix}", folder / "mix.json"
        if not is_made:
            output.check(library.source_of(song), song.channels)
            library.require_space((song.num_frames + lead) * song.channels * 4)
            with replacing_folder(folder) as draft:
                measured = _write_mix(library, song, levels, output, draft / path.name, track, click, lead)
                (draft / facts.name).write_text(json.dumps(measured), "utf-8")
        return MixedFile(path, **json.loads(facts.read_text("utf-8")))


def archive(library: Library, song: Song, files: Mapping[str, Path]) -> Path:
    """Put files into one zip, which is kept until other ones have been asked for.

    Args:
        library: the library.
        song: whose they are.
        files: by their names in it.
    """
    key = _key(*(f"{name}:{path}:{path.stat().st_mtime_ns}" for name, path in files.items()))
    with _kept(library, song, f"zip-{key}") as (folder, is_made):
        path = folder / "stems.zip"
        if not is_made:
            library.require_space(sum(file.stat().st_size for file in files.values()))
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as writer:
                for name, file in files.items():
                    writer.write(file, name)
        return path


def _require_done(song: Song) -> None:
    if song.state != "done":
        raise ConfigError(f"{song.name}: is not separated yet ({song.state}); wait until it is done")


def _key(*settings: object) -> str:
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]


@contextmanager
def _kept(library: Library, song: Song, name: str) -> Iterator[tuple[Path, bool]]:
    """Lock a folder of exported files, tell whether it is there already, and remove the oldest ones."""
    exports = library.folder_of(song) / "exports"
    folder = exports / name
    with _locks_guard:
        lock = _locks.setdefault(str(folder), threading.Lock())
    with lock:
        is_made = folder.is_dir()
        yield folder, is_made
        if is_made:
            folder.touch()
    others = sorted(
        (one for one in exports.iterdir() if one != folder and not one.name.startswith(".")),
        key=lambda one: one.stat().st_mtime,
    )
    for old in others[: max(len(others) - _NUM_KEPT + 1, 0)]:
        shutil.rmtree(old, ignore_errors=True)


def _estimates(library: Library, song: Song) -> Iterator[tuple[Audio, Audio]]:
    """Read blocks of a song, (channels, samples), each with its estimates, (sources, channels, samples)."""
    mix = read_blocks(library.source_of(song), _BLOCK_FRAMES, on_truncated=lambda *_: None)
    stems = [read_blocks(library.stems_of(song) / f"{name}.wav", _BLOCK_FRAMES) for name in song.sources]
    for block, *estimates in zip(mix, *stems, strict=True):
        yield block, np.stack(estimates)


def _write_mix(
    library: Library, song: Song, levels: Mapping[str, Level], output: Encoding, path: Path, track: ClickTrack | None,
    click: Level | None, lead: int,
) -> dict[str, float | None]:  # fmt: skip
    """Write a mix in two passes: the first measures."""
    meter = LoudnessMeter(song.sample_rate, song.channels)
    for block in _mixed(library, song, levels, track, click, lead):
        meter.push(block)
    factor = 1.0 if output.bits == 0 or meter.peak <= _TOP else _TOP / meter.peak
    with open_writer(path, song.sample_rate, song.channels, output, expected_frames=song.num_frames + lead) as writer:
        for block in _mixed(library, song, levels, track, click, lead):
            writer.write(np.asarray(block * np.float32(factor), np.float32))
    write_tags(path, read_tags(library.source_of(song)))
    gain_db = 20 * float(np.log10(factor))
    is_silent = meter.peak == 0
    loudness = meter.integrated()
    return {
        "loudness_lufs": None if not np.isfinite(loudness) else round(loudness + gain_db, 2),
        "peak_db": None if is_silent else round(20 * float(np.log10(meter.peak)) + gain_db, 2),
        "gain_db": round(gain_db, 2),
    }


def _mixed(
    library: Library, song: Song, levels: Mapping[str, Level], track: ClickTrack | None, click: Level | None, lead: int
) -> Iterator[Audio]:
    sound = Sound(library, song)
    audible = {name: level for name, level in levels.items() if level.factor > 0}
    blocks: Iterator[tuple[Audio, ...]]
    blocks = zip(*(sound.blocks(name, _BLOCK_FRAMES) for name in audible), strict=True)
    if not audible:  # the click alone
        blocks = ((np.zeros_like(block),) for block in sound.blocks(MIX, _BLOCK_FRAMES))
    silence = np.zeros((song.channels, lead), np.float32)
    position = 0
    for block in _with_lead(silence, audible, blocks):
        if track is not None and click is not None:
            block = block + click.factor * track.read(position, block.shape[1])
        position += block.shape[1]
        yield np.asarray(block, np.float32)


def _with_lead(silence: Audio, audible: Mapping[str, Level], blocks: Iterator[tuple[Audio, ...]]) -> Iterator[Audio]:
    if silence.shape[1]:
        yield silence
    levels = list(audible.values()) or [Level()]
    for parts in blocks:
        placed = [_panned(part, level) for part, level in zip(parts, levels, strict=True)]
        yield np.sum(placed, axis=0, dtype=np.float32)


def _panned(audio: Audio, level: Level) -> Audio:
    """Apply a level as browsers do: the Web Audio API's StereoPannerNode for stereo input."""
    audio = audio * np.float32(level.factor)
    if len(audio) != 2 or level.pan == 0:
        return audio
    left, right = audio
    angle = (level.pan + 1 if level.pan <= 0 else level.pan) * np.pi / 2
    kept, moved = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    if level.pan <= 0:
        return np.stack([left + right * kept, right * moved])
    return np.stack([left * kept, right + left * moved])
