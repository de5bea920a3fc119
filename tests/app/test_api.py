"""The HTTP API: what comes in, what comes out, and what is refused."""

import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from commands import dssgan
from running_app import RATE, RunningApp, start

from dssgan.app.song import clean_name, split_suffix
from dssgan.app.sound import NUM_BANDS, PEAK_FRAMES, SCALE
from dssgan.audio import files
from dssgan.audio.tags import read_tags

pytestmark = pytest.mark.xdist_group("app")


@pytest.fixture(scope="module")
def by_command(beat: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `dssgan separate` writes with the options of the song."""
    folder = tmp_path_factory.mktemp("by_command")
    for kind in ("wav", "mp3"):
        options = ("-m", "fast", "--pieces", "--midi", "--format", kind, "-o", str(folder / kind), "-q")
        done = dssgan("separate", beat, *options)
        assert done.returncode == 0, done.stderr
    chosen = ("--stems", "kick,snare,hihat,other", "--format", "stem.mp4", "-o", str(folder))
    assert dssgan("separate", beat, "-m", "fast", "--pieces", *chosen).returncode == 0
    return folder


def test_stems_are_those_of_the_command_byte_for_byte(app: RunningApp, separated: Any, by_command: Path) -> None:
    path = f"/songs/{separated['id']}"
    assert separated["sources"] == ["kick", "snare", "toms", "hihat", "cymbals", "other"]
    assert separated["sums"] == {"drums": ["kick", "snare", "toms", "hihat", "cymbals"]}
    for kind in ("wav", "mp3"):
        for stem in (*separated["sources"], "drums"):
            got = app.ask("GET", f"{path}/stems/{stem}", format=kind)
            assert got.content == (by_command / kind / "beat" / f"{stem}.{kind}").read_bytes(), (kind, stem)
    assert app.ask("GET", f"{path}/stem-file").content == (by_command / "beat.stem.mp4").read_bytes()
    midi = app.ask("GET", f"{path}/midi")
    assert midi.content == (by_command / "wav" / "beat" / "drums.mid").read_bytes()
    assert midi.headers["content-type"] == "audio/midi"
    assert any(message.type == "note_on" for message in mido.MidiFile(file=io.BytesIO(midi.content)))


def test_a_zip_holds_the_stems_under_names_that_people_know(app: RunningApp, separated: Any, by_command: Path) -> None:
    got = app.ask("GET", f"/songs/{separated['id']}/stems.zip", format="wav", stems="drums,other")
    assert "filename*=UTF-8''beat.zip" in got.headers["content-disposition"]
    archive = zipfile.ZipFile(io.BytesIO(got.content))
    assert archive.namelist() == ["beat (drums).wav", "beat (other).wav", "beat (drums).mid"]
    assert archive.read("beat (drums).wav") == (by_command / "wav" / "beat" / "drums.wav").read_bytes()


def test_a_mix_of_ones_own_has_the_levels_the_tags_and_its_loudness(
    app: RunningApp, separated: Any, tmp_path: Path
) -> None:
    levels = {"drums": {"gain_db": -6.0206}, "other": {"pan": 1.0}}
    made = app.ask("POST", f"/songs/{separated['id']}/mixes", {"levels": levels, "format": "flac"})
    assert made.status == 201, made.content
    got = app.ask("GET", made.json["url"])
    path = tmp_path / "mix.flac"
    path.write_bytes(got.content)
    assert read_tags(path).text["title"] == ("The Beat",)
    drums, other = (
        files.read(_kept(tmp_path, app.ask("GET", f"/songs/{separated['id']}/stems/{stem}").content, stem))
        for stem in ("drums", "other")
    )
    right = drums[1] / 2 + other.sum(axis=0)  # all of the other stem to the right, as browsers do
    np.testing.assert_allclose(files.read(path), np.stack([drums[0] / 2, right]), atol=4 / 2**15)
    assert -40 < made.json["loudness_lufs"] < -5
    assert made.json["peak_db"] == pytest.approx(20 * np.log10(np.abs(files.read(path)).max()), abs=0.05)
    silent = app.ask("POST", f"/songs/{separated['id']}/mixes", {"levels": {}})
    assert (silent.json["loudness_lufs"], silent.json["peak_db"]) == (None, None)


def _kept(folder: Path, content: bytes, name: str) -> Path:
    path = folder / f"{name}.wav"
    path.write_bytes(content)
    return path


def test_a_loud_mix_is_turned_down_and_says_so(app: RunningApp, separated: Any) -> None:
    made = app.ask(
        "POST", f"/songs/{separated['id']}/mixes", {"levels": {"drums": {"gain_db": 12}, "other": {"gain_db": 12}}}
    )
    assert made.json["gain_db"] < -1
    assert made.json["peak_db"] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("path", "body", "line"),
    [
        ("mixes", {"levels": {"kick": {}, "drums": {}}}, "each sound once"),
        ("mixes", {"levels": {"vocals": {}}}, "choose among kick, snare"),
        ("mixes", {"levels": {}, "format": "aiff"}, "choose one of wav"),
        ("mixes", {"levels": {}, "format": "stem.mp4"}, "choose another format"),
        ("mixes", {"levels": {"drums": {"gain_db": 40}}}, "levels.drums.gain_db"),
        (
            "passages",
            {"start_seconds": 0, "seconds": 2, "models": ["fast", "best"]},
            "model 'best': choose one of default",
        ),
    ],
)
def test_what_cannot_be_made_is_one_line(app: RunningApp, separated: Any, path: str, body: Any, line: str) -> None:
    got = app.ask("POST", f"/songs/{separated['id']}/{path}", body)
    assert got.status == 400
    assert line in got.json["error"]
    assert "\n" not in got.json["error"]


def test_excerpts_are_in_step_and_sum_to_the_song(app: RunningApp, separated: Any, beat: Path) -> None:
    signals = ["mix", *separated["sources"]]
    got = app.ask("GET", f"/songs/{separated['id']}/audio", signals=",".join(signals), start=12345, frames=4410)
    numbers = np.frombuffer(got.content, "<i2").reshape(len(signals), 2, 4410) / SCALE
    np.testing.assert_allclose(numbers[0], files.read(beat, 12345, 4410), atol=1 / SCALE)
    np.testing.assert_allclose(numbers[1:].sum(axis=0), numbers[0], atol=4 / SCALE)
    end = app.ask("GET", f"/songs/{separated['id']}/audio", signals="drums", start=8 * RATE - 10, frames=4410)
    assert len(end.content) == 2 * 2 * 10
    assert (
        "kazoo" in app.ask("GET", f"/songs/{separated['id']}/audio", signals="kazoo", start=0, frames=1).json["error"]
    )


def test_waveform_and_spectrogram(app: RunningApp, separated: Any, beat: Path) -> None:
    song = files.read(beat)
    got = app.ask("GET", f"/songs/{separated['id']}/waveform/mix")
    peaks = np.frombuffer(got.content, np.int8).reshape(-1, 2)
    assert len(peaks) == -(-song.shape[1] // PEAK_FRAMES)
    first = song[:, :PEAK_FRAMES]
    assert peaks[0].tolist() == [round(float(64 * first.min())), round(float(64 * first.max()))]
    got = app.ask("GET", f"/songs/{separated['id']}/spectrogram/other", start=RATE, frames=RATE, width=300)
    shade = np.frombuffer(got.content, np.uint8).reshape(NUM_BANDS, 300)
    assert shade.max() > 120
    assert shade.std() > 10


def test_songs_are_found_by_words(app: RunningApp, noise: Path) -> None:
    name = "../../..\\Ünïcødé  トラック #1?\n.wav"
    song = app.add(noise, name, model=str(app.options[1]))
    assert song["name"] == "Ünïcødé トラック #1?"
    assert [one["id"] for one in app.ask("GET", "/songs", search="トラック ünï").json] == [song["id"]]
    app.wait(song)
    got = app.ask("GET", f"/songs/{song['id']}/stems/drums")
    assert "%C3%9Cn%C3%AFc%C3%B8d%C3%A9%20%E3%83%88%E3%83%A9" in got.headers["content-disposition"]
    assert "/" not in got.headers["content-disposition"].partition("filename=")[2].replace("UTF-8''", "")
    # without pieces and MIDI there are neither
    assert "has no MIDI" in app.ask("GET", f"/songs/{song['id']}/midi").json["error"]
    assert app.ask("GET", f"/songs/{song['id']}/beats").json == []
    assert app.ask("DELETE", f"/songs/{song['id']}").status == 204
    assert app.ask("GET", f"/songs/{song['id']}").status == 404
    assert not list(app.library.glob(f"*{song['id']}*"))


def test_a_form_is_taken_as_curl_sends_it(app: RunningApp, noise: Path) -> None:
    command = [
        "curl", "-sS", "-H", f"Authorization: Bearer {app.token}", "-F", f"file=@{noise};filename=a b.wav", "-F",
        f"model={app.options[1]}", f"http://127.0.0.1:{app.port}/songs",
    ]  # fmt: skip
    song = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert (song["name"], song["state"]) == ("a b", "queued")
    app.wait(song)
    bad = subprocess.run(
        [*command[:-3], "-F", "pieces=perhaps", command[-1]], capture_output=True, check=True, text=True
    )
    assert json.loads(bad.stdout)["error"].startswith("pieces: ")
    two = subprocess.run(
        [*command[:-1], "-F", f"other=@{noise}", command[-1]], capture_output=True, check=True, text=True
    )
    assert json.loads(two.stdout)["error"].startswith("2 files were sent")
    assert not list(app.library.glob(".incoming*"))


@pytest.mark.parametrize(
    ("content", "name", "line"),
    [
        (b"", "a.wav", "is empty"),
        (b"no sound at all", "a.wav", "a.wav: not audio"),
        (b"RIFF", None, "has no name"),
    ],
)
def test_what_is_no_song_is_one_line_and_leaves_nothing(
    app: RunningApp, content: bytes, name: str | None, line: str
) -> None:
    before = sorted(app.library.iterdir())
    got = app.ask("POST", "/songs", content, **({} if name is None else {"name": name}))
    assert got.status == 400
    assert line in got.json["error"]
    assert str(app.library) not in got.json["error"]
    assert sorted(app.library.iterdir()) == before


def test_an_upload_that_stops_half_way_leaves_nothing(app: RunningApp) -> None:
    before = app.ask("GET", "/songs").json
    with socket.create_connection(("127.0.0.1", app.port)) as connection:
        head = (
            f"POST /songs?name=a.wav HTTP/1.1\r\nHost: 127.0.0.1:{app.port}\r\nAuthorization: Bearer {app.token}\r\n"
            "Content-Length: 1000000\r\n\r\n"
        )
        connection.sendall(head.encode() + bytes(1000))
        deadline = time.monotonic() + 20
        while not list(app.library.glob(".incoming*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert list(app.library.glob(".incoming*"))
    while list(app.library.glob(".incoming*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not list(app.library.glob(".incoming*"))
    assert app.ask("GET", "/songs").json == before


def test_cancel_again_and_events(app: RunningApp, beat: Path) -> None:
    stream = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
    stream.request("GET", "/events", headers={"Authorization": f"Bearer {app.token}"})
    events = stream.getresponse()
    assert events.headers["content-type"].startswith("text/event-stream")
    song = app.add(beat, model="fast", shifts=10)
    app.wait(song, "separating")
    assert app.ask("POST", f"/songs/{song['id']}/cancel").status == 200
    assert app.wait(song, "cancelled")["error"] == ""
    assert not list((app.library / song["id"]).glob("stems/*.wav"))
    again = app.ask("POST", f"/songs/{song['id']}/separate", {"model": str(app.options[1])})
    assert again.status == 200, again.content
    done = app.wait(again.json)
    assert (done["options"]["model"], done["sources"]) == (str(app.options[1]), ["drums", "other"])
    app.ask("DELETE", f"/songs/{song['id']}")
    seen = []
    while not any(line.startswith(b"event: removed") for line in seen):
        seen.append(events.readline())
    states = [json.loads(line[6:])["state"] for line in seen if line.startswith(b"data: ") and b'"state"' in line]
    # of changes that wait to be read only the latest is sent, so any but the last may be missing
    order = iter(["queued", "separating", "cancelled", "queued", "separating", "done"])
    assert all(
        any(state == step for step in order)
        for state, before in zip(states, ["", *states], strict=False)
        if state != before
    )
    assert states[-1] == "done"
    stream.close()


def test_a_model_of_songs_is_not_given_drums(app: RunningApp, noise: Path) -> None:
    song = app.wait(app.add(noise, model="fast", drums="true"), "failed")
    assert song["error"].startswith("fast: separates songs, not drums; leave --drums out")


def test_a_passage_by_two_models(app: RunningApp, separated: Any) -> None:
    models = ["fast", str(app.options[1])]
    wanted = {"start_seconds": 6.5, "seconds": 10, "models": models}
    parts = app.ask("POST", f"/songs/{separated['id']}/passages", wanted).json
    assert [one["options"]["model"] for one in parts] == models
    assert [one["seconds"] for one in parts] == [1.5, 1.5]  # the song ends there
    assert app.wait(parts[1])["sources"] == ["drums", "other"]
    assert not {one["id"] for one in parts} & {one["id"] for one in app.ask("GET", "/songs").json}
    app.wait(parts[0])


def test_a_separation_that_is_killed_ends_one_song(app: RunningApp, beat: Path, noise: Path) -> None:
    song, other = app.add(beat, model="fast", shifts=10), app.add(noise, model=str(app.options[1]))
    app.wait(song, "separating")
    _kill_workers(app)
    failed = app.wait(song, "failed")
    assert failed["error"] == "the separation was ended by signal 9, perhaps for want of memory; try again"
    app.wait(other)


def _workers(app: RunningApp) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == app.process.pid and b"dssgan.app.worker" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except (OSError, IndexError, ValueError):
            continue
    return found


def _kill_workers(app: RunningApp) -> None:
    deadline = time.monotonic() + 20
    while not _workers(app) and time.monotonic() < deadline:
        time.sleep(0.05)
    for worker in _workers(app):
        os.kill(worker, signal.SIGKILL)


@pytest.mark.slow
def test_what_was_begun_goes_on_after_kill_9(tmp_path: Path, tiny: Path, beat: Path, noise: Path) -> None:
    app = start(tmp_path / "library", "--model", str(tiny))
    done = app.wait(app.add(noise, model=str(tiny)))
    song = app.add(beat, model=str(tiny))
    app.wait(song, "separating", "done")
    (worker,) = _workers(app) or (0,)
    os.kill(app.process.pid, signal.SIGKILL)
    app.process.wait()
    deadline = time.monotonic() + 20
    while worker and Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not worker or not Path(f"/proc/{worker}").exists()  # it ends with its parent
    token = app.token
    again = start(tmp_path / "library", "--model", str(tiny))
    try:
        assert again.token == token
        assert again.ask("GET", f"/songs/{done['id']}").json["state"] == "done"
        again.wait(song)
        assert not [path for path in (again.library / song["id"]).rglob("*") if "~" in path.name]
        refused = dssgan("app", "--headless", "--library", again.library)
        assert refused.returncode == 2
        assert "another dssgan app uses this library" in refused.stderr
    finally:
        again.stop()
    assert again.process.returncode == 143  # as what SIGTERM ends


def test_limits(tmp_path: Path, tiny: Path, beat: Path) -> None:
    app = start(tmp_path / "library", "--model", str(tiny), "--max-megabytes", "0.5", "--max-minutes", "0.1")
    try:
        got = app.ask("POST", "/songs", bytes(600_000), name="a.wav")
        assert got.status == 400
        assert "more than 0.5 MB" in got.json["error"]
        got = app.ask("POST", "/songs", (part for part in [bytes(300_000)] * 3), name="a.wav")  # of unknown length
        assert "more than 0.5 MB" in got.json["error"]
        small = tmp_path / "long.mp3"
        subprocess.run(["ffmpeg", "-v", "error", "-i", beat, "-b:a", "64k", small], check=True)
        got = app.ask("POST", "/songs", small.read_bytes(), name="long.mp3", model=str(tiny))
        assert "long: lasts 0 minutes, and the limit is 0.1" in got.json["error"]
        assert not [path for path in app.library.iterdir() if path.is_dir()]
    finally:
        app.stop()


def test_a_full_disk_is_said_before_the_work(noise: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from dssgan.app.library import Library, Options
    from dssgan.errors import WriteError

    library = Library(tmp_path / "library")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=150_000_000))
    with library.incoming() as folder:
        shutil.copy(noise, folder / "a")
        with pytest.raises(WriteError, match=r"0\.2 GB are needed and 0\.1 GB are free; remove songs"):
            library.add(folder / "a", "a.wav", Options())
    assert library.songs() == []
    library.close()


def test_the_description_names_every_route(app: RunningApp) -> None:
    paths = app.ask("GET", "/openapi.json").json["paths"]
    assert {"/songs", "/songs/{song_id}", "/songs/{song_id}/stems/{stem}", "/events", "/songs/{song_id}/mixes"} <= set(
        paths
    )
    assert all(route.get("description") for methods in paths.values() for route in methods.values())
    body = paths["/songs"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert {"file", "model", "pieces", "midi", "shifts"} <= set(body)


def test_names() -> None:
    assert clean_name("C:\\Music\\a.wav") == "a.wav"
    assert clean_name("/etc/passwd") == "passwd"
    assert clean_name("..") == ".."
    assert clean_name("\u202egpj.exe\x00") == "gpj.exe"
    assert clean_name("   ") == "song"
    assert len(clean_name("x" * 5000)) == 200
    assert split_suffix("song.MP3") == ("song", ".mp3")
    assert split_suffix("a.stem.mp4") == ("a", ".stem.mp4")
    assert split_suffix(".mp3") == (".mp3", "")
    assert split_suffix("Mr. Big") == ("Mr. Big", "")
