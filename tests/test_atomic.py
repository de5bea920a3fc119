"""Files and folders appear whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dssgan import atomic
from dssgan.errors import DssganError


def test_a_file_appears_with_its_name_and_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    atomic.write_text(path, "größe\n")
    assert path.read_text(encoding="utf-8") == "größe\n"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_hidden_until_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic.replacing(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_half_way() -> None:
        with atomic.replacing(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_operating_system_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    message = r"a.txt: cannot be written \(No space left on device\); make space"
    with pytest.raises(DssganError, match=message), atomic.replacing(path):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DssganError, match="file: cannot make this folder"), atomic.replacing(tmp_path / "file" / "a"):
        pass


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").touch()
    with atomic.replacing_folder(path) as temporary:
        (temporary / "new").touch()
        assert [entry.name for entry in path.iterdir()] == ["old"]
    assert [entry.name for entry in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_what_lies_in_a_folder_has_usual_permissions(tmp_path: Path) -> None:
    with atomic.replacing_folder(tmp_path / "model") as temporary:
        (temporary / "weights").touch(mode=0o600)
    usual = tmp_path / "usual"
    usual.touch()
    assert (tmp_path / "model" / "weights").stat().st_mode == usual.stat().st_mode


def test_an_error_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").touch()

    def fail_half_way() -> None:
        with atomic.replacing_folder(path) as temporary:
            (temporary / "new").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert [entry.name for entry in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_and_what_lives_stays(tmp_path: Path) -> None:
    script = (
        "import os, signal\nfrom pathlib import Path\nfrom dssgan import atomic\n"
        "(atomic.make_folder(Path('.'), 'song') / 'sums').write_text('large')\n"
        "with atomic.replacing(Path('stem.wav')) as temporary:\n"
        "    temporary.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False).returncode == -signal.SIGKILL
    left = sorted(path.name for path in tmp_path.iterdir())
    assert [name.partition("~")[0] for name in left] == [".song", ".stem"]
    (foreign := tmp_path / left[0].replace(atomic._machine(), "00000000")).mkdir()  # of another machine
    (tmp_path / ".hidden-file").touch()
    with atomic.replacing(tmp_path / "other.wav") as mine:
        assert {path.name for path in tmp_path.iterdir()} == {mine.name, foreign.name, ".hidden-file"}
        mine.write_text("whole")
    assert (tmp_path / "other.wav").read_text() == "whole"


def test_a_name_of_any_length_and_script_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("☃" * 80 + ".wav")  # 244 bytes
    with atomic.replacing(path) as temporary:
        temporary.write_text("x")
    assert path.read_text() == "x"
