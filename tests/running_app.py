"""The app as users start it: a process that listens on a port."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

RATE = 44100
PROGRAM = Path(sys.executable).with_name("dssgan")


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class RunningApp:
    """A running app.

    Attributes:
        library: its folder.
        process: the process.
        link: what it printed.
    """

    library: Path
    process: "subprocess.Popen[str]"
    link: str
    options: tuple[str, ...] = field(default=())

    @property
    def port(self) -> int:
        return urlsplit(self.link).port or 0

    @property
    def token(self) -> str:
        return (self.library / "token").read_text()

    def ask(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Answer:
        """Ask for something, with the token unless headers are given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = dict({"Authorization": f"Bearer {self.token}"} if headers is None else headers)
        if isinstance(body, dict):
            body, sent["Content-Type"] = json.dumps(body), "application/json"
        try:
            connection.request(method, path + (f"?{urlencode(query)}" if query else ""), body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())
        finally:
            connection.close()

    def add(self, path: Path, name: str | None = None, **options: Any) -> Any:
        answer = self.ask("POST", "/songs", path.read_bytes(), name=name or path.name, **options)
        assert answer.status == 201, answer.content
        return answer.json

    def wait(self, song: Any, *states: str, seconds: float = 120) -> Any:
        """Wait until a song is in one of some states, "done" by default."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.ask("GET", f"/songs/{song['id']}").json
            if found["state"] in (states or ("done", "failed", "cancelled")):
                assert states or found["state"] == "done", found
                return found
            time.sleep(0.1)
        raise AssertionError(found)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def start(library: Path, *options: str, headless: bool = True) -> RunningApp:
    command = [str(PROGRAM), "app", "--no-browser", "--library", str(library), "--port", "0", *options]
    if headless:
        command.append("--headless")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("dssgan app: "), line + process.stdout.read()
    return RunningApp(library, process, line.split()[-1], options)
