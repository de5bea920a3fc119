"""The queue by itself."""

import shutil
import time
from pathlib import Path

import pytest

from dssgan.app.jobs import Queue
from dssgan.app.library import Library, Limits
from dssgan.app.song import Options, Song


def test_a_song_is_cancelled_while_its_process_starts(
    tmp_path: Path, noise: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    library = Library(
        tmp_path / "library", Limits(), lambda one: seen.append(one.state if isinstance(one, Song) else "")
    )
    with library.incoming() as folder:
        path = shutil.copy(noise, folder / "noise.wav")
        song = library.add(path, "noise.wav", Options(model="hpss"))
    queue = Queue(library, 1, "cpu")
    # asked for before the process: here it is cancelled
    monkeypatch.setattr(library, "require_space", lambda _: queue.cancel(library.find(song.id) or song))
    queue.start()  # takes up what is queued
    end = time.monotonic() + 60
    while "cancelled" not in seen and time.monotonic() < end:
        time.sleep(0.02)
    queue.close()
    found = library.find(song.id)
    assert found is not None
    assert (found.state, "done" in seen, seen[-1]) == ("cancelled", False, "cancelled")
    library.close()
