"""The queue: songs are separated one after another, each by a process of its own."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import Any

from dssgan.app.library import Library, describe_error
from dssgan.app.song import Song
from dssgan.app.worker import Job

_CORES_A_JOB = 4  # a second song at a time pays only where the first one cannot use all cores
_STOP_SECONDS = 5.0
_TAIL_BYTES = 2000


def jobs_for(num_cores: int) -> int:
    """Return how many songs are separated at a time: two where there are cores for both."""
    return 2 if num_cores >= 2 * _CORES_A_JOB else 1


@dataclass
class Queue:
    """Separates what the library has queued, oldest first, until it is closed.

    Args:
        library: the songs.
        num_jobs: songs at a time.
        device: "auto", "cpu", "cuda" or "mps".
    """

    library: Library
    num_jobs: int = 1
    device: str = "auto"
    _waiting: deque[str] = field(default_factory=deque, init=False)
    _running: dict[str, "subprocess.Popen[str] | None"] = field(default_factory=dict, init=False)
    _cancelled: set[str] = field(default_factory=set, init=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)
    _is_closed: bool = field(default=False, init=False)
    _threads: list[threading.Thread] = field(default_factory=list, init=False)

    def start(self) -> None:
        """Begin, with what an earlier run of the program has left open."""
        for song in self.library.songs():
            if song.is_open:
                self.submit(song)
        for _ in range(self.num_jobs):
            thread = threading.Thread(target=self._work, daemon=True)
            thread.start()
            self._threads.append(thread)

    def submit(self, song: Song) -> None:
        """Queue a song; one that failed, was cancelled or is done begins anew."""
        self.library.change(song.id, state="queued", error="", done_seconds=0.0, left_seconds=None)
        with self._changed:
            self._cancelled.discard(song.id)
            if song.id not in self._waiting:
                self._waiting.append(song.id)
            self._changed.notify()

    def cancel(self, song: Song) -> None:
        """Remove a song from the queue, or stop its separation."""
        with self._changed:
            if song.id in self._waiting:
                self._waiting.remove(song.id)
            is_taken = song.id in self._running
            if is_taken:
                self._cancelled.add(song.id)
            if (process := self._running.get(song.id)) is not None:
                process.terminate()
        if not is_taken and song.is_open:
            self.library.change(song.id, state="cancelled", left_seconds=None)

    def close(self) -> None:
        """Stop; what is not done stays queued for the next start."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            for process in self._processes():
                process.terminate()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)
        with self._changed:
            for process in self._processes():
                process.kill()

    def _processes(self) -> "list[subprocess.Popen[str]]":
        return [process for process in self._running.values() if process is not None]

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if self._is_closed:
                    return
                identifier = self._waiting.popleft()
                self._running[identifier] = None  # its process is about to start
            try:
                song = self.library.find(identifier)
                outcome = {} if song is None else self._separate(song)
            except Exception as error:  # one song's fault must not end the queue
                outcome = {"state": "failed", "error": describe_error(error), "left_seconds": None}
            with self._changed:  # before its state says that it may be queued again
                del self._running[identifier]
                self._cancelled.discard(identifier)
            self.library.change(identifier, **outcome)

    def _separate(self, song: Song) -> dict[str, Any]:
        """Separate a song in a process of its own, and return how the library is to change by what came of it."""
        library = self.library
        library.require_space(song.stems_bytes)
        num_threads = None if self.num_jobs == 1 else max(1, (os.cpu_count() or 1) // self.num_jobs)
        job = Job(
            source=library.source_of(song), folder=library.stems_of(song), options=song.options,
            num_threads=num_threads, device=self.device,
        )  # fmt: skip
        began = time.monotonic()
        with TemporaryFile("w+b") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "dssgan.app.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors, text=True, encoding="utf-8", start_new_session=True,
            )  # fmt: skip
            with self._changed:
                self._running[song.id] = process
                if song.id in self._cancelled:
                    process.terminate()
            try:
                library.change(song.id, state="separating")
                outcome = self._follow(song, process, job, began)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdout.close()
            if "done" in outcome:
                done = outcome["done"]
                return {"state": "done", "done_seconds": done["seconds"], "left_seconds": None, **done}
            with self._changed:
                was_cancelled = song.id in self._cancelled
            if was_cancelled:
                return {"state": "cancelled", "left_seconds": None}
            if self._is_closed:
                return {"state": "queued", "done_seconds": 0.0, "left_seconds": None}
            error = outcome.get("error") or _reason(process.returncode, errors)
            shown = error.replace(str(library.source_of(song)), song.name)
            return {"state": "failed", "error": shown, "left_seconds": None}

    def _follow(self, song: Song, process: "subprocess.Popen[str]", job: Job, began: float) -> dict[str, Any]:
        """Send the job, pass its progress on, and return its last message; {} where the process ended without one."""
        assert process.stdin is not None
        assert process.stdout is not None
        outcome: dict[str, Any] = {}
        try:
            process.stdin.write(job.model_dump_json() + "\n")
            process.stdin.flush()
            for line in process.stdout:
                message = json.loads(line)
                if "progress" not in message:
                    outcome = message
                    break
                done, total = message["progress"]
                elapsed = time.monotonic() - began
                left = elapsed * (total - done) / done if done > 0 else None
                self.library.change(song.id, is_written=False, done_seconds=done, left_seconds=left)
            process.stdin.close()
        except BrokenPipeError:  # it ended before it could read its job
            pass
        return outcome


def _reason(returncode: int, errors: Any) -> str:
    """Return why a process ended without a message: its last line on standard error, or its exit code."""
    if returncode < 0:
        return f"the separation was ended by signal {-returncode}, perhaps for want of memory; try again"
    errors.seek(0, os.SEEK_END)
    errors.seek(max(errors.tell() - _TAIL_BYTES, 0))
    lines = [line.strip() for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
    return f"the separation ended unexpectedly ({lines[-1] if lines else f'exit code {returncode}'}); try again"
