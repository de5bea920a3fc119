"""Every fault the doctor knows, made on a real song; and real songs that have none."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import dssgan
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.curation.doctor import Finding, examine, examine_track
from dssgan.curation.doctor.fix import fix_dataset
from dssgan.curation.doctor.signal import clips_a_minute, cutoff, level_db, silent_share
from dssgan.curation.doctor.song import examine_drums, misalignments, percussiveness, shifted
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset, Track, Unpaired
from dssgan.data.manifest import save_manifest
from dssgan.parallel.processes import map_in_processes

Audio = NDArray[np.float32]
Song = tuple[Audio, Audio]
RATE = 44100
SOURCES = ("drums", "other")


def write_track(folder: Path, mix: Audio | None, drums: Audio, other: Audio, name: str = "song") -> Track:
    """A song on disk."""
    samples = {}
    for source, audio in (("mix", mix), ("drums", drums), ("other", other)):
        if audio is not None:
            path = folder / name / f"{source}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, audio, RATE, "pcm24")
            samples[source] = AudioFile.of(path, with_fingerprint=True)
    return Track(name, samples.get("mix"), (samples["drums"], samples["other"]))


def late(audio: Audio, num_samples: int) -> Audio:
    return np.pad(audio, ((0, 0), (num_samples, 0)))[:, : audio.shape[1]]


def clipped(song: Song) -> tuple[Audio, Audio, Audio]:
    drums = np.clip(song[1][0] * 12, -0.999, 0.999)
    return drums + song[1][1] * 0.001, drums, song[1][1] * 0.001


def cut_by_codec(song: Song) -> tuple[Audio, Audio, Audio]:
    spectrum = np.fft.rfft(song[1][0])
    spectrum[:, int(10000 / RATE * song[0].shape[1]) :] = 0
    drums = np.fft.irfft(spectrum, song[0].shape[1]).astype(np.float32)
    return drums + song[1][1], drums, song[1][1]


FAULTS: dict[str, tuple[Callable[[Song], tuple[Audio | None, Audio, Audio]], str, str, str]] = {
    "sum": (lambda s: (s[0] + 0.7 * late(s[1][1], 9000), *s[1]), "error", "sum", "differs from the sum"),
    "mix late": (lambda s: (late(s[0], 441), *s[1]), "error", "alignment", "drums -10.0 ms, other -10.0 ms"),
    "drums late": (lambda s: (s[0], late(s[1][0], 1323), s[1][1]), "error", "alignment", "drums +30.0 ms"),
    "silent": (lambda s: (s[1][0], s[1][0], 0 * s[1][1]), "warning", "silence", "silent throughout"),
    "all silent": (lambda s: (None, 0 * s[1][0], 0 * s[1][1]), "error", "silence", "all its sources are silent"),
    "mostly silent": (
        lambda s: (None, np.pad(s[1][0], ((0, 0), (0, 60 * RATE))), np.pad(s[1][1], ((0, 0), (0, 60 * RATE)))),
        "warning", "silence", "silent for 9",
    ),
    "clipping": (clipped, "warning", "clipping", "times a minute"),
    "dc": (lambda s: (None, s[1][0] * 0.5 + 0.02, s[1][1] * 0.5), "warning", "dc", "DC offset of 0.020"),
    "codec": (cut_by_codec, "warning", "bandwidth", "nothing above"),
    "swapped": (lambda s: (None, s[1][1], s[1][0]), "error", "drums", "percussive for"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str, song: Song, tmp_path: Path) -> None:
    make, severity, check, message = FAULTS[fault]
    findings = examine_track(write_track(tmp_path, *make(song)), SOURCES)
    hits = [finding for finding in findings if finding.check == check and message in finding.message]
    assert hits, findings
    assert hits[0].severity == severity
    assert hits[0].advice
    assert "\n" not in hits[0].message


def test_a_sound_song_has_no_findings(song: Song, tmp_path: Path) -> None:
    quiet = (song[0] * 0.5, song[1][0] * 0.5, song[1][1] * 0.5)
    assert [f for f in examine_track(write_track(tmp_path, *quiet), SOURCES) if f.check != "bandwidth"] == []


@pytest.mark.parametrize(
    ("name", "bleed", "severity"),
    [("lithium-1", 0, "error"), ("rubidium-1", 0, "error"), ("rubidium-1", 0.7, "warning")],
    ids=["soft rest", "percussive rest", "alike"],
)  # fmt: skip
def test_swapped_sources_are_found_in_real_songs(name: str, bleed: float, severity: str, bundled: Dataset) -> None:
    track = next(track for track in bundled.train_sup if track.name == name)
    _, clean = track.load()
    sources = clean + bleed * clean[::-1]
    assert list(examine_drums(sources, SOURCES, track.sample_rate)) == []
    (found,) = examine_drums(sources[::-1], SOURCES, track.sample_rate)
    assert found.check == "drums"
    assert found.severity == severity


def test_a_file_that_cannot_be_read_is_an_error(song: Song, tmp_path: Path) -> None:
    track = write_track(tmp_path, None, *song[1])
    (tmp_path / "song" / "drums.wav").write_bytes(b"RIFF")
    (found,) = [finding for finding in examine_track(track, SOURCES) if finding.check == "reading"]
    assert found.severity == "error"
    assert found.file.endswith("drums.wav")


def test_a_file_that_changed_since_the_manifest_is_an_error(song: Song, tmp_path: Path) -> None:
    track = write_track(tmp_path, None, *song[1])
    described = replace(
        track, sources=tuple(replace(part, fingerprint=part.compute_fingerprint()) for part in track.sources)
    )
    assert not [finding for finding in examine_track(described, SOURCES) if finding.check == "fingerprint"]
    files.write(tmp_path / "song" / "drums.wav", song[1][0] * 0.5, 44100)
    (found,) = [finding for finding in examine_track(described, SOURCES) if finding.check == "fingerprint"]
    assert found.severity == "error"
    assert found.file.endswith("drums.wav")


def test_other_rates_and_channels_are_told(song: Song, tmp_path: Path) -> None:
    write_track(tmp_path, None, *song[1])
    files.write(tmp_path / "song" / "other.wav", song[1][1][:1, ::2], RATE // 2)
    track = Track("song", None, tuple(AudioFile.of(tmp_path / "song" / f"{name}.wav") for name in SOURCES))
    (found,) = [finding for finding in examine_track(track, SOURCES) if finding.check == "format"]
    assert "22050 Hz and 1 channels" in found.message


def test_the_bundled_songs_are_sound(bundled: Dataset) -> None:
    told: list[tuple[int, int]] = []
    findings = examine(bundled, map_unordered=map_in_processes(2), progress=lambda *pair: told.append(pair))
    assert [finding for finding in findings if finding.severity == "error"] == []
    assert told[-1][0] == told[-1][1]


def test_leakage_under_another_name_and_codec(song: Song, bundled: Dataset, tmp_path: Path) -> None:
    source = bundled.train_sup[0]
    _, parts = source.load()
    write_track(tmp_path, None, parts[0] * 0.4, parts[1] * 0.4, "copy")
    for name in SOURCES:
        wav = tmp_path / "copy" / f"{name}.wav"
        subprocess.run(["ffmpeg", "-v", "error", "-i", wav, "-b:a", "128k", wav.with_suffix(".mp3")], check=True)
    copy = Track("renamed", None, tuple(AudioFile.of(tmp_path / "copy" / f"{name}.mp3") for name in SOURCES))
    fine = write_track(tmp_path, None, *song[1], "fine")
    loop = AudioFile.of(shutil.copy(tmp_path / "copy" / "drums.mp3", tmp_path / "loop.mp3"))
    findings = examine(Dataset(SOURCES, (source,), Unpaired((), ((loop,), ())), (fine,), (copy,)))
    leaks = [finding for finding in findings if finding.check == "leakage"]
    assert {(f.partition, f.track) for f in leaks} >= {("train_sup", source.name)}
    assert all(finding.severity == "error" for finding in leaks)
    assert not any(f.track == "fine" for f in leaks)
    twice = examine(Dataset(SOURCES, (source, copy), valid=(fine,)))
    assert [f.severity for f in twice if f.check == "duplicate"] == ["warning"]


def test_a_data_set_without_validation_is_told(song: Song, tmp_path: Path) -> None:
    findings = examine(Dataset(SOURCES, (write_track(tmp_path, None, *song[1]),)))
    assert any(f.check == "partitions" and f.severity == "error" for f in findings)


def test_validation_without_drums_is_told(song: Song, tmp_path: Path) -> None:
    plays = write_track(tmp_path, None, *song[1], "plays")
    bare = Track("bare", None, (None, plays.sources[1]))
    rest = AudioFile.of(tmp_path / "plays" / "other.wav", with_fingerprint=True)
    silence = tmp_path / "silence.wav"
    files.write(silence, np.zeros_like(song[0]), 44100)
    silent = Track("silent", None, (AudioFile.of(silence, with_fingerprint=True), rest))
    told = "no validation song has drums, so scores are those of other"
    for valid, expected in (((bare,), True), ((silent, bare), True), ((bare, plays), False)):
        findings = examine(Dataset(SOURCES, (plays,), valid=valid))
        assert (told in [finding.message for finding in findings]) == expected


def test_fixing_writes_new_files_and_leaves_the_rest(song: Song, tmp_path: Path) -> None:
    mix, (drums, other) = song
    tracks = (
        write_track(tmp_path, mix * 0.5, late(drums, 700) * 0.5, other * 0.5, "late"),
        write_track(tmp_path, None, drums * 0.5 + 0.03, other * 0.5, "offset"),
        write_track(tmp_path, None, other * 0.5, drums * 0.5, "swapped"),
        write_track(tmp_path, None, drums * 0.4, other * 0.4, "sound"),
    )
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.wav")}
    dataset = Dataset(SOURCES, tracks, valid=(write_track(tmp_path, None, drums * 0.3, other * 0.3, "valid"),))
    findings = [finding for finding in examine(dataset) if finding.check != "leakage"]  # they are one song
    fixed, lines = fix_dataset(dataset, findings, tmp_path / "fixed")
    assert {path: path.read_bytes() for path in before} == before
    names = [track.name for track in fixed.train_sup]
    assert names == ["late", "offset", "sound"], lines
    assert any(line.startswith("swapped: left out") for line in lines)
    assert fixed.train_sup[2] == tracks[3]
    by_name = dict(zip(names, fixed.train_sup, strict=True))
    again, sources = by_name["late"].load()
    assert level_db(again - sources.sum(axis=0)) - level_db(again) < -25  # but for what the shift cut off
    assert np.abs(by_name["offset"].load()[1][0].mean(axis=1)).max() < 1e-3
    assert not any((tmp_path / "fixed").rglob(".*"))


def test_measures_by_hand() -> None:
    steady = np.full((1, RATE), 0.5, np.float32)
    assert level_db(steady) == pytest.approx(-6.0206, abs=1e-3)
    assert level_db(np.zeros((1, 10), np.float32)) == -200
    assert silent_share(np.concatenate([steady, 0 * steady], axis=1), RATE) == 0.5
    square = np.sign(np.sin(np.arange(RATE) * 2 * np.pi * 100 / RATE)).astype(np.float32)[None]
    assert clips_a_minute(square, RATE) == pytest.approx(200 * 60, rel=0.02)
    assert clips_a_minute(square * 0.5, RATE) == 0
    noise = np.random.default_rng(0).standard_normal((1, 4 * RATE)).astype(np.float32) * 0.1
    assert cutoff(noise, RATE) == RATE / 2
    spectrum = np.fft.rfft(noise)
    spectrum[:, 4 * 11000 :] = 0
    assert cutoff(np.fft.irfft(spectrum, noise.shape[1]).astype(np.float32), RATE) == pytest.approx(11000, abs=700)
    sine = np.sin(np.arange(4 * RATE) * 2 * np.pi * 1000 / RATE).astype(np.float32)[None]
    clicks = np.zeros((1, 4 * RATE), np.float32)
    clicks[0, :: RATE // 8] = 1
    assert percussiveness(sine, RATE) < 0.1
    assert percussiveness(clicks, RATE) > 0.9


@pytest.mark.parametrize("lag", [-4000, -1, 0, 1, 17, 44000])
def test_shifts_are_found_to_the_sample(lag: int) -> None:
    generator = np.random.default_rng(1)
    sources = generator.standard_normal((2, 1, 3 * RATE)).astype(np.float32)
    mix = sources.sum(axis=0)
    moved = np.stack([shifted(sources[0], -lag), sources[1]])
    assert misalignments(mix, moved, RATE) == [lag, 0]
    assert np.array_equal(shifted(shifted(sources, 5), -5)[..., 5:-5], sources[..., 5:-5])


def test_the_command(song: Song, tmp_path: Path) -> None:
    good = write_track(tmp_path, None, *(part * 0.5 for part in song[1]), "good")
    bad = write_track(tmp_path, song[0] * 0.5, late(song[1][0], 500) * 0.5, song[1][1] * 0.5, "bad")
    save_manifest(Dataset(SOURCES, (bad,), valid=(good,)), tmp_path / "dataset.json")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return dssgan("data", "check", *words, "-j", "1", cwd=tmp_path)

    ran = run("dataset.json", "--json")
    assert ran.returncode == 1, ran.stderr
    content = json.loads(ran.stdout)
    assert content["errors"] >= 1
    assert any(found["check"] == "alignment" and found["track"] == "bad" for found in content["findings"])
    assert Finding(**content["findings"][0])
    ran = run("dataset.json", "--fix", "fixed")
    assert ran.returncode == 1
    assert "alignment fixed in" in ran.stderr
    shutil.rmtree(tmp_path / "bad")
    ran = run("fixed", "--json")
    found = json.loads(ran.stdout)["findings"]
    assert not any(finding["check"] == "alignment" for finding in found)


def test_one_artist_on_both_sides_is_a_warning(tmp_path: Path, song: Song) -> None:
    tracks = [
        write_track(tmp_path, None, song[1][0][:, start:], song[1][1][:, start:], name)
        for start, name in ((0, "The Band - One"), (40000, "the band - Two"), (80000, "Others - Three"))
    ]
    findings = examine(Dataset(SOURCES, train_sup=(tracks[0], tracks[2]), valid=(tracks[1],)))
    told = [finding for finding in findings if finding.check == "artist"]
    assert [finding.severity for finding in told] == ["warning"]
    assert told[0].message.startswith("the band made The Band - One of train_sup and the band - Two of valid: scores")
    assert "--group-by artist" in told[0].advice
    together = examine(Dataset(SOURCES, train_sup=tuple(tracks[:2]), valid=(tracks[2],)))
    assert "artist" not in {finding.check for finding in together}
