"""`dssgan separate` from the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from dssgan.audio.files import read, write
from dssgan.audio.stem_streams import stem_names
from dssgan.audio.tags import Picture, Tags, read_tags, write_tags
from dssgan.cli import main
from dssgan.data.bundled import FOLDER
from dssgan.metrics.drums import onset_times
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle
from dssgan.synthesis.midi_file import read_midi
from dssgan.synthesis.performances import strokes_of

SONG = FOLDER / "train_unsup" / "mixes" / "potassium.ogg"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    torch.set_num_threads(1)  # the tests themselves run side by side
    torch.manual_seed(0)
    save_bundle(folder, "tdf_unet", build_separator("tdf_unet", {}, preset="tiny"), metadata={})
    return str(folder)


@pytest.fixture
def song(tmp_path) -> Path:
    path = tmp_path / "a song [live].wav"
    write(path, read(SONG, 44100 * 5, 44100 * 2), 44100)
    return path


@pytest.fixture
def run(monkeypatch, capsys, model):
    """Run the command in this process; gives the exit code, standard output and the lines of standard error."""

    def run(*arguments: object) -> tuple[int, str, list[str]]:
        words = ["dssgan", "separate", "-m", model, "-d", "cpu", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        code = 0
        try:
            main()
        except SystemExit as ending:
            code = int(ending.code or 0)
        output, errors = capsys.readouterr()
        return code, output, errors.splitlines()

    return run


def test_stems_of_a_song(run, song, tmp_path):
    code, output, errors = run(song, "-o", tmp_path / "out")
    assert (code, output) == (0, "")
    assert any(f"{song}: 2.0 s in" in line and "x real time" in line for line in errors)
    stems = [
        soundfile.read(tmp_path / "out" / song.stem / f"{name}.wav", dtype="int16")[0] for name in ("drums", "other")
    ]
    mix = soundfile.read(song, dtype="int16")[0]
    assert np.abs(stems[0].astype(int) + stems[1] - mix).max() <= 1


@pytest.mark.parametrize(
    ("options", "suffix", "subtype"),
    [
        (["--int24"], "wav", "PCM_24"),
        (["--float32"], "wav", "FLOAT"),
        (["--format", "flac"], "flac", "PCM_16"),
        (
            ["--format", "flac", "--int24", "--precision", "bf16", "--overlap", "0.5", "--segment", "1"],
            "flac",
            "PCM_24",
        ),
    ],
)
def test_formats(run, song, tmp_path, options, suffix, subtype):
    assert run(song, "-o", tmp_path / "out", "-q", *options) == (0, "", [])
    for name in ("drums", "other"):
        info = soundfile.info(tmp_path / "out" / song.stem / f"{name}.{suffix}")
        assert (info.subtype, info.frames, info.samplerate) == (subtype, 88200, 44100)


@pytest.mark.parametrize(("kind", "rate"), [("mp3", 44100), ("ogg", 44100), ("opus", 48000), ("m4a", 44100)])
def test_lossy_formats(run, song, tmp_path, kind, rate):
    code, _, errors = run(song, "-o", tmp_path / "out", "--format", kind)
    assert code == 0
    assert any("the stems at 48000 Hz" in line for line in errors) == (kind == "opus")
    mix = read(song)
    stems = [read(tmp_path / "out" / song.stem / f"{name}.{kind}") for name in ("drums", "other")]
    assert stems[0].shape == stems[1].shape == (2, 88200 * rate // 44100)
    if rate == 44100:
        # codecs lose a little, and nothing may move by a sample
        error = (stems[0] + stems[1] - mix)[:, 2000:-2000]
        assert np.square(error).mean() < 0.02 * np.square(mix).mean()


def test_a_stem_file(run, song, tmp_path):
    assert run(song, "-o", tmp_path / "out", "--format", "stem.mp4", "-q") == (0, "", [])
    path = tmp_path / "out" / f"{song.stem}.stem.mp4"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert stem_names(path) == ("mix", "drums", "other", "-", "-")
    mix, drums, other = (read(path, stem=number) for number in range(3))
    assert mix.shape == drums.shape == (2, 88200)
    assert np.square(drums + other - mix).mean() < 0.02 * np.square(mix).mean()


def test_which_stems_under_which_name(run, song, tmp_path):
    out = tmp_path / "out"
    assert run(song, "-o", out, "-q", "--stems", "drums", "--filename", "{track} ({stem}).{ext}")[0] == 0
    assert [path.name for path in out.iterdir()] == [f"{song.stem} (drums).wav"]
    assert run(song, "-o", out, "-q", "--two-stems", "drums", "--filename", "{stem}/{track}.{ext}")[0] == 0
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.wav")) == [
        f"{song.stem} (drums).wav", f"drums/{song.stem}.wav", f"no_drums/{song.stem}.wav",
    ]  # fmt: skip
    one, other = (
        soundfile.read(path)[0] for path in (out / f"{song.stem} (drums).wav", out / f"drums/{song.stem}.wav")
    )
    np.testing.assert_array_equal(one, other)
    code, _, errors = run(song, tmp_path / "b.wav", "-o", out, "-q", "--filename", "{stem}.{ext}")
    assert code == 2
    assert "would have this name; use {track} in it" in errors[0]


@pytest.mark.parametrize(
    ("mode", "message"), [("clamp", None), ("none", "a stem would clip, at"), ("rescale", "all stems at 0.")]
)
def test_stems_that_would_clip(run, tmp_path, mode, message):
    """An untrained model gives half of the mix to each; a mix beyond full scale clips."""
    song = tmp_path / "loud.wav"
    soundfile.write(song, 5 * read(SONG, 44100 * 5, 44100).T, 44100, subtype="FLOAT")
    code, _, errors = run(song, "-o", tmp_path / "out", "--clip-mode", mode)
    assert code == (2 if mode == "none" else 0)
    assert any((message or "") in line for line in errors)
    drums = tmp_path / "out" / "loud" / "drums.wav"
    assert drums.exists() == (mode != "none")
    if mode == "clamp":
        assert soundfile.read(drums)[0].max() == 1 - 2**-15
        assert not any("all stems at" in line for line in errors)


def test_tags_and_cover_carry_over(run, song, tmp_path):
    tags = Tags({"title": ("Ünï ☃",), "artist": ("A",), "bpm": ("128",)}, Picture(b"\x89PNG\r\n\x1a\n", "image/png"))
    write_tags(song, tags)
    out = tmp_path / "out"
    for kind in ("wav", "flac", "mp3", "stem.mp4"):
        assert run(song, "-o", out / kind, "-q", "--format", kind)[0] == 0
        for path in (out / kind).rglob(f"*.{kind}"):
            assert read_tags(path) == tags
    assert run(song, "-o", out / "bare", "-q", "--no-tags")[0] == 0
    assert read_tags(out / "bare" / song.stem / "drums.wav") == Tags()


@pytest.mark.slow
def test_standard_input_and_output(model, song, tmp_path):
    command = [Path(sys.executable).with_name("dssgan"), "separate", "-m", model, "-d", "cpu", "-"]
    done = subprocess.run([*command, "--stems", "drums"], input=song.read_bytes(), capture_output=True, check=True)
    assert done.stderr == b""
    (tmp_path / "piped.wav").write_bytes(done.stdout)
    subprocess.run([*command, "-q", "-o", tmp_path / "out"], input=song.read_bytes(), check=True)
    drums = soundfile.read(tmp_path / "out" / "stdin" / "drums.wav")[0]
    np.testing.assert_array_equal(soundfile.read(tmp_path / "piped.wav")[0], drums)
    for options, data, message in (
        ([], song.read_bytes(), b"standard output holds one file: name one track"),
        (["--stems", "drums"], b"", b"stdin: is empty"),
        (["--json"], b"", b"--json and standard output for sound: choose one"),
    ):
        failed = subprocess.run([*command, *options], input=data, capture_output=True, check=False)
        assert (failed.returncode, failed.stdout, failed.stderr.count(b"\n")) == (2, b"", 1)
        assert message in failed.stderr


def test_several_at_a_time_give_the_same(run, tmp_path):
    names = ["a.wav", "b.wav", "bad.wav"]
    for name in names[:2]:
        write(tmp_path / name, read(SONG, 44100 * (1 + names.index(name)), 44100), 44100)
    (tmp_path / "bad.wav").write_text("no audio")
    tracks = [tmp_path / name for name in names]
    one = run(*tracks, "-o", tmp_path / "one", "-q")
    two = run(*tracks, "-o", tmp_path / "two", "-q", "-j", "2")
    assert one == two == (2, "", [one[2][0], "dssgan: 1 of 3 tracks failed"])
    for name in ("a", "b"):
        stems = [soundfile.read(tmp_path / folder / name / "drums.wav", dtype="int16")[0] for folder in ("one", "two")]
        assert np.abs(stems[0].astype(int) - stems[1]).max() <= 1


def test_a_place_that_cannot_be_written_costs_one_line_before_work(run, song, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, errors = run(song, "-o", tmp_path / "file" / "out")
    assert (code, len(errors)) == (2, 1)
    assert "cannot be written" in errors[0]


def test_default_folder(run, song, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(song, "-q")[0] == 0
    assert (tmp_path / "separated" / song.stem / "drums.wav").is_file()


def test_one_bad_track_among_good_ones(run, song, tmp_path):
    other = tmp_path / "other song.flac"
    write(other, read(SONG, 0, 9000), 44100)
    bad = tmp_path / "bad.wav"
    bad.write_text("no audio")
    code, output, errors = run(song, bad, other, "-o", tmp_path / "out", "-q", "--json")
    assert code == 2
    assert len(errors) == 2
    assert errors[0].startswith(f"dssgan: {bad}: not audio")
    assert errors[1] == "dssgan: 1 of 3 tracks failed"
    records = [json.loads(line) for line in output.splitlines()]
    assert [record["track"] for record in records] == [str(song), str(bad), str(other)]
    assert records[0]["seconds"] == 2.0
    assert records[0]["gain"] <= 1
    assert Path(records[2]["paths"]["drums"]).is_file()
    assert records[1] == {"track": str(bad), "error": errors[0].removeprefix("dssgan: ")}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [song.stem, other.stem]


def test_one_track_twice_is_refused(run, tmp_path):
    code, _, errors = run(tmp_path / "x.wav", tmp_path / "x.wav", "-o", tmp_path / "out")
    assert code == 2
    assert len(errors) == 1
    assert "its stems would have the names" in errors[0]
    assert "rename one" in errors[0]
    assert not (tmp_path / "out").exists()


def test_a_folder_with_all_below_it(run, tmp_path):
    music = tmp_path / "music"
    for name in ("CD1/01.wav", "CD2/01.wav", "live.flac", ".hidden.wav", "@eaDir/01.wav", "cover.jpg", "out/x.wav"):
        (music / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("flac"):
            write(music / name, read(SONG, 0, 9000), 44100)
        else:
            write(music / name.replace("jpg", "wav"), read(SONG, 0, 9000), 44100)
    (music / "cover.wav").rename(music / "cover.jpg")
    code, output, errors = run(music, "-o", music / "out", "--dry-run")
    assert (code, errors) == (0, [])
    out = music / "out"
    assert output.splitlines() == [
        f"{music}/live.flac -> {out}/live", f"{music}/CD1/01.wav -> {out}/CD1/01",
        f"{music}/CD2/01.wav -> {out}/CD2/01",
    ]  # fmt: skip
    code, output, errors = run(music, "-o", music / "out", "--json", "-q")
    assert (code, errors) == (0, [])
    assert len(output.splitlines()) == 3
    assert (out / "CD2" / "01" / "drums.wav").is_file()
    code, _, errors = run(tmp_path / "out", "-o", tmp_path / "x")
    assert code == 2
    (tmp_path / "empty").mkdir()
    code, _, errors = run(tmp_path / "empty", "-o", tmp_path / "x")
    assert (code, errors) == (
        2,
        [f"dssgan: {tmp_path}/empty: no audio in this folder; name files, or a folder that holds some"],
    )


def test_what_is_there_is_replaced_on_demand_alone(run, song, tmp_path):
    out = tmp_path / "out"
    assert run(song, "-o", out, "-q")[0] == 0
    drums = out / song.stem / "drums.wav"
    before = drums.read_bytes()
    code, _, errors = run(song, "-o", out, "-q", "--int24")
    assert code == 2
    assert errors == [f"dssgan: {drums}: is there already; add --overwrite or --skip-existing, or choose another -o"]
    code, _, errors = run(song, "-o", out, "--skip-existing", "--int24")
    assert code == 0
    assert errors == [f"{song}: its stems are in {out / song.stem} already"]
    assert drums.read_bytes() == before
    assert run(song, "-o", out, "-q", "--int24", "--overwrite")[0] == 0
    assert soundfile.info(drums).subtype == "PCM_24"
    (out / song.stem / "other.wav").unlink()
    assert run(song, "-o", out, "-q", "--skip-existing")[0] == 0  # half of the stems are as good as none
    assert soundfile.info(drums).subtype == "PCM_16"


def test_names_that_are_odd(run, tmp_path):
    """Dots that would lead out of the folder, bytes of an old encoding, newlines, emoji, a leading dash."""
    names = ["...wav", "..wav", "F.O.O..wav", "song .wav", "-x.wav", "a\nb.wav", "\U0001f468\u200d\U0001f469.wav"]
    encoded = [*(os.fsencode(tmp_path / name) for name in names), os.fsencode(tmp_path) + b"/mod\xe0.wav"]
    for path in encoded:
        with open(path, "wb") as file:  # noqa: PTH123 - pathlib takes no bytes
            soundfile.write(file, read(SONG, 0, 9000).T, 44100, format="WAV")
    paths = [Path(os.fsdecode(path)) for path in encoded]
    code, output, errors = run(*paths, "-o", tmp_path / "out", "--json")
    assert code == 0, errors
    assert len(output.splitlines()) == len(paths)
    written = {path.parent for path in tmp_path.rglob("drums.wav")}
    assert {folder.parent for folder in written} == {tmp_path / "out"}
    assert len(written) == len(paths)


def test_what_is_no_file_costs_one_line(run, song, tmp_path):
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "broken.wav").symlink_to("nowhere.wav")
    names = ("loop.wav", "pipe.wav", "broken.wav")
    code, _, errors = run(*(tmp_path / name for name in names), song, "-o", tmp_path / "out", "-q")
    assert code == 2
    assert [name for name, line in zip(names, errors, strict=False) if name in line] == list(names)
    assert errors[-1] == "dssgan: 3 of 4 tracks failed"
    assert (tmp_path / "out" / song.stem / "drums.wav").is_file()


def test_tracks_are_never_written_over(run, tmp_path, song):
    """One track's stems would lie where another track is."""
    stem = tmp_path / song.stem / "drums.wav"
    stem.parent.mkdir()
    content = song.read_bytes()
    stem.write_bytes(content)
    code, _, errors = run(song, stem, "-o", tmp_path)
    assert code == 2
    assert errors == [f"dssgan: {stem}: a stem would be written over this track; choose another --output"]
    assert stem.read_bytes() == content


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--int24", "--float32"], "choose one of them"),
        (["--format", "flac", "--float32"], ".flac cannot hold float32"),
        (["--format", "mp5"], "'mp5' is not one of"),
        (["--format", "mp3", "--int24"], ".mp3 cannot hold pcm24; choose .wav or .flac for that"),
        (["--mp3-bitrate", "320"], "bit rate 320: .wav has none to choose"),
        (["--filename", "{song}.{ext}"], "file name '{song}.{ext}': make it of {track} and {stem}"),
        (["--filename", "../{stem}.{ext}"], "leads out of the output folder"),
        (["--filename", "{track}.{ext}"], "all stems would have it; add {stem}"),
        (["--stems", "vocals"], "unknown stem 'vocals': choose one of drums, other"),
        (["--two-stems", "drum"], "unknown stem 'drum': did you mean drums"),
        (["--shifts", "0"], "shifts 0: give 1 or more"),
        (["-j", "2", "--address", "auto"], "--address and -j: choose one of them"),
        (["-d", "cdua"], "unknown device 'cdua': did you mean cuda"),
        (["-m", "no-such-model"], "unknown model 'no-such-model'"),
        (["-m", "no/such.yaml"], "no/such.yaml: there is no such model"),
        (["--precision", "int8"], "unknown precision 'int8'"),
        (["--overlap", "0.9"], "overlap 0.9"),
        (["--segment", "-1"], "segment of -1"),
    ],
)
def test_bad_options(run, song, tmp_path, options, message):
    code, output, errors = run(song, "-o", tmp_path / "out", "-q", *options)
    assert (code, output, len(errors)) == (2, "", 1)
    assert message in errors[0]
    assert not (tmp_path / "out").exists()


def test_missing_track_and_no_track(run, tmp_path):
    code, _, errors = run(tmp_path / "missing.wav", "-o", tmp_path / "out", "-q")
    assert (code, len(errors)) == (2, 1)
    assert "missing.wav: no such file" in errors[0]
    code, _, errors = run()
    assert (code, len(errors)) == (2, 1)


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from dssgan.cli import main\n"
        "sys.argv = ['dssgan', 'separate', '--help']\n"
        "try:\n    main()\n"
        "finally:\n"
        "    heavy = {'torch', 'numpy', 'ray', 'museval', 'pandas', 'soundfile', 'rich'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "TRACK" in result.stdout


@pytest.mark.parametrize("suffix", [".wav", ".mp3"])
def test_a_truncated_file_is_separated_as_far_as_it_goes(run, song, tmp_path, suffix):
    whole = tmp_path / f"whole{suffix}"
    subprocess.run(["ffmpeg", "-v", "error", "-i", song, whole], check=True)
    cut, data = tmp_path / f"cut{suffix}", whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    code, output, errors = run(cut, "-o", tmp_path / "out", "--json")
    assert code == 0, errors
    assert any("the file is truncated: its header promises 2.0 s" in line for line in errors)
    record = json.loads(output)
    assert record["promised_seconds"] == pytest.approx(2.0, abs=0.1)
    assert 0.7 < record["seconds"] < 1.3
    assert soundfile.info(tmp_path / "out" / "cut" / "drums.wav").duration == record["seconds"]


def test_sigterm_leaves_nothing_and_ends_as_the_signal_does(model, song, tmp_path):
    write(song, np.tile(read(song), 60), 44100)
    process = subprocess.Popen(
        [f"{sys.prefix}/bin/dssgan", "separate", "-q", "-m", model, "-d", "cpu", song, "-o", tmp_path / "out"]
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/*/.*/running_sums")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    assert process.wait(30) == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == [song.name]


def test_a_second_process_does_not_replace_the_stems_of_the_first(run, song, tmp_path, monkeypatch):
    monkeypatch.setattr("dssgan.cli.separate._keep_new", lambda requests, *_, **__: requests)  # both looked beforehand
    assert run(song, "-o", tmp_path / "out")[0] == 0
    before = (tmp_path / "out" / song.stem / "drums.wav").read_bytes()
    code, _, errors = run(song, "-o", tmp_path / "out", "--polarity")
    assert code == 2
    assert "drums.wav: appeared while this track was separated" in " ".join(errors)
    assert (tmp_path / "out" / song.stem / "drums.wav").read_bytes() == before


def test_names_beyond_the_locale_end_no_batch(model, song, tmp_path):
    strange = song.with_name("größe ☃.wav")
    song.rename(strange)
    ran = subprocess.run(
        [f"{sys.prefix}/bin/dssgan", "separate", "-m", model, "-d", "cpu", tmp_path, "-o", tmp_path / "out"],
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, capture_output=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert b"Traceback" not in ran.stderr
    assert len(list(tmp_path.glob("out/*/drums.wav"))) == 1


def test_a_track_of_a_film_is_chosen(run, song, tmp_path):
    film = tmp_path / "film.mkv"
    sound = ["-i", song, "-f", "lavfi", "-i", "anullsrc=r=44100:cl=stereo", "-map", "0", "-map", "1"]
    default = ["-disposition:a:0", "0", "-disposition:a:1", "default", "-c:a", "flac", "-t", "2"]
    subprocess.run(["ffmpeg", "-v", "error", *sound, *default, film], check=True)
    code, _, errors = run(film, "-o", tmp_path / "default")
    assert code == 0
    assert "audio track 2 of 2" in " ".join(errors)
    assert not read(tmp_path / "default" / "film" / "drums.wav").any()
    code, _, errors = run(film, "-o", tmp_path / "first", "--audio-track", "1")
    assert "audio track 1 of 2" in " ".join(errors)
    assert read(tmp_path / "first" / "film" / "drums.wav").any()
    code, _, errors = run(film, "-o", tmp_path / "third", "--audio-track", "3")
    assert code == 2
    assert "has 2 audio streams" in " ".join(errors)


def test_drums_into_their_pieces(run, song, tmp_path):
    torch.manual_seed(0)
    pieces = build_separator("unet", {"num_layers": 2, "num_initial_filters": 2, "sources": ["kick", "snare", "hihat"]})
    save_bundle(tmp_path / "kit", "unet", pieces, metadata={"from": "drums"})
    code, _, errors = run(song, "-m", tmp_path / "kit", "-o", tmp_path / "out")
    assert code == 2
    assert "separates drums, not songs; add --drums where the recordings are drums, or name it under then" in errors[-1]
    assert not (tmp_path / "out").exists()
    code, *_ = run(song, "-m", tmp_path / "kit", "--drums", "-o", tmp_path / "out", "--float32")
    assert code == 0
    stems = [read(tmp_path / "out" / song.stem / f"{name}.wav") for name in ("kick", "snare", "hihat")]
    np.testing.assert_allclose(sum(stems), read(song), atol=1e-6)
    code, _, errors = run(song, "--drums", "-o", tmp_path / "other")
    assert (code, "separates songs, not drums; leave --drums out" in errors[-1]) == (2, True)


KIT = ["cymbals", "hihat", "kick", "snare", "toms"]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_song_and_the_pieces_of_its_kit(run, song, tmp_path):
    assert run(song, "-o", tmp_path, "--pieces", "-q")[0] == 0
    folder = tmp_path / song.stem
    assert names_in(folder) == sorted(f"{name}.wav" for name in (*KIT, "drums", "other"))
    steps = {path.stem: soundfile.read(path, dtype="int16")[0].astype(int) for path in folder.iterdir()}
    np.testing.assert_array_equal(sum(steps[name] for name in KIT), steps["drums"])
    np.testing.assert_array_equal(steps["drums"] + steps["other"], soundfile.read(song, dtype="int16")[0])


def test_pieces_of_drums_and_four_of_them_in_a_stem_file(run, tmp_path):
    drums = tmp_path / "drums.wav"
    write(drums, read(FOLDER / "train_sup" / "lithium-1" / "drums.ogg", 0, 44100 * 3), 44100)
    assert run(drums, "-m", "default", "--drums", "--pieces", "-o", tmp_path / "kit", "-q")[0] == 0
    assert names_in(tmp_path / "kit" / "drums") == [f"{name}.wav" for name in KIT]
    code, _, errors = run(drums, "--pieces", "--format", "stem.mp4", "-o", tmp_path / "out")
    assert (code, ".stem.mp4 holds 4 stems, not 7" in errors[-1]) == (2, True)
    wanted = ("--stems", "kick,snare,hihat,other")
    assert run(drums, "--pieces", "--format", "stem.mp4", *wanted, "-o", tmp_path / "out", "-q")[0] == 0
    assert stem_names(tmp_path / "out" / "drums.stem.mp4") == ("mix", "kick", "snare", "hihat", "other")


def test_drums_as_midi(run, tmp_path):
    drums = tmp_path / "drums.wav"
    write(drums, read(FOLDER / "train_sup" / "lithium-1" / "drums.ogg", 0, 44100 * 6), 44100)
    code, _, errors = run(drums, "-m", "default", "--drums", "--midi", "-o", tmp_path / "kit")
    assert code == 0
    assert names_in(tmp_path / "kit" / "drums") == sorted([*(f"{name}.wav" for name in KIT), "drums.mid"])
    strokes = strokes_of(read_midi(tmp_path / "kit" / "drums" / "drums.mid"))
    assert f"{len(strokes)} strokes" in " ".join(errors)
    onsets = onset_times(read(drums), 44100)
    near = np.abs(onsets[:, None] - np.array([[hit.start_seconds for hit in strokes]])).min(axis=1) < 0.05
    assert len(onsets) > 8
    assert near.mean() > 0.8

    # of a song: the drums and the rest stay whole, and the file lies beside them
    assert run(drums, "--midi", "-o", tmp_path / "song", "-q")[0] == 0
    assert names_in(tmp_path / "song" / "drums") == ["drums.mid", "drums.wav", "other.wav"]
    assert run(drums, "--midi", "--format", "stem.mp4", "-o", tmp_path / "file", "-q")[0] == 0
    assert names_in(tmp_path / "file") == ["drums.mid", "drums.stem.mp4"]
    code, _, errors = run(drums, "--midi", "-o", tmp_path / "song")
    assert (code, "is there already" in errors[-1]) == (2, True)


def test_midi_takes_all_pieces(run, song, tmp_path):
    torch.manual_seed(0)
    pieces = build_separator("unet", {"num_layers": 2, "num_initial_filters": 2, "sources": ["kick", "snare"]})
    save_bundle(tmp_path / "kit", "unet", pieces, metadata={"from": "drums"})
    code, _, errors = run(song, "-m", tmp_path / "kit", "--drums", "--midi", "-o", tmp_path / "out")
    assert (code, "the model gives no toms, hihat, cymbals; choose one that does" in errors[-1]) == (2, True)
    assert not (tmp_path / "out").exists()
