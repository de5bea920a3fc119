"""`dataset.pkl` is read, and a hostile one does nothing."""

import os
import pickle
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.data import legacy, legacy_pickle
from dssgan.data.loading import load_dataset
from dssgan.errors import DataError

RATE = 44100
Song = tuple[NDArray[np.float32], NDArray[np.float32]]


class Sample:
    """As the first version had it."""

    def __init__(self, path: str, sample_rate: int, channels: int, duration: float) -> None:
        self.path = path
        self.sample_rate = sample_rate
        self.channels = channels
        self.duration = duration


@pytest.fixture
def seed_class(monkeypatch: pytest.MonkeyPatch) -> type[Sample]:
    """The class under the module name that the first version's pickles hold."""
    module = ModuleType("Sample")
    module.Sample = Sample  # type: ignore[attr-defined]
    monkeypatch.setattr(Sample, "__module__", "Sample")
    monkeypatch.setitem(sys.modules, "Sample", module)
    return Sample


@pytest.fixture
def songs(tmp_path: Path, song: Song) -> Path:
    """Some seconds of wav."""
    mix, sources = song[0][:, :RATE], song[1][:, :, :RATE]
    for number, name in enumerate(("one", "two", "three")):
        for part, audio in (("mix", mix), ("drums", sources[0]), ("other", sources[1])):
            files.write(tmp_path / name / f"{part}.wav", audio / (number + 1), RATE)
    return tmp_path


def _content(folder: Path, make: Callable[[str], Any]) -> dict[str, Any]:
    def triple(name: str) -> tuple[Any, Any, Any]:
        mix, other, drums = (make(str(folder / name / f"{part}.wav")) for part in ("mix", "other", "drums"))
        return mix, other, drums

    two_mix, two_other, _ = triple("two")
    three = triple("three")
    return {
        "train_sup": [triple("one")],
        "train_unsup": [[triple("one")[0]], [triple("one")[1]], []],
        "train_valid": [(two_mix, two_other, 0.0)],
        "train_test": [three],
    }


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol_load(songs: Path, seed_class: type[Sample], protocol: int) -> None:
    path = songs / "dataset.pkl"
    path.write_bytes(pickle.dumps(_content(songs, lambda name: seed_class(name, RATE, 2, 1.0)), protocol=protocol))
    dataset = load_dataset(path)
    assert dataset.sources == ("drums", "other")
    track = dataset.train_sup[0]
    assert [sample.path.name for sample in track.recordings] == ["mix.wav", "drums.wav", "other.wav"]
    assert track.fingerprints
    assert dataset.valid[0].sources[0] is None  # a bare number is silence
    assert [track.name for track in (*dataset.valid, *dataset.test)] == ["mix", "mix"]
    assert [len(samples) for samples in dataset.train_unsup.sources] == [0, 1]


PYTHON_2 = (
    # protocol 0 of Python 2: a class derived from object, byte strings, UTF-8 as escapes
    b"(dp0\nS'train_sup'\np1\n(lp2\n(ccopy_reg\n_reconstructor\np3\n(cSample\nSample\np4\nc__builtin__\nobject\np5\n"
    b"Ntp6\nRp7\n(dp8\nS'duration'\np9\nF1.0\nsS'path'\np10\nS'gr\\xc3\\xb6\\xc3\\x9fe.wav'\np11\nsS'channels'\np12\n"
    b"I2\nsS'sample_rate'\np13\nI44100\nsbF0.0\ng7\ntp14\nas."
)
PYTHON_2_OLD_STYLE = (
    # a class derived from nothing
    b"(dp0\nS'train_sup'\np1\n(lp2\n((iSample\nSample\np3\n(dp4\nS'path'\np5\nS'a.wav'\np6\nsS'duration'\np7\nF1.0\nsb"
    b"F0.0\ng3\ntp8\nas."
)


@pytest.mark.parametrize(("content", "name"), [(PYTHON_2, "größe.wav"), (PYTHON_2_OLD_STYLE, "a.wav")])
def test_pickles_of_python_2_load(songs: Path, content: bytes, name: str) -> None:
    (songs / "one" / "mix.wav").rename(songs / name)
    (songs / "dataset.pkl").write_bytes(content)
    track = load_dataset(songs / "dataset.pkl").train_sup[0]
    assert [sample and sample.path for sample in track.sources] == [songs / name, None]


def test_a_leak_under_another_name_is_found(songs: Path, seed_class: type[Sample]) -> None:
    (songs / "PR_OhNo.wav").write_bytes((songs / "three" / "drums.wav").read_bytes())
    content = _content(songs, lambda name: seed_class(name, RATE, 2, 1.0))
    content["train_unsup"][2].append(seed_class(str(songs / "PR_OhNo.wav"), RATE, 2, 1.0))
    (songs / "dataset.pkl").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(DataError, match=r"PR_OhNo.wav: is the same audio as test track mix"):
        load_dataset(songs / "dataset.pkl")


def test_other_sources_keep_their_order(songs: Path, seed_class: type[Sample]) -> None:
    path = songs / "dataset.pkl"
    path.write_bytes(pickle.dumps(_content(songs, lambda name: seed_class(name, RATE, 2, 1.0))))
    dataset = legacy.load_pickle(path, stored_sources=("voice", "rest"))
    assert dataset.sources == ("voice", "rest")
    assert dataset.train_sup[0].sources[0] is not None
    assert dataset.train_sup[0].sources[0].path.name == "other.wav"


class _Evil:
    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        return self.reduced


def _hostile(name: str, proof: Path) -> bytes:
    command = f"touch {proof}"
    nested = _Evil(getattr, (_Evil(__import__, ("os",)), "system"))
    table: dict[str, Callable[[], bytes]] = {
        "system": lambda: pickle.dumps(_Evil(os.system, (command,))),
        "system in protocol 0": lambda: pickle.dumps(_Evil(os.system, (command,)), protocol=0),
        "eval": lambda: pickle.dumps({"train_sup": [_Evil(eval, (f"open({str(proof)!r}, 'w')",))]}),
        "getattr": lambda: pickle.dumps([nested]),
        "inst": lambda: b"(S'" + command.encode() + b"'\nios\nsystem\n.",
        "obj": lambda: b"(cos\nsystem\nS'" + command.encode() + b"'\no.",
        "sample called": lambda: b"cSample\nSample\n(S'a'\ntR.",
        "sample called through object": lambda: b"ccopy_reg\n_reconstructor\n(cos\nsystem\nc__builtin__\nobject\nNtR.",
        "reconstructor of object": lambda: (
            b"ccopy_reg\n_reconstructor\n(c__builtin__\nobject\nc__builtin__\nobject\nNtR."
        ),
        "attribute of Sample": lambda: b"\x80\x04\x8c\x06Sample\x8c\x12Sample.__init__.__x\x93.",
        "other Sample": lambda: b"cevilSample\nSample\n.",
        "state of a list": lambda: b"(lp0\n(dS'a'\nI1\nsb.",
        "slots": lambda: b"\x80\x02cSample\nSample\n)\x81N}U\x01aK\x01s\x86b.",
        "persistent": lambda: b"Pos\n.",
        "extension": lambda: b"\x80\x02\x82\x01.",
        "set": lambda: pickle.dumps({1, 2}, protocol=4),
        "bytes": lambda: pickle.dumps(b"x", protocol=4),
    }
    return table[name]()


HOSTILE = [
    "system", "system in protocol 0", "eval", "getattr", "inst", "obj", "sample called", "sample called through object",
    "reconstructor of object", "attribute of Sample", "other Sample", "state of a list", "slots", "persistent",
    "extension", "set", "bytes",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_does_nothing(tmp_path: Path, name: str) -> None:
    path, proof = tmp_path / "dataset.pkl", tmp_path / "proof"
    path.write_bytes(_hostile(name, proof))
    with pytest.raises(DataError, match=r"dataset\.pkl: (refused|cannot be read)") as caught:
        load_dataset(path)
    assert "\n" not in str(caught.value)
    assert not proof.exists()


def test_the_refused_name_is_told(tmp_path: Path) -> None:
    path = tmp_path / "dataset.pkl"
    path.write_bytes(pickle.dumps(_Evil(os.system, ("true",))))
    with pytest.raises(DataError, match=r"refused, it asks for (posix|nt|os)\.system, which is neither plain data"):
        load_dataset(path)


def _bombs() -> dict[str, bytes]:
    laughs = b"\x80\x02]q\x00" + b"".join(
        b"]q" + bytes([n]) + b"(" + (b"h" + bytes([n - 1])) * 10 + b"e" for n in range(1, 60)
    )
    deep_list = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    deep_key = b"\x80\x02})" + b"\x85" * 100_000 + b"K\x01s."
    return {
        "billion laughs": laughs + b".",
        "laughs as songs": b"\x80\x02}U\x09train_sup" + laughs[2:] + b"s.",
        "deep list": deep_list,
        "deep key": deep_key,
        "memo": b"\x80\x02]r\xff\xff\xff\xff.",
        "long string": b"\x80\x04\x8d" + (2**60).to_bytes(8, "little") + b"x.",
        "long frame": b"\x80\x04\x95" + (2**60).to_bytes(8, "little") + b"N.",
        "huge number": b"\x80\x02}U\x09train_sup]\x8b\xff\xff\xff\x7f\x01s.",
        "self": b"\x80\x02]q\x00h\x00a.",
    }


@pytest.mark.parametrize("name", _bombs())
def test_bombs_cost_neither_time_nor_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "dataset.pkl"
    path.write_bytes(_bombs()[name])
    begin = time.perf_counter()
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"dataset\.pkl: "):
            load_dataset(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - begin < 10
    assert peak < 64 * 2**20, f"{peak / 2**20:.0f} MiB"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "it is a list of 2 where a dict of partitions should be"),
        ({"trian_sup": []}, "unknown partition 'trian_sup': did you mean train_sup"),
        ({"valid": [], "train_valid": []}, "has valid twice, once as train_valid"),
        ({"train_sup": 3}, "train_sup is a int where a list should be"),
        ({"train_sup": [(0.0, 0.0)]}, r"train_sup 0 is a tuple of 2 where \(mix, other, drums\) should be"),
        ({"train_sup": [("a.wav", 0.0, 0.0)]}, "train_sup 0 is a str where a Sample should be"),
        ({"train_sup": [(0.0, 0.0, 0.0)]}, "all its sources are silent"),
        ({"train_unsup": [[], []]}, "train_unsup is a list of 2 where lists of mixes, other and drums should be"),
    ],
)
def test_other_contents_are_named(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "dataset.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(DataError, match=message):
        load_dataset(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample_rate": 22050}, "has sample_rate 44100, which is not what the pickle states"),
        ({"channels": 10**400}, "has channels 2, which"),
        ({"duration": float("nan")}, "has duration 1, which"),
        ({"path": 5}, "a Sample's path is a int where text should be"),
        ({"path": "gone.wav"}, "gone.wav: no such file"),
        ({"path": "zero\0.wav"}, "cannot be opened"),
    ],
)
def test_samples_that_do_not_agree_are_named(
    songs: Path, seed_class: type[Sample], changes: dict[str, Any], message: str
) -> None:
    sample = seed_class(str(songs / "one" / "mix.wav"), RATE, 2, 1.0)
    vars(sample).update(changes)
    (songs / "dataset.pkl").write_bytes(pickle.dumps({"valid": [(0.0, sample, 0.0)]}, protocol=2))
    with pytest.raises(DataError, match=message):
        load_dataset(songs / "dataset.pkl")


def test_a_pickle_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dataset.pkl"
    for length in range(len(PYTHON_2) - 1):
        path.write_bytes(PYTHON_2[:length])
        with pytest.raises(DataError, match=r"dataset\.pkl: "):
            load_dataset(path)


@settings(max_examples=400)
@given(st.one_of(
    st.binary(max_size=200),
    st.tuples(st.integers(0, len(PYTHON_2) - 1), st.binary(min_size=1, max_size=4)).map(
        lambda change: PYTHON_2[: change[0]] + change[1] + PYTHON_2[change[0] + len(change[1]) :]
    ),
))  # fmt: skip
def test_any_bytes_are_parsed_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pkl"
    path.write_bytes(content)
    with suppress(legacy_pickle.ForbiddenError, ValueError):
        legacy_pickle.parse(path)
