"""The doctor: what would spoil hours of training, found before they begin."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from dssgan.curation.doctor.finding import Finding
from dssgan.curation.doctor.signal import examine_signal
from dssgan.curation.doctor.song import examine_drums, examine_sum
from dssgan.curation.groups import artist_of
from dssgan.data.acoustic import Landmarks, landmarks, matches
from dssgan.data.audio_file import Recording
from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset, Track
from dssgan.data.fingerprint import fingerprint, fingerprint_of
from dssgan.data.seen_recordings import SAME_SONG
from dssgan.errors import AudioError, printable
from dssgan.parallel.processes import MapUnordered
from dssgan.types import Audio

__all__ = ["Finding", "examine", "examine_track"]

_UNPAIRED = "train_unsup"
_MIX = "mix"
_SLOW = 20.0  # times real time, under which decoding keeps training waiting
_FEW_NAMES = 3


@dataclass(frozen=True)
class _Item:
    """A song or a recording, with what to call it."""

    partition: str
    name: str
    parts: tuple[Recording | None, ...]  # the mix first
    roles: tuple[str, ...]
    paired: bool


@dataclass(frozen=True)
class _Report:
    """What examining one of them gave."""

    item: _Item
    findings: tuple[Finding, ...]
    marks: dict[str, Landmarks]
    speed: float


def examine(
    dataset: Dataset, *, map_unordered: MapUnordered = map, progress: Callable[[int, int], None] | None = None
) -> list[Finding]:
    """Examine every song and recording of a data set, and what they have in common.

    Args:
        dataset: what to examine.
        map_unordered: how to work, such as `map_in_processes(4)`.
        progress: called with (songs and recordings done, in all).

    Returns:
        Findings, errors first.
    """
    items = _items(dataset)
    reports = []
    for done, report in enumerate(map_unordered(partial(_examine, dataset.sources), items), 1):
        reports.append(report)
        if progress is not None:
            progress(done, len(items))
    order = {(item.partition, item.name): number for number, item in enumerate(items)}
    reports.sort(key=lambda report: order[report.item.partition, report.item.name])
    findings = [finding for report in reports for finding in report.findings]
    findings += [*_whole(dataset), *_artists(dataset), *_slow(reports), *_common(reports)]
    return sorted(findings, key=lambda finding: finding.severity != "error")


def examine_track(track: Track, sources: Sequence[str]) -> list[Finding]:
    """Examine one song.

    Args:
        track: its files.
        sources: names of its sources.
    """
    item = _Item("", track.name, (track.mix, *track.sources), (_MIX, *sources), paired=True)
    return list(_examine(tuple(sources), item).findings)


def _items(dataset: Dataset) -> list[_Item]:
    roles = (_MIX, *dataset.sources)
    found = [
        _Item(partition, track.name, (track.mix, *track.sources), roles, paired=True)
        for partition in PAIRED_PARTITIONS
        for track in dataset.partition(partition)
    ]
    loose = (dataset.train_unsup.mixes, *dataset.train_unsup.sources)
    for role, recordings in zip(roles, loose, strict=True):
        found += [
            _Item(_UNPAIRED, f"{role} {recording.label}", (recording,), (role,), paired=False)
            for recording in recordings
        ]
    return found


def _examine(sources: tuple[str, ...], item: _Item) -> _Report:
    findings: list[Finding] = []
    waves: dict[str, Audio] = {}
    rate = next(part.sample_rate for part in item.parts if part is not None)
    seconds, spent = 0.0, 0.0
    for role, part in zip(item.roles, item.parts, strict=True):
        if part is None:
            continue
        began = time.perf_counter()
        try:
            audio = part.read()
        except AudioError as error:
            message = str(error).removeprefix(f"{part.label}: ")
            findings.append(Finding("error", "reading", message, "replace it by an intact copy", file=part.label))
            continue
        spent += time.perf_counter() - began
        findings += _changed(part, audio)
        seconds += part.duration * len(part.files)
        findings += examine_signal(audio, part.sample_rate, part.label)
        channels = next((wave.shape[0] for wave in waves.values()), audio.shape[0])
        if (part.sample_rate, audio.shape[0]) != (rate, channels):
            message = f"has {part.sample_rate} Hz and {audio.shape[0]} channels, unlike the others"
            advice = "training converts it; --fix makes them alike"
            findings.append(Finding("warning", "format", message, advice, file=part.label))
            audio = part.read(sample_rate=rate, channels=channels)
        waves[role] = audio
    if item.paired and not any(finding.check == "reading" for finding in findings):
        findings += _together(waves, sources, rate, has_mix=item.parts[0] is not None)
    marks = {role: landmarks(audio, rate) for role, audio in waves.items()}
    findings = [replace(finding, partition=item.partition, track=item.name) for finding in findings]
    return _Report(item, tuple(findings), marks, seconds / spent if spent > 0 else np.inf)


def _changed(recording: Recording, audio: Audio) -> Iterator[Finding]:
    """Find files that hold other audio than the manifest says; `audio` is the whole recording, decoded."""
    for file in recording.files:
        if file.fingerprint is None:
            continue
        # the files of a sum are decoded each for itself
        content = fingerprint_of([audio]) if file is recording else fingerprint(file.path, file.stem)
        if content != file.fingerprint:
            yield Finding(
                "error", "fingerprint", "does not hold the audio that the manifest describes",
                "restore the file, or make the manifest again", file=file.label,
            )  # fmt: skip


def _together(waves: dict[str, Audio], sources: tuple[str, ...], rate: int, *, has_mix: bool) -> Iterator[Finding]:
    length = max(audio.shape[1] for audio in waves.values())
    channels = next(iter(waves.values())).shape[0]
    silence = np.zeros((channels, length), np.float32)
    whole = {role: np.pad(audio, ((0, 0), (0, length - audio.shape[1]))) for role, audio in waves.items()}
    parts = np.stack([whole.get(source, silence) for source in sources])
    if not np.any(parts):
        yield Finding("error", "silence", "all its sources are silent", "leave it out")
        return
    if has_mix:
        yield from examine_sum(whole[_MIX], parts, sources, rate)
    else:
        waves[_MIX] = parts.sum(axis=0)
    yield from examine_drums(parts, sources, rate)


def _whole(dataset: Dataset) -> Iterator[Finding]:
    if not dataset.train_sup:
        severity = "warning" if any(True for _ in dataset.train_unsup.recordings) else "error"
        yield Finding(severity, "partitions", "no song has its sources (train_sup)", "add some, or train synthetic=1")  # type: ignore[arg-type]
    if not dataset.valid:
        yield Finding("error", "partitions", "no song validates", "import with --valid 0.1, or add some")
    elif not any(part is not None and part.identities for part in (track.sources[0] for track in dataset.valid)):
        first, second = dataset.sources[:2]
        yield Finding(
            "warning", "partitions", f"no validation song has {first}, so scores are those of {second}",
            f"validate on songs with {first}",
        )  # fmt: skip


def _artists(dataset: Dataset) -> Iterator[Finding]:
    """One artist's songs in two partitions: a separator is scored on a sound that it knows."""
    songs: dict[str, dict[str, list[str]]] = {}
    for partition in PAIRED_PARTITIONS:
        for track in dataset.partition(partition):
            artist = artist_of(track)
            if artist is not None:
                songs.setdefault(artist, {}).setdefault(partition, []).append(track.name)
    for artist, partitions in songs.items():
        if len(partitions) > 1:
            where = " and ".join(f"{names[0]} of {partition}" for partition, names in partitions.items())
            yield Finding(
                "warning", "artist", f"{printable(artist)} made {where}: scores on one flatter what learnt the other",
                "import with --group-by artist, or move them",
            )  # fmt: skip


def _slow(reports: list[_Report]) -> Iterator[Finding]:
    slow = [report for report in reports if report.speed < _SLOW]
    if slow:
        names = [report.item.name for report in slow]
        listed = ", ".join(names[:_FEW_NAMES]) + (", ..." if len(names) > _FEW_NAMES else "")
        slowest = min(report.speed for report in slow)
        yield Finding(
            "warning", "speed", f"{len(slow)} songs decode at {slowest:.1f}x to {_SLOW:.0f}x real time ({listed})",
            "dssgan data decode makes copies that read at once", value=slowest,
        )  # fmt: skip


def _common(reports: list[_Report]) -> Iterator[Finding]:
    """Songs that share audio: leakage between partitions, duplicates within one."""
    roles = dict.fromkeys(role for report in reports for role in report.marks)
    reported: set[tuple[int, int]] = set()
    for role in roles:
        numbers = [number for number, report in enumerate(reports) if role in report.marks]
        for match in matches([reports[number].marks[role] for number in numbers]):
            pair = numbers[match.first], numbers[match.second]
            if pair in reported:
                continue
            reported.add(pair)
            one, other = (reports[number].item for number in pair)
            apart = one.partition != other.partition
            leaks = apart and not {one.partition, other.partition} <= {"train_sup", _UNPAIRED}
            # a loop that two songs share is not yet the same song
            severe = leaks and match.share > SAME_SONG
            yield Finding(
                "error" if severe else "warning", "leakage" if leaks else "duplicate",
                f"shares {match.share:.0%} of its {role} with {other.name} of {other.partition}",
                f"take it out of {one.partition} or of {other.partition}" if leaks else "one of them would do",
                one.partition, one.name, value=match.share,
            )  # fmt: skip
