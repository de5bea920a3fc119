"""What is particular to one importer."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from commands import dssgan
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.audio.tags import Tags, write_tags
from dssgan.curation.groups import GROUPS, artist_of
from dssgan.curation.importers import Options, import_dataset
from dssgan.curation.importers.base import kind_of, make_track, read_metadata, split
from dssgan.curation.importers.musdb18 import VALIDATION
from dssgan.data.audio_file import Sum
from dssgan.data.loading import load_dataset
from dssgan.data.manifest import save_manifest
from dssgan.data.track import check_name
from dssgan.errors import AudioError, ConfigError, DataError

Song = tuple[NDArray[np.float32], NDArray[np.float32]]
RATE = 44100


@pytest.fixture
def root(tmp_path: Path, song: Song) -> Path:
    """The project's own layout, with a song of mix and drums alone."""
    mix, (drums, other) = song
    root = tmp_path / "songs"
    for place, audio in (
        ("one/drums", drums),
        ("one/other", other),
        ("two/mix", mix[:, RATE:]),
        ("two/drums", drums[:, RATE:]),
    ):
        (root / "train_sup" / place).parent.mkdir(parents=True, exist_ok=True)
        files.write(root / "train_sup" / f"{place}.wav", audio / 2, RATE, "pcm24")
    return root


def test_other_is_the_mix_less_the_drums(root: Path, song: Song) -> None:
    dataset, _ = import_dataset("folders", root, valid_share=0.0)
    track = next(track for track in dataset.train_sup if track.name == "two")
    assert isinstance(track.sources[1], Sum)
    _, sources = track.load()
    assert np.allclose(sources[1], song[1][1][:, RATE:] / 2, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("drums", "drums"), ("Kick In", "drums"), ("SN_top_snare", "drums"), ("Hi-Hat", "drums"),
        ("percussion_2", "drums"), ("drum_bus", "drums"), ("OH L", "drums"), ("mix", "mix"), ("A Song_mixdown", "mix"),
        ("A Song - Master", "mix"),
        ("master", "mix"),
        ("drumless", "other"), ("no drums", "other"), ("bass", "other"), ("vocals", "other"), ("drums_mix", "drums"),
        ("Shaker", "drums"), ("claps", "drums"), ("Conga Hi", "drums"), ("Crash L", "drums"), ("909", "drums"),
        ("vox mix", "other"), ("overdrive", "other"), ("bridge", "other"), ("heartbeats pad", "other"),
        ("steel drums", "other"), ("atoms", "other"), ("that synth", "other"), ("mixolydian pad", "other"),
    ],
)  # fmt: skip
def test_files_are_known_by_their_names(name: str, kind: str) -> None:
    assert kind_of(name, "A Song") == kind


@pytest.mark.parametrize(
    "name",
    [
        "S Final Mix",
        "full mix",
        "01 Mix",
        "mixture_24bit",
        "Stereo Master",
        "2mix",
        "Song Mix 2",
        "S",
        "S - mix v2 48k",
    ],
)
def test_a_mix_under_any_name_is_no_stem(name: str) -> None:
    try:
        assert kind_of(name, "S") == "mix"
    except DataError:
        assert name == "S"  # called like the song: unclear


@pytest.mark.parametrize("name", ["print for radio mix", "submix a", "club mix"])
def test_what_may_be_the_mix_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="its name does not show"):
        kind_of(name, "A Song")


@pytest.mark.parametrize("title", ["Beat It", "Kick Out The Jams", "Toms Diner", "Overhead Wires", "Drum Song"])
@pytest.mark.parametrize(
    "pattern", ["{title} - {stem}", "{title}_{stem}", "Artist - {title} - {stem}", "{stem} {title}"]
)
def test_a_drum_word_of_the_title_says_nothing(tmp_path: Path, song: Song, title: str, pattern: str) -> None:
    folder = tmp_path / "set" / title
    for stem, audio in (("Vocals", song[1][1]), ("Bass", song[1][1] * 0.5), ("Drums", song[1][0])):
        folder.mkdir(parents=True, exist_ok=True)
        files.write(folder / f"{pattern.format(title=title, stem=stem)}.wav", audio[:, :RATE], RATE)
    dataset, notes = import_dataset("folders", tmp_path / "set")
    drums, other = dataset.train_sup[0].sources
    assert drums is not None
    assert other is not None
    assert [("Drums" in file.path.stem) for file in drums.files] == [True]
    assert len(other.files) == 2
    assert any(line.startswith("taken for drums: ") and "Drums" in line for line in notes)


def test_an_808_bass_is_a_bass_and_a_copy_is_refused(tmp_path: Path, song: Song) -> None:
    assert kind_of("808 bass", "S") == "other"
    assert kind_of("bass drum", "S") == kind_of("808", "S") == "drums"
    for name in ("drums", "drums (1)", "bass"):
        (tmp_path / "set" / "S").mkdir(parents=True, exist_ok=True)
        files.write(tmp_path / "set" / "S" / f"{name}.wav", song[1][0][:, :RATE], RATE)
    with pytest.raises(DataError, match=r"drums \(1\)\.wav: may be a copy of drums\.wav"):
        import_dataset("folders", tmp_path / "set")


def test_a_file_that_may_hold_drums_is_refused(root: Path) -> None:
    (root / "train_sup" / "two" / "drums.wav").rename(root / "train_sup" / "two" / "instrumental.wav")
    with pytest.raises(DataError, match="instrumental: its name does not show whether it holds the drums"):
        import_dataset("folders", root)


def test_sources_are_known_whatever_their_case(root: Path) -> None:
    (root / "train_sup" / "one" / "other.wav").rename(root / "train_sup" / "one" / "Bass.wav")
    dataset, _ = import_dataset("folders", root, Options(("drums", "bass", "other")), valid_share=0.0)
    track = next(track for track in dataset.train_sup if track.name == "one")
    assert [part is not None for part in track.sources] == [True, True, False]
    with pytest.raises(DataError, match="but no Batterie; name the drums' file with --drums"):
        import_dataset("folders", root, Options(("bass", "other"), "Batterie"))


def test_stems_cut_where_they_fall_silent(tmp_path: Path, song: Song) -> None:
    for name, audio in (("kick", song[1][0][:, :RATE]), ("snare", song[1][0][:, : RATE // 2]), ("bass", song[1][1])):
        (tmp_path / "set" / "One").mkdir(parents=True, exist_ok=True)
        files.write(tmp_path / "set" / "One" / f"{name}.wav", audio * 0.5, RATE)
    dataset, _ = import_dataset("folders", tmp_path / "set")
    track = dataset.train_sup[0]
    mix, sources = track.load()
    assert mix.shape[1] == 4 * RATE
    assert np.any(sources[0][:, :RATE])
    assert not np.any(sources[0][:, RATE:])
    drums = track.sources[0]
    assert drums is not None
    assert not np.any(drums.read(2.0, 1.0))


def test_a_part_of_slakh_keeps_its_partition(tmp_path: Path, song: Song) -> None:
    folder = tmp_path / "slakh" / "test" / "Track00001"
    (folder / "stems").mkdir(parents=True)
    files.write(folder / "mix.wav", song[0], RATE)
    files.write(folder / "stems" / "S00.wav", song[1][0], RATE)
    (folder / "metadata.yaml").write_text("stems: {S00: {is_drum: true, inst_class: Drums}}")
    dataset, _ = import_dataset("slakh", tmp_path / "slakh" / "test")
    assert [track.name for track in dataset.test] == ["Track00001"]
    assert not dataset.train_sup


def test_the_official_validation_songs() -> None:
    assert len(VALIDATION) == 14


def test_songs_are_parted_by_name_whatever_else_is_there(root: Path) -> None:
    drums = root / "train_sup" / "one" / "drums.wav"
    tracks = [make_track(f"song {number}", None, [("drums", drums)], Options()) for number in range(20)]
    larger, smaller = split(tracks, 0.3)
    assert 1 <= len(smaller) <= 12
    assert sorted(track.name for track in larger + smaller) == sorted(track.name for track in tracks)
    assert split(list(reversed(tracks)), 0.3)[1] == list(reversed(smaller))
    # while the set grows a song changes sides at most for want of any other on its side
    grown = [track.name for track in split(tracks[:10], 0.3)[1]]
    assert len(set(grown) - {track.name for track in smaller}) <= 1
    assert split(tracks[:1], 0.5) == (tracks[:1], [])
    assert split([], 0.5) == ([], [])
    assert split(tracks[:2], 0.01)[1]
    assert split(tracks[:2], 0.99)[0]


@pytest.mark.parametrize("by", ["artist", "album", "folder"])
def test_what_belongs_together_stays_on_one_side(tmp_path: Path, song: Song, by: str) -> None:
    lines = ["name,drums,other"]
    for number in range(12):
        artist = f"Artist {number % 4}"
        # a folder of another name than its artist, and titles that say nothing
        for name, audio in zip(("drums", "other"), song[1], strict=True):
            path = tmp_path / f"box {number % 3}" / f"song {number}" / f"{name}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, audio[:, 5000 * number : 5000 * number + 4410], RATE)
            write_tags(path, Tags({"artist": (artist.upper() if number > 6 else artist,), "album": (f"{number % 2}",)}))
        folder = f"box {number % 3}/song {number}"
        lines.append(f"song {number},{folder}/drums.flac,{folder}/other.flac")
    (table := tmp_path / "songs.csv").write_text("\n".join(lines))
    dataset, _ = import_dataset("csv", table, valid_share=0.4, test_share=0.3, group_by=by)
    partitions = (dataset.train_sup, dataset.valid, dataset.test)
    groups = [{GROUPS[by](track) for track in tracks} for tracks in partitions]
    assert sum(map(len, partitions)) == 12
    assert sum(map(bool, groups)) >= 2
    assert sum(map(len, groups)) == len(set.union(*groups))  # none on two sides
    records = {"artist 0: 0", "artist 2: 0", "artist 1: 1", "artist 3: 1"}
    assert {track.group for tracks in partitions for track in tracks} == records
    save_manifest(dataset, tmp_path / "dataset.json")
    assert load_dataset(tmp_path / "dataset.json").valid == dataset.valid
    with pytest.raises(ConfigError, match="kind of group"):
        import_dataset("csv", table, group_by="label")


def test_an_artist_is_known_by_tags_or_by_the_songs_name(root: Path) -> None:
    drums = root / "train_sup" / "one" / "drums.wav"
    for name, artist in (
        ("Music Delta - 80s Rock", "music delta"),
        ("AC-DC", None),
        ("A B \u2013 C", "a b"),
        ("- x", None),
    ):
        track = make_track(name, None, [("drums", drums)], Options())
        assert artist_of(track) == track.group == artist
        assert track.sample == (artist or name)


def test_stems_can_be_told_which_is_drums(tmp_path: Path, song: Song) -> None:
    for number, audio in enumerate((song[0], *song[1])):
        files.write(tmp_path / f"{number}.wav", audio[:, :RATE], RATE)
    path = tmp_path / "stems" / "a.stem.mp4"
    path.parent.mkdir()
    command = ["ffmpeg", "-v", "error", *(word for n in range(3) for word in ("-i", str(tmp_path / f"{n}.wav")))]
    command += [word for n in range(3) for word in ("-map", str(n))]
    subprocess.run([*command, "-c:a", "aac", str(path)], check=True)
    with pytest.raises(DataError, match=r"none is called drums; give its name or number with --drums"):
        import_dataset("stems", path.parent)
    dataset, _ = import_dataset("stems", path.parent, Options(drums="1"), valid_share=0.0)
    drums = dataset.train_sup[0].sources[0]
    assert drums is not None
    assert drums.files[0].stem == 1
    with pytest.raises(DataError, match="none is '7'"):
        import_dataset("stems", path.parent, Options(drums="7"))


def test_a_test_song_among_the_others_is_refused(root: Path) -> None:
    shutil.copytree(root / "train_sup" / "one", root / "test" / "renamed")
    with pytest.raises(DataError, match=r"is the same audio as test track renamed"):
        import_dataset("folders", root)


def test_what_a_song_lacks_is_named(root: Path, song: Song) -> None:
    (root / "train_sup" / "bare").mkdir()
    files.write(root / "train_sup" / "bare" / "mix.wav", song[0], RATE)
    with pytest.raises(DataError, match=r"bare: holds no source; put drums.wav or other.wav into it"):
        import_dataset("folders", root)
    (root / "train_sup" / "bare" / "mix.wav").unlink()
    (root / "train_sup" / "bare").rmdir()
    files.write(root / "train_sup" / "one" / "drums.flac", song[0], RATE)
    with pytest.raises(DataError, match=r"drums.wav: drums.flac is there already; keep one of the two"):
        import_dataset("folders", root)
    (root / "train_sup" / "one" / "drums.flac").unlink()
    files.write(root / "train_sup" / "one" / "mix.wav", song[0], RATE)
    files.write(root / "train_sup" / "one" / "master.wav", song[0], RATE)
    with pytest.raises(DataError, match=r"master.wav and mix.wav may both be the mix; keep one"):
        import_dataset("folders", root)


def test_all_songs_that_cannot_be_used_are_named_at_once_or_left_out(root: Path, song: Song) -> None:
    songs = root / "train_sup"
    for name in ("no audio", "half"):
        (songs / name).mkdir()
        files.write(songs / name / "bass.wav", song[1][1], RATE)
    (songs / "no audio" / "drums.wav").write_text("x")
    whole = songs / "half" / "drums.flac"
    files.write(whole, song[1][0], RATE)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(DataError, match=r"no audio/drums\.wav: not audio.* --skip-bad"):
        import_dataset("folders", root)
    dataset, notes = import_dataset("folders", root, Options(skip_bad=True), valid_share=0.0)
    assert {track.name for track in dataset.train_sup} == {"one", "two"}
    left_out = [line for line in notes if line.startswith("left out: ")]
    assert len(left_out) == 2
    assert "no audio/drums.wav" in left_out[0]
    assert "half/drums.flac" in left_out[1]


def test_folders_of_systems_and_storage_boxes_are_passed_over(root: Path, song: Song) -> None:
    for name in ("@eaDir/x", "__MACOSX/x", ".Trash/x"):
        (root / "train_sup" / name).mkdir(parents=True)
        files.write(root / "train_sup" / name / "drums.wav", song[1][0], RATE)
    (root / "train_sup" / "artwork").mkdir()
    (root / "train_sup" / "artwork" / "cover.jpg").touch()
    dataset, notes = import_dataset("folders", root, valid_share=0.0)
    assert {track.name for track in dataset.train_sup} == {"one", "two"}
    assert "folders without audio are passed over: artwork" in notes


@pytest.mark.parametrize(
    "name", ["Artist\u00a0- Song", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u0985\u09a8\u09cd\u200d", "Ünï"]
)
def test_names_of_any_script_are_fine(tmp_path: Path, song: Song, name: str) -> None:
    for stem, audio in zip(("drums", "bass"), song[1], strict=True):
        (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
        files.write(tmp_path / "set" / name / f"{stem}.wav", audio, RATE)
    dataset, _ = import_dataset("folders", tmp_path / "set")
    save_manifest(dataset, tmp_path / "set" / "dataset.json")
    assert load_dataset(tmp_path / "set").train_sup[0].name == name


def test_names_that_are_no_text_or_control_the_terminal_are_refused(tmp_path: Path, song: Song) -> None:
    folder = tmp_path / "set" / "S"
    folder.mkdir(parents=True)
    with open(bytes(folder) + b"/voix \xe9.wav", "wb") as file:  # noqa: PTH123 - pathlib takes no bytes
        soundfile.write(file, song[1][1].T, RATE, format="WAV")
    with pytest.raises(DataError, match=r"voix .*: its name is no UTF-8"):
        import_dataset("folders", tmp_path / "set")
    with pytest.raises(DataError, match="cannot be a name"):
        check_name("track", "a\u202eb")


def test_a_mix_that_is_shorter_than_its_stems_is_silent_after_its_end(tmp_path: Path, song: Song) -> None:
    for name, audio in (("drums", song[1][0]), ("bass", song[1][1]), ("mix", song[0][:, : 3 * RATE])):
        (tmp_path / "set" / "S").mkdir(parents=True, exist_ok=True)
        files.write(tmp_path / "set" / "S" / f"{name}.wav", audio, RATE)
    track = import_dataset("folders", tmp_path / "set")[0].train_sup[0]
    mix, _ = track.load()
    assert mix.shape[1] == 4 * RATE
    assert not np.any(mix[:, 3 * RATE :])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("name;drums;other\r\nS;S/drums.wav;S/bass.wav\r\n", "utf-8"),
        ("Name,Drums,OTHER\nS,S/drums.wav,S/bass.wav\n\n", "utf-8-sig"),
        ("name\tdrums\tother\nS\tS/drums.wav\tS/bass.wav\n", "utf-16"),
        ("name,drums,other\nS,S\\drums.wav,S\\bass.wav\n , ,\n", "utf-8"),
    ],
)
def test_tables_that_people_saved(tmp_path: Path, song: Song, text: str, encoding: str) -> None:
    for name, audio in zip(("drums", "bass"), song[1], strict=True):
        (tmp_path / "S").mkdir(exist_ok=True)
        files.write(tmp_path / "S" / f"{name}.wav", audio, RATE)
    (tmp_path / "table.csv").write_bytes(text.encode(encoding))
    dataset, _ = import_dataset("csv", tmp_path / "table.csv")
    assert [track.name for track in dataset.train_sup] == ["S"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column mix or drums or other"),
        ("title,file\na,b\n", "has no column mix or drums or other"),
        ("name,partition,drums\na,training,d.wav\n", "line 2: unknown partition 'training'"),
        ("name,partition,drums\na,valid,\n", "line 2: names no file"),
        ("name,drums,mix\na,gone.wav,gone2.wav\n", "gone.*no such file"),
    ],
)
def test_a_table_that_cannot_be_used(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "songs.csv"
    path.write_text(text)
    with pytest.raises((DataError, AudioError), match=message):
        import_dataset("csv", path)


def test_metadata_from_anywhere_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("!!python/object/apply:os.system ['touch %s']" % (tmp_path / "touched"))
    with pytest.raises(DataError, match=r"x\.yaml: cannot be read"):
        read_metadata(path)
    assert not (tmp_path / "touched").exists()


def test_the_command(root: Path) -> None:
    output = root.parent / "made.json"
    options = ("--valid", "0.5", "--licence", "CC0-1.0", "-j", "1")
    ran = dssgan("data", "import", "folders", root, "-o", output, *options)
    assert ran.returncode == 0, ran.stderr
    told = ran.stdout + ran.stderr
    assert "1 songs to train on, 1 to validate, 0 to test, 0 unpaired" in told
    assert "the set names no validation songs" in told
    assert load_dataset(output).licence == "CC0-1.0"
