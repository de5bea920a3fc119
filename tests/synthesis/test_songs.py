"""Synthetic songs as sound, as a stream and as a data set."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import dssgan
from synthesis.midi_files import band_song, drum_loop

from dssgan.audio.files import write
from dssgan.data.augment import Augment
from dssgan.data.loading import load_dataset
from dssgan.errors import ConfigError, DataError
from dssgan.parallel.processes import map_in_processes
from dssgan.synthesis import band_tracks, instruments, material
from dssgan.synthesis import synthetic_excerpts as stream_module
from dssgan.synthesis.compose import compose
from dssgan.synthesis.material import Material
from dssgan.synthesis.midi_file import read_midi
from dssgan.synthesis.performances import strokes_of
from dssgan.synthesis.render import RenderedSong, render
from dssgan.synthesis.score import STEMS, Note, Part
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.synthesis.synthetic_excerpts import SyntheticExcerpts
from dssgan.synthesis.write import write_dataset

pytestmark = pytest.mark.usefixtures("played")


STRUCK = ("kick", "snare", "sidestick", "clap", "low_conga", "high_conga")


@pytest.mark.parametrize("genre", ["house", "rock", "jazz", "latin"])
def test_a_song_sounds_and_adds_up(genre: str) -> None:
    song = next(
        song
        for song in (compose(seed, 6.0, genre) for seed in range(50))
        if len(song.hits) > 20 and len(song.parts) > 1
    )
    recording = render(song, colour=False)
    assert recording.mix.dtype == np.float32
    assert recording.mix.shape == recording.drums.shape == recording.other.shape == (2, 6 * 44100)
    assert np.array_equal(recording.mix, recording.drums + recording.other)
    assert np.abs(recording.mix).max() <= 0.981
    assert np.sqrt(np.mean(recording.drums**2)) > 1e-3
    assert np.sqrt(np.mean(recording.other**2)) > 1e-3
    assert recording.credits
    assert all(" " in line for line in recording.credits)  # a name and a licence; sounds made by rule are nobody's
    # drums are where the hits are: the sound after most is louder than just before it, whatever still rings
    power = np.square(recording.drums).mean(axis=0)
    rises = []
    for hit in song.hits:
        place = round(hit.start_seconds * 44100)
        if hit.piece in STRUCK and place > 1000:
            rises.append(power[place : place + 900].mean() / max(power[place - 900 : place].mean(), 1e-12))
    assert np.median(rises) > 2


def test_the_same_song_again_whatever_was_rendered_between() -> None:
    song = compose(5, 4.0)
    first = render(song)
    render(compose(6, 3.0))
    again = render(song)
    assert np.array_equal(first.mix, again.mix)
    assert np.array_equal(first.drums, again.drums)
    assert first.credits == again.credits


def test_a_coded_mix_is_the_sum_but_for_the_codec() -> None:
    for seed in range(60):
        recording = render(compose(seed, 2.0))
        if recording.coloured:
            break
    else:
        raise AssertionError("one song in ten should have been coded")
    total = recording.drums + recording.other
    assert not np.array_equal(recording.mix, total)
    error = np.mean((recording.mix - total) ** 2) / np.mean(total**2)
    assert 10 * np.log10(error) < -6  # and in time with it


def excerpts(**changes: object) -> SyntheticExcerpts:
    settings: dict[str, object] = {
        "segment_seconds": 1.0, "sample_rate": 22050, "channels": 1, "augment": Augment(), "seed": 0,
    }  # fmt: skip
    return SyntheticExcerpts(**(settings | changes))  # type: ignore[arg-type]


def test_the_stream_is_seeded_and_adds_up() -> None:
    stream = excerpts(augment=Augment.none())
    first = list(itertools.islice(stream, 6))
    for (mix, sources), (mix_again, sources_again) in zip(first, itertools.islice(stream, 6), strict=True):
        assert mix.shape == (1, 22050)
        assert sources.shape == (2, 1, 22050)
        assert torch.equal(mix, mix_again)
        assert torch.equal(sources, sources_again)
    stream.set_epoch(1)
    other = next(iter(stream))
    assert not torch.equal(other[0], first[0][0])
    assert not torch.equal(next(iter(excerpts(rank=1)))[0], first[0][0])


def test_remixed_excerpts_are_sums() -> None:
    for mix, sources in itertools.islice(excerpts(augment=Augment(remix=1.0)), 8):
        assert torch.allclose(mix, sources.sum(dim=0), atol=1e-6)


def test_pairs_are_of_one_song_and_remixes_never(monkeypatch: pytest.MonkeyPatch) -> None:
    def numbered(seed: int, seconds: float, *, material: Material) -> int:  # noqa: ARG001
        return seed

    def tell(seed: int) -> RenderedSong:
        ramp = (1 + np.arange(24 * SAMPLE_RATE) + seed % 1000 / 1000)[None].astype(np.float64)
        return RenderedSong(2 * ramp, ramp, ramp, credits=(), coloured=False)  # type: ignore[arg-type]

    monkeypatch.setattr(stream_module, "compose", numbered)
    monkeypatch.setattr(stream_module, "render", tell)
    settings: dict[str, object] = {"sample_rate": SAMPLE_RATE, "segment_seconds": 0.001}
    for augment in ({"gain_db": (-6.0, 3.0), "polarity": 0.5}, {"gain_db": (0.0, 0.0), "polarity": 0.0}):
        for remix, is_one in ((0.0, True), (1.0, False)):
            stream = excerpts(augment=Augment(remix=remix, channel_swap=0, **augment), **settings)  # type: ignore[arg-type]
            for _, sources in itertools.islice(stream, 50):
                # a ramp with a slope of 1 at the source's gain: where it lies, and in which song
                places = [float(part[0, 0] / (part[0, 1] - part[0, 0])) for part in sources.double()]
                assert (places[0] == pytest.approx(places[1], rel=1e-9)) == is_one


def test_songs_stay_in_use_from_one_epoch_to_the_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rendered: list[int] = []

    def count(seed: int, seconds: float, *, material: Material) -> int:  # noqa: ARG001
        rendered.append(seed)
        return seed

    def silence(seed: int) -> RenderedSong:  # noqa: ARG001
        audio = np.zeros((2, 24 * SAMPLE_RATE), np.float32)
        return RenderedSong(audio, audio, audio, credits=(), coloured=False)

    monkeypatch.setattr(stream_module, "compose", count)
    monkeypatch.setattr(stream_module, "render", silence)
    settings: dict[str, object] = {"sample_rate": SAMPLE_RATE, "channels": 2, "folder": tmp_path}
    stream = excerpts(num_songs=8, excerpts_per_epoch=128, **settings)
    for epoch in (1, 2, 3):
        stream.set_epoch(epoch)
        for index in range(0, 128, 3):
            stream[index]
    # 4 songs at first and one more every 64 excerpts, as an unbroken sequence
    assert len(set(rendered)) == len(rendered) <= 4 + 4 * 128 // 64
    assert len(list(tmp_path.glob("0-0/*.npy"))) <= 8
    again = excerpts(num_songs=8, excerpts_per_epoch=128, **settings)  # as a process does that goes on
    again.set_epoch(3)
    before = len(rendered)
    again[127]
    assert len(rendered) == before


def test_the_stream_credits_all_that_it_may_play() -> None:
    named = excerpts().credits
    assert set(render(compose(3, 4.0)).credits) <= set(named)
    assert list(named) == sorted(set(named))


def test_an_excerpt_longer_than_a_song_is_refused() -> None:
    with pytest.raises(DataError, match="synthetic songs last"):
        excerpts(segment_seconds=60.0)


def test_a_data_set_is_written_once_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    told: list[tuple[int, int]] = []
    settings = {"seconds": 2.0, "seed": 3, "valid_share": 0.34}
    short = write_dataset(folder, num_songs=2, map_unordered=map, progress=lambda *pair: told.append(pair), **settings)  # type: ignore[arg-type]
    assert told == [(1, 2), (2, 2)]
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*/drums.wav")}
    (folder / "00001" / "drums.wav").rename(folder / "00001" / "kept.wav")
    (folder / "00001" / "kept.wav").rename(folder / "00001" / "drums.wav")
    longer = write_dataset(folder, num_songs=3, map_unordered=map_in_processes(2), **settings)  # type: ignore[arg-type]
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert [track.name for track in longer.train_sup + longer.valid][:2] == [
        track.name for track in short.train_sup + short.valid
    ]
    assert len(longer.valid) == 1
    loaded = load_dataset(folder)
    assert loaded.fingerprint == longer.fingerprint
    assert loaded.credits
    track = loaded.train_sup[0]
    mix, sources = track.load()
    if track.mix is None:
        assert np.allclose(mix, sources.sum(axis=0), atol=1e-6)
    other = write_dataset(tmp_path / "other", num_songs=3, map_unordered=map, **settings)  # type: ignore[arg-type]
    assert other.fingerprint == longer.fingerprint


def test_the_command(tmp_path: Path) -> None:
    options = ("--songs", "2", "--seconds", "1.5", "--genre", "techno", "-j", "1")
    ran = dssgan("data", "synth", tmp_path / "songs", *options)
    assert ran.returncode == 0, ran.stderr
    assert "2 songs to train on" in ran.stdout + ran.stderr
    assert len(load_dataset(tmp_path / "songs").train_sup) == 2


def test_an_unknown_genre_lists_its_neighbours(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rock"):
        write_dataset(tmp_path, num_songs=1, seconds=1.0, seed=0, map_unordered=map, genre="rokc")
    assert not list(tmp_path.iterdir())


def test_pieces_sum_to_the_drums_bit_for_bit(tmp_path: Path) -> None:
    drum_loop(tmp_path / "drummers/a.mid", pedal=True)
    band_song(tmp_path / "midi/a.mid")
    folder = tmp_path / "songs"
    options = ("--songs", "4", "--seconds", "3", "--pieces", "-j", "1", "--valid", "0.25", "--test", "0.25")
    files = ("--drummers", tmp_path / "drummers", "--midi", tmp_path / "midi")
    ran = dssgan("data", "synth", folder, *options, *files)
    assert ran.returncode == 0, ran.stderr
    assert "pieces.json" in ran.stdout + ran.stderr
    pieces = load_dataset(folder / "pieces.json")
    assert pieces.sources == tuple(STEMS)
    assert (pieces.takes, load_dataset(folder).takes) == ("drums", None)
    tracks = pieces.train_sup + pieces.valid + pieces.test
    assert len(tracks) >= 3  # a song may have no drums
    assert len(load_dataset(folder).test) == 1
    for track in tracks:
        mix, sources = track.load()
        np.testing.assert_array_equal(np.rint(mix * 2**15), np.rint(sources.sum(axis=0) * 2**15))
        number = track.name.split()[0]
        struck = {hit.piece for hit in strokes_of(read_midi(folder / number / "drums.mid"))}
        named = {name for name, part in zip(pieces.sources, track.sources, strict=True) if part is not None}
        assert named == {name for name, inside in STEMS.items() if struck & set(inside)}
    whole = load_dataset(folder)
    assert f"{(tmp_path / 'midi').name}: see its files" in whole.credits
    assert json.loads((folder / "00000" / "song.json").read_text())["pieces"] is True


def test_kits_are_played_or_left_out_by_name(tmp_path: Path) -> None:
    options = ("--songs", "3", "--seconds", "2", "-j", "1", "--genre", "rock")
    ran = dssgan("data", "synth", tmp_path, *options, "--kits", "*rock*", "--kits", "TimGM6mb*", "--without-kits", "*0")
    assert ran.returncode == 0, ran.stderr
    played = {kit for path in tmp_path.glob("*/song.json") for kit in json.loads(path.read_text())["kits"].values()}
    assert played == {"GMRockKit"}
    for wrong, told in (
        (("--kits", "Ludwig*"), "no kit is called Ludwig*; there are"), (("--without-kits", "*"), "no kit is left"),
    ):  # fmt: skip
        ran = dssgan("data", "synth", tmp_path / "none", *options, *wrong)
        assert (ran.returncode, told in ran.stderr) == (2, True), ran.stderr
        assert not (tmp_path / "none").exists()


def test_what_no_kit_has_is_neither_heard_nor_written_down(tmp_path: Path) -> None:
    # a rock kit has no hand drums
    options = ("--songs", "4", "--seconds", "4", "-j", "1", "--genre", "latin", "--pieces", "--kits", "GMRockKit")
    ran = dssgan("data", "synth", tmp_path, *options)
    assert ran.returncode == 0, ran.stderr
    folders = sorted(path.parent for path in tmp_path.glob("*/drums.mid") if (path.parent / "kick.wav").exists())
    assert folders
    for folder in folders:
        struck = {hit.piece for hit in strokes_of(read_midi(folder / "drums.mid"))}
        assert struck == json.loads((folder / "song.json").read_text())["kits"].keys()
        written = {name for name, inside in STEMS.items() if struck & set(inside)}
        assert written == {name for name in STEMS if (folder / f"{name}.wav").exists()}


def test_a_file_that_cannot_be_used_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    (tmp_path / "midi/damaged.mid").write_bytes(b"no")
    options = ("--songs", "3", "--seconds", "1", "--midi", tmp_path / "midi", "--written", "1", "-j", "1")
    ran = dssgan("data", "synth", tmp_path / "songs", *options)
    assert ran.returncode == 0, ran.stderr
    assert (ran.stdout + ran.stderr).count("damaged.mid") == 1


def test_the_stream_plays_and_credits_midi_files(tmp_path: Path) -> None:
    band_song(tmp_path / "a.mid")
    (tmp_path / "credits.txt").write_text("Songs by a friend: CC0 1.0\n")
    found = material.find(None, tmp_path, 1.0)
    stream = excerpts(material=found)
    assert "Songs by a friend: CC0 1.0" in stream.credits
    mix, sources = stream[0]
    torch.testing.assert_close(mix, sources.sum(dim=0), atol=1e-5, rtol=0)
    plain, _ = excerpts()[0]
    assert not torch.equal(mix, plain)


def test_faders_of_a_part_move_its_sound() -> None:
    part = Part(
        "keys", 0, (Note(0.0, 2.0, 60, 0.8),), levels_db=((0.0, -6.0), (1.0, 0.0)), pans=((0.0, -1.0), (1.0, 1.0))
    )
    moved = band_tracks._automated(np.ones((2, 2 * SAMPLE_RATE), np.float32), part)
    left, right = moved[:, SAMPLE_RATE // 2], moved[:, SAMPLE_RATE * 3 // 2]
    assert left == pytest.approx([np.sqrt(2) * 10 ** (-6 / 20), 0], abs=1e-4)
    assert right == pytest.approx([0, np.sqrt(2)], abs=1e-4)


def test_a_recorded_guitar_stands_in_for_a_distorted_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tone = np.sin(np.arange(2 * SAMPLE_RATE) * 0.05)[None].astype(np.float32)
    write(tmp_path / "riff - Guitar.wav", tone, SAMPLE_RATE)
    direct = instruments.Instrument("riffs", tmp_path / "riff - Guitar.wav", "MIT")
    found = replace(instruments.find(), direct=(direct,))
    monkeypatch.setattr(instruments, "find", lambda: found)
    notes = tuple(Note(beat / 2, 0.4, 40, 0.8) for beat in range(6))
    song = replace(compose(0, 3.0, "metal"), parts=(Part("guitar", 30, notes),))
    heard = [band_tracks.record(song, np.random.default_rng(seed))[1] for seed in range(30)]
    assert 1 <= sum("riffs: MIT" in credits_ for credits_ in heard) <= 15
