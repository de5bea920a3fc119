"""What can be fixed safely, written into new files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dssgan import atomic
from dssgan.audio import files
from dssgan.curation.doctor import Finding, examine_track
from dssgan.curation.doctor.song import misalignments, shifted
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset, Track
from dssgan.types import Audio

_FIXABLE = frozenset({"dc", "alignment", "format"})
_LEFT_OUT_OF = ("train_sup", "valid")  # a test song stays, unless it cannot be read


def fix_dataset(
    dataset: Dataset,
    findings: list[Finding],
    folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Dataset, list[str]]:
    """Write fixed copies of songs, and leave out those that cannot be fixed.

    A DC offset is taken away, sources are shifted into step with their mix, and rates and channels made alike. The
    files examined are never touched.

    Args:
        dataset: what was examined.
        findings: what was found.
        folder: where fixed songs go, as 24-bit wav.
        progress: called with (songs done, songs in all).

    Returns:
        The data set with fixed songs, and what was done, a line each.

    Raises:
        DssganError: the folder cannot be written.
    """
    by_track: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        by_track.setdefault((finding.partition, finding.track), []).append(finding)
    lines: list[str] = []
    kept: dict[str, list[Track]] = {}
    total = sum(len(dataset.partition(name)) for name in PAIRED_PARTITIONS)
    done = 0
    for partition in PAIRED_PARTITIONS:
        kept[partition] = []
        for track in dataset.partition(partition):
            fixed = _track(track, dataset.sources, by_track.get((partition, track.name), []), folder / partition, lines)
            if fixed is not None:
                kept[partition].append(fixed)
            done += 1
            if progress is not None:
                progress(done, total)
    parts = {name: tuple(tracks) for name, tracks in kept.items()}
    names = {track.name for tracks in parts.values() for track in tracks}
    rights = tuple(
        replace(one, tracks=tuple(name for name in one.tracks if name in names))
        for one in dataset.rights
        if names & set(one.tracks)
    )
    kept_dataset = replace(
        dataset, train_sup=parts["train_sup"], valid=parts["valid"], test=parts["test"], rights=rights
    )
    return kept_dataset, lines


def _track(
    track: Track, sources: tuple[str, ...], findings: list[Finding], folder: Path, lines: list[str]
) -> Track | None:
    errors = [finding for finding in findings if finding.severity == "error"]
    if any(finding.check == "reading" for finding in errors):
        lines.append(f"{track.name}: left out, since it {errors[0].message}")
        return None
    fixed = track
    if any(finding.check in _FIXABLE for finding in findings):
        fixed = _write(track, sources, folder / track.name)
        fixable = ", ".join(sorted({finding.check for finding in findings} & _FIXABLE))
        lines.append(f"{track.name}: {fixable} fixed in {folder / track.name}")
        errors = [f for f in errors if f.check == "leakage"]
        errors += [f for f in examine_track(fixed, sources) if f.severity == "error"]
    if errors and folder.name in _LEFT_OUT_OF:
        lines.append(f"{track.name}: left out, since it {errors[0].message}")
        return None
    return fixed


def _write(track: Track, sources: tuple[str, ...], folder: Path) -> Track:
    rate = max(recording.sample_rate for recording in track.recordings)
    channels = max(recording.channels for recording in track.recordings)
    mix, parts = track.load(rate, channels)
    mix, parts = _centred(mix), _centred(parts)
    if track.mix is not None:
        lags = misalignments(mix, parts, rate)
        parts = np.stack([shifted(part, lag) for part, lag in zip(parts, lags, strict=True)])
    waves = dict(zip(sources, parts, strict=True)) | ({"mix": mix} if track.mix is not None else {})
    # as loud together as they were: clipping one of them would put the sum out
    gain = min(1.0, 0.999 / max(float(np.abs(wave).max(initial=0.0)) for wave in waves.values()))
    with atomic.replacing_folder(folder) as temporary:
        for name, wave in waves.items():
            if np.any(wave):
                files.write(temporary / f"{name}.wav", wave * np.float32(gain), rate, "pcm24")
    there = {
        name: AudioFile.of(folder / f"{name}.wav", with_fingerprint=True)
        for name in (*sources, "mix")
        if (folder / f"{name}.wav").exists()
    }
    return Track(track.name, there.get("mix"), tuple(there.get(source) for source in sources), track.group)


def _centred(audio: Audio) -> Audio:
    centred: Audio = audio - audio.mean(axis=-1, keepdims=True)
    return centred
