"""Archives made to do harm: each is refused in one line, and nothing is written."""

import contextlib
import io
import json
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dssgan.curation.contributions.archive import unpack
from dssgan.curation.contributions.merge import merge
from dssgan.errors import DataError, DssganError

RECORD = "dataset.json"
DRUMS = "tracks/0000/drums.flac"
Entries = dict[str, bytes]
Record = dict[str, Any]


@pytest.fixture
def entries(archive: Path) -> Entries:
    """The content of a good archive."""
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def refuse(path: Path, message: str, **settings: Any) -> None:
    """Merge an archive into an empty folder, which must stay empty."""
    target = path.parent / "target"
    target.mkdir(exist_ok=True)
    with pytest.raises(DssganError, match=message) as caught:
        merge([path], target / "set" / "dataset.json", **settings)
    told = str(caught.value)
    assert told.isprintable()
    assert len(told) < 700
    assert str(path) in told
    assert not list(target.iterdir())
    assert [entry.name for entry in path.parent.iterdir() if entry not in (target, path)] == []


def write(path: Path, entries: Entries, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def changed(entries: Entries, change: Callable[[Record], None]) -> Entries:
    record = json.loads(entries[RECORD])
    change(record)
    return {**entries, RECORD: json.dumps(record).encode()}


@pytest.mark.parametrize(
    "name",
    ["../evil", "tracks/../../evil", "/tmp/evil", "C:/evil", "..\\evil", "tracks\\evil", "tracks/0000/drums.flac\0x"],
)
def test_names_that_lead_outside(entries: Entries, tmp_path: Path, name: str) -> None:
    """The record announces the file under that very name, so nothing but the look at the name can refuse it."""
    place = "t" * len(name)  # Python's zipfile would clean the name as it writes it
    shown = name.split("\0")[0].replace("\\", "/") if "\0" in name else name

    def announce(record: Record) -> None:
        _file(record)["path"] = shown

    renamed = {place if key == DRUMS else key: value for key, value in changed(entries, announce).items()}
    path = write(tmp_path / "a.zip", renamed)
    path.write_bytes(path.read_bytes().replace(place.encode(), name.encode()))
    refuse(path, "leads out of the folder|twice" if "\0" in name else "leads out of the folder")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR, stat.S_IFSOCK])
def test_what_is_no_ordinary_file(entries: Entries, tmp_path: Path, kind: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (kind if name == DRUMS else stat.S_IFREG) << 16
            archive.writestr(entry, b"/etc/passwd" if name == DRUMS else content)
    refuse(path, "is no ordinary file")


@pytest.mark.parametrize("name", [DRUMS, RECORD])
def test_a_name_that_comes_twice(entries: Entries, tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.zip", entries)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(name, entries[name])
    refuse(path, "is in it twice")


@pytest.mark.parametrize("name", ["tracks/0000/DRUMS.flac", "TRACKS/0000/drums.flac", "readme.txt", "tracks/"])
def test_files_that_nobody_announced(entries: Entries, tmp_path: Path, name: str) -> None:
    refuse(write(tmp_path / "a.zip", {**entries, name: b""}), "no part of a contribution|no ordinary file")


@pytest.mark.parametrize("name", [DRUMS, RECORD])
def test_files_that_are_missing(entries: Entries, tmp_path: Path, name: str) -> None:
    del entries[name]
    refuse(write(tmp_path / "a.zip", entries), f"'{DRUMS}' is missing|has no {RECORD}")


def test_a_bomb_is_refused_for_being_compressed(entries: Entries, tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {**entries, DRUMS: bytes(50 << 20)}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20
    refuse(path, "is compressed")


def test_sizes_have_a_limit(archive: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(archive, tmp_path))
    refuse(path, "unpacks to more than .* GiB; where you trust its sender, allow more with --max-gib", max_gib=0.0001)


def test_audio_that_decodes_to_much_more_than_it_is(entries: Entries, tmp_path: Path) -> None:
    silence = io.BytesIO()
    soundfile.write(silence, np.zeros((44100 * 60, 2), np.int16), 44100, format="FLAC")
    content = silence.getvalue()

    def change(record: Record) -> None:
        _file(record).update(duration=60.0, fingerprint="silence")

    path = write(tmp_path / "a.zip", {**changed(entries, change), DRUMS: content})
    assert path.stat().st_size < 2 << 20
    refuse(path, "holds more audio than 0.005 GiB", max_gib=0.005)


def test_a_header_that_promises_more_than_there_is(archive: Path, tmp_path: Path) -> None:
    content = bytearray(archive.read_bytes())
    place = content.rindex(b"PK\1\2")
    struct.pack_into("<LL", content, place + 20, 1 << 30, 1 << 30)
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    refuse(path, "promises more than it holds")


def test_a_directory_that_would_fill_the_memory(archive: Path, tmp_path: Path) -> None:
    content = bytearray(archive.read_bytes())
    struct.pack_into("<L", content, len(content) - 10, 17 << 20)
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    refuse(path, "lists more files than a contribution can hold")


def test_encrypted_entries(archive: Path, tmp_path: Path) -> None:
    content = bytearray(archive.read_bytes())
    place = content.index(b"PK\1\2")
    content[place + 8] |= 1
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    refuse(path, "is encrypted")


@pytest.mark.parametrize(("before", "after"), [(b"#!/bin/sh\n", b""), (b"", b"behind")], ids=["in front", "behind"])
def test_what_is_put_around_an_archive(archive: Path, tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(before + archive.read_bytes() + after)
    refuse(path, "has something in front|something was put behind")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\5\6" + bytes(18), bytes(100_000)])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    refuse(path, f"is no zip|has no {RECORD}")


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    refuse(tmp_path / "a.zip", "no such file")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"", "Invalid JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "Invalid JSON: recursion limit"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "Invalid JSON: recursion limit"),
        (b" " * ((16 << 20) + 1), "is too long"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"null", "should be an object"),
    ],
    ids=["empty", "deep lists", "deep objects", "long", "not utf-8", "null"],
)
def test_records_that_are_none(entries: Entries, tmp_path: Path, record: bytes, message: str) -> None:
    refuse(write(tmp_path / "a.zip", {**entries, RECORD: record}), message)


def _file(record: Record) -> Record:
    file = record["train_sup"][0]["sources"]["drums"]
    assert isinstance(file, dict)
    return file


def _set(owner: Callable[[Record], Record], key: str, value: Any) -> Callable[[Record], None]:
    return lambda record: owner(record).__setitem__(key, value)


def _whole(record: Record) -> Record:
    return record


def _rights(record: Record) -> Record:
    (rights,) = record["rights"]
    assert isinstance(rights, dict)
    return rights


def _track(record: Record) -> Record:
    track = record["train_sup"][0]
    assert isinstance(track, dict)
    return track


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set(_file, "duration", float("nan")), "duration"),
        (_set(_file, "duration", float("inf")), "duration"),
        (_set(_file, "duration", "1.0"), "duration"),
        (_set(_file, "duration", 2.0), "rate, channels or length"),
        (_set(_file, "channels", True), "channels"),
        (_set(_file, "channels", 9), "too many channels"),
        (_set(_file, "sample_rate", 10**30), "too high a sample rate|Invalid|int"),
        (_set(_file, "sample_rate", 48000), "rate, channels or length"),
        (_set(_file, "channels", 1), "rate, channels or length"),
        (_set(_file, "fingerprint", None), "its fingerprint is none"),
        (_set(_file, "stem", 1), "must be one file"),
        (_set(_file, "fingerprint", "0" * 64), "is not the audio"),
        (_set(_file, "fingerprint", "silence"), "is not the audio"),
        (_set(_file, "path", "../../evil.flac"), "must be called tracks/0000/drums.flac"),
        (_set(_file, "code", "import os"), "Extra inputs"),
        (_set(_track, "name", "../evil"), "cannot be a name"),
        (_set(_track, "name", "a\\b"), "cannot be a name"),
        (_set(_track, "name", "a\u202eb"), "cannot be a name"),
        (_set(_track, "name", ".hidden"), "choose plain words"),
        (_set(_track, "name", "-rf"), "choose plain words"),
        (_set(_track, "name", "NUL.txt"), "choose another"),
        (_set(_track, "name", "n" * 121), "choose another"),
        (_set(_track, "name", "ZWÖLF"), "occurs twice"),
        (_set(_track, "name", "Zwo\u0308lf"), "occurs twice"),
        (_set(_track, "sources", {}), "has no source"),
        (_set(_track, "mix", {"sum": [{}]}), "mix"),
        (_set(_whole, "train_sup", []), "tracks"),
        (lambda record: record.update(test=record["train_sup"]), "more than songs to train on"),
        (lambda record: record["train_unsup"].update(mixes=[_file(record)]), "more than songs to train on"),
        (_set(_whole, "sources", ["drums", "../other"]), "must be a lower-case word"),
        (_set(_whole, "sources", ["drums", "drums"]), "occurs twice"),
        (_set(_rights, "licence", "free"), "no SPDX identifier"),
        (_set(_rights, "licence", "cc-by-4.0"), "must be spelt CC-BY-4.0"),
        (_set(_rights, "holder", "\x1b]0;evil\x07"), "printable"),
        (_set(_rights, "holder", "Somebody else"), "not those of its rights"),
        (_set(_rights, "consent", None), "consent"),
        (_set(_rights, "tracks", ["One"]), "must name its tracks"),
        (_set(_rights, "archive", "0" * 64), "terms of its tracks"),
        (_set(_whole, "rights", []), "terms of its tracks"),
        (_set(_whole, "licence", "CC0-1.0"), "not those of its rights"),
        (_set(_whole, "version", 2), "version"),
    ],
)
def test_records_that_lie(entries: Entries, tmp_path: Path, change: Callable[[Record], None], message: str) -> None:
    refuse(write(tmp_path / "a.zip", changed(entries, change)), message)


def test_a_key_that_comes_twice(entries: Entries, tmp_path: Path) -> None:
    entries[RECORD] = entries[RECORD].replace(b'"holder"', b'"holder": "Somebody else",\n "holder"')
    refuse(write(tmp_path / "a.zip", entries), "'holder' occurs twice")


@pytest.mark.parametrize(
    "content",
    [b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", b"RIFF" + bytes(60), b"fLaC" + bytes(60), b"fLaC#EXTM3U\n"],
)
def test_audio_that_is_no_flac(entries: Entries, tmp_path: Path, content: bytes) -> None:
    refuse(write(tmp_path / "a.zip", {**entries, DRUMS: content}), "is no flac")


def test_flac_that_breaks_off(entries: Entries, tmp_path: Path) -> None:
    content = entries[DRUMS][: len(entries[DRUMS]) // 4]

    refuse(write(tmp_path / "a.zip", {**entries, DRUMS: content}), "truncated|corrupt|not the audio")


def test_one_bad_archive_stops_the_good_one(archive: Path, entries: Entries, tmp_path: Path) -> None:
    target = tmp_path / "set" / "dataset.json"
    del entries[DRUMS]
    bad = write(tmp_path / "bad.zip", entries)
    with pytest.raises(DataError, match=r"bad\.zip: .* is missing"):
        merge([archive, bad], target)
    assert list(tmp_path.iterdir()) == [bad]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_refused_or_harmless(
    archive: Path, entries: Entries, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(archive.read_bytes())
    # half of the damage where it hurts most: the record and the directory, not the audio
    directory = content.index(b"PK\1\2")
    place = st.one_of(st.integers(0, 3000), st.integers(directory, len(content) - 1), st.integers(0, len(content) - 1))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(place)] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.one_of(place, st.just(len(content))))]
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "a.zip").write_bytes(content)
    (folder / "out").mkdir()
    with contextlib.suppress(DataError):  # anything else that is raised fails the test
        unpacked = unpack(folder / "a.zip", folder / "out")
        assert {name: (folder / "out" / name).read_bytes() for name in entries} == entries
        assert [track.name for track in unpacked.dataset.train_sup] == ["One", "Zwölf"]
    shutil.rmtree(folder)
